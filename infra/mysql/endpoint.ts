import type * as pulumi from '@pulumi/pulumi';
import type { SecurityGroup } from './security-group.ts';

/** A database endpoint and the permissions to connect to it. */
export interface DatabaseEndpoint {
  readonly host: pulumi.Output<string>;
  readonly securityGroup: SecurityGroup;
  /** The RDS resource ID in an ARN of `rds-db:connect`: the instance's or the proxy's. */
  readonly resourceId: pulumi.Output<string>;
  /** Once these exist, it accepts connections. */
  readonly ready: readonly pulumi.Resource[];
}

export const port = 3306;

/** The schema of all datasets' tables. */
export const schemaName = 'sluice';

/** The loading function's user, without a password; the migration creates it. */
export const loadingUser = 'sluice_loading';
