import * as z from 'zod';
import { whole } from './whole.ts';

const expression = [
  /^(cron|rate)\([^()]+\)$/,
  'must be cron(…) or rate(…), such as cron(0 * * * ? *)',
] as const;

export const catalogConfiguration = z
  .strictObject({
    /**
     * When the crawler looks for new files, in UTC. A crawl that finds nothing new costs nothing, another at
     * least $0.15.
     */
    schedule: z
      .string()
      .regex(...expression)
      .default('cron(0 * * * ? *)'),
    /** Whether the schedule is enabled. */
    scheduled: z.boolean().default(true),
    /**
     * Seconds that a change may wait for a crawl before an alarm. Must exceed the time between two crawls.
     */
    alarmAge: whole(3_600, 864_000).default(14_400),
  })
  .prefault({});

/** When the lake's tables are maintained. */
export const maintenanceConfiguration = z
  .strictObject({
    /** In UTC. A run that finds nothing to do costs less than a cent. */
    schedule: z
      .string()
      .regex(...expression)
      .default('cron(30 * * * ? *)'),
    /** Whether the schedule is enabled. */
    scheduled: z.boolean().default(true),
  })
  .prefault({});

/** Base and maximum capacity in RPUs (Redshift guide, serverless-capacity). */
const capacity = whole(4, 1_024).refine(
  (value) => value === 4 || (value <= 512 ? value % 8 === 0 : value % 32 === 0),
  'must be 4, or a multiple of 8 up to 512, or a multiple of 32 up to 1024',
);

/** Redshift Serverless. AWS bills each second that a query runs, at least a minute. */
export const warehouseConfiguration = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** RPUs at the start of a query. */
    baseCapacity: capacity.default(8),
    /** Maximum RPUs. */
    maxCapacity: capacity.default(16),
    /** RPU-hours per period. Queries are refused once they are used up. */
    usageLimit: whole(1, 100_000).default(8),
    usagePeriod: z.enum(['daily', 'weekly', 'monthly']).default('daily'),
    /** Seconds that a query may take. */
    queryTimeout: whole(1, 86_399).default(900),
    /** Three subnets in three zones. Without them, the default VPC's subnets. */
    subnetIds: z.array(z.string().startsWith('subnet-')).min(3).optional(),
    securityGroupIds: z.array(z.string().startsWith('sg-')).min(1).optional(),
  })
  .refine((value) => value.maxCapacity >= value.baseCapacity, {
    path: ['maxCapacity'],
    message: 'must not be below baseCapacity',
  })
  .prefault({});

export type CatalogConfiguration = z.infer<typeof catalogConfiguration>;
export type MaintenanceConfiguration = z.infer<typeof maintenanceConfiguration>;
export type WarehouseConfiguration = z.infer<typeof warehouseConfiguration>;
