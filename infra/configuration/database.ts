import * as z from 'zod';
import { instanceClasses } from './instance-classes.ts';
import { whole } from './whole.ts';

/** The database of a stack with MySQL. Ranges: RDS guide, CHAP_Storage and API reference, CreateDBInstance. */
export const database = z
  .strictObject({
    instanceClass: z
      .string()
      .refine((name) => name in instanceClasses, `must be one of ${Object.keys(instanceClasses).join(', ')}`)
      .default('db.t4g.medium'),
    /** GiB of gp3. */
    storage: whole(20, 65_536).default(20),
    /** GiB up to which RDS lets the storage grow by itself. */
    maximumStorage: whole(22, 65_536).default(200),
    /** Whether a standby in the other zone takes over. By default where the stack is to be kept. */
    multiAz: z.boolean().optional(),
    /** Whether RDS refuses to delete it. By default where the stack is to be kept. */
    deletionProtection: z.boolean().optional(),
    /** Days for which a point in time can be restored. */
    backupRetention: whole(1, 35).default(7),
    /** Whether a last snapshot remains when it is deleted. By default where the stack is to be kept. */
    finalSnapshot: z.boolean().optional(),
    /** Whether functions connect through RDS Proxy, which keeps connections over failovers. */
    proxy: z.boolean().default(false),
    /** The two private subnets share it; peered networks must not overlap. */
    network: z
      .string()
      .regex(/^(10|172|192)(\.\d{1,3}){2}\.0\/24$/, 'must be a private /24 such as 10.24.0.0/24')
      .default('10.24.0.0/24'),
  })
  // RDS refuses a smaller difference (RDS guide, USER_PIOPS.Autoscaling).
  .refine(({ storage, maximumStorage }) => maximumStorage >= 1.1 * storage, {
    path: ['maximumStorage'],
    message: 'must be at least 10 % above storage',
  })
  .prefault({});

export type DatabaseConfiguration = Required<z.infer<typeof database>>;

/** What is to be kept is kept thrice; what may be destroyed costs little. */
export function forStack(
  { multiAz, deletionProtection, finalSnapshot, ...others }: z.infer<typeof database>,
  { forceDestroy }: { readonly forceDestroy: boolean },
): DatabaseConfiguration {
  return {
    ...others,
    multiAz: multiAz ?? !forceDestroy,
    deletionProtection: deletionProtection ?? !forceDestroy,
    finalSnapshot: finalSnapshot ?? !forceDestroy,
  };
}
