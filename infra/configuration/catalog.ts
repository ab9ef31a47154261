import * as z from 'zod';
import { whole } from './whole.ts';

/** The catalog's crawler. */
export const catalogConfiguration = z
  .strictObject({
    /** When the crawler looks for what is new, in UTC. A crawl without anything new costs nothing. */
    schedule: z
      .string()
      .regex(/^(cron|rate)\([^()]+\)$/, 'must be cron(…) or rate(…), such as cron(0 * * * ? *)')
      .default('cron(0 * * * ? *)'),
    /** Whether that schedule is on. */
    scheduled: z.boolean().default(true),
    /** Seconds that a change may wait for a crawl before an alarm: longer than from one crawl to the next. */
    alarmAge: whole(3_600, 864_000).default(14_400),
  })
  .prefault({});

/** Redshift guide, serverless-capacity: base and maximum capacity, in RPUs. */
const capacity = whole(4, 1_024).refine(
  (value) => value === 4 || (value <= 512 ? value % 8 === 0 : value % 32 === 0),
  'must be 4, or a multiple of 8 up to 512, or a multiple of 32 up to 1024',
);

/** Redshift Serverless, which costs by the second that a query runs, and at least a minute. */
export const warehouseConfiguration = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** RPUs with which a query begins. */
    baseCapacity: capacity.default(8),
    /** RPUs at the most. */
    maxCapacity: capacity.default(16),
    /** RPU-hours a period, after which queries are refused. */
    usageLimit: whole(1, 100_000).default(8),
    usagePeriod: z.enum(['daily', 'weekly', 'monthly']).default('daily'),
    /** Seconds that one query may take. */
    queryTimeout: whole(1, 86_399).default(900),
    /** Three subnets in three zones; those of the default VPC when left out. */
    subnetIds: z.array(z.string().startsWith('subnet-')).min(3).optional(),
    securityGroupIds: z.array(z.string().startsWith('sg-')).min(1).optional(),
  })
  .refine((value) => value.maxCapacity >= value.baseCapacity, {
    path: ['maxCapacity'],
    message: 'must not be below baseCapacity',
  })
  .prefault({});

export type CatalogConfiguration = z.infer<typeof catalogConfiguration>;
export type WarehouseConfiguration = z.infer<typeof warehouseConfiguration>;
