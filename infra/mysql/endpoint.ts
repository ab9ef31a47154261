import type * as pulumi from '@pulumi/pulumi';
import type { SecurityGroup } from './security-group.ts';

/** Where functions connect to, and what lets them. */
export interface DatabaseEndpoint {
  readonly host: pulumi.Output<string>;
  readonly securityGroup: SecurityGroup;
  /** Of the RDS resource in an ARN of `rds-db:connect`: of the instance, or of its proxy. */
  readonly resourceId: pulumi.Output<string>;
}

export const port = 3306;

/** The schema that holds every dataset's tables. */
export const schemaName = 'sluice';

/** Whom the loading function connects as, without a password: made by the migration. */
export const loadingUser = 'sluice_loading';
