import * as z from 'zod';
import { instanceClasses } from './instance-classes.ts';
import { whole } from './whole.ts';

const octet = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** RFC 1918. */
const privateNetwork = new RegExp(`^(10\\.${octet}|172\\.(1[6-9]|2\\d|3[01])|192\\.168)\\.${octet}\\.0/24$`);

/** The stack's MySQL database. Ranges: RDS guide, CHAP_Storage, and API reference, CreateDBInstance. */
export const database = z
  .strictObject({
    instanceClass: z
      .string()
      .refine((name) => name in instanceClasses, `must be one of ${Object.keys(instanceClasses).join(', ')}`)
      .default('db.t4g.medium'),
    /** GiB of gp3. */
    storage: whole(20, 65_536).default(20),
    /** GiB up to which RDS grows the storage automatically. */
    maximumStorage: whole(22, 65_536).default(200),
    /** Whether a standby in the other zone takes over. On by default unless `forceDestroy` is set. */
    multiAz: z.boolean().optional(),
    /** Whether RDS and Pulumi refuse to delete it. On by default unless `forceDestroy` or `retain` is set. */
    deletionProtection: z.boolean().optional(),
    /** Days of point-in-time recovery. */
    backupRetention: whole(1, 35).default(7),
    /** Whether RDS takes a final snapshot on deletion. On by default unless `forceDestroy` is set. */
    finalSnapshot: z.boolean().optional(),
    /** Whether functions connect through RDS Proxy, which keeps connections across failovers. */
    proxy: z.boolean().default(false),
    /** Whether CloudWatch Database Insights shows which statements take the time, of the last seven days. */
    insights: z.boolean().default(false),
    /** Whether a log group gets a line for each connection, and each that is refused. */
    flowLogs: z.boolean().default(false),
    /** The address range of the two private subnets, for good. Peered networks must not overlap. */
    network: z
      .string()
      .regex(
        privateNetwork,
        'must be a /24 in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, such as 10.24.0.0/24',
      )
      .default('10.24.0.0/24'),
  })
  // RDS refuses a smaller difference (RDS guide, USER_PIOPS.Autoscaling).
  .refine(({ storage, maximumStorage }) => maximumStorage >= 1.1 * storage, {
    path: ['maximumStorage'],
    message: 'must be at least 10 % above storage',
  })
  // RDS guide, USER_DatabaseInsights.Engines.
  .refine(({ instanceClass, insights }) => !(insights && /^db\.t4g\.(micro|small)$/.test(instanceClass)), {
    path: ['insights'],
    message: 'must be false for db.t4g.micro and db.t4g.small, which do not have it',
  })
  .prefault({});

export type DatabaseConfiguration = Required<z.infer<typeof database>>;

/**
 * A stack to be kept gets a standby, deletion protection and a final snapshot by default; one that may be
 * destroyed stays cheap. One that is about to go keeps its data in the snapshot.
 */
export function forStack(
  { multiAz, deletionProtection, finalSnapshot, ...others }: z.infer<typeof database>,
  { forceDestroy, retain }: { readonly forceDestroy: boolean; readonly retain: boolean },
): DatabaseConfiguration {
  return {
    ...others,
    multiAz: multiAz ?? !forceDestroy,
    deletionProtection: deletionProtection ?? !(forceDestroy || retain),
    finalSnapshot: finalSnapshot ?? !forceDestroy,
  };
}
