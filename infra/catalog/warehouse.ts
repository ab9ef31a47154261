import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { archiveTableName, type Dataset } from '../../domain/dataset.ts';
import { ledgerTablePrefix, ledgerTables } from '../../domain/tables/ledger-tables.ts';
import {
  archiveViewDdl,
  externalSchema,
  externalSchemaDdl,
  ledgerViewDdl,
  typedViewDdl,
} from '../../domain/tables/redshift.ts';
import type { Bucket } from '../base/bucket.ts';
import type { Key } from '../base/key.ts';
import type { WarehouseConfiguration } from '../configuration/catalog.ts';
import { policyDocument, trust, usesKey } from '../iam/documents.ts';
import { readsAll, readsCatalog, readsUnder } from '../iam/grants.ts';
import type { Catalog, CatalogArgs } from './catalog.ts';

export interface WarehouseArgs extends WarehouseConfiguration {
  readonly datasets: readonly Dataset[];
  /** The buckets with the files of the datasets' tables. */
  readonly files: readonly Bucket[];
  readonly ledgerFiles: CatalogArgs['ledgerFiles'];
  readonly catalog: Catalog;
  readonly key: Key;
  readonly region: string;
}

/**
 * Redshift Serverless. It reads the lake through Spectrum and stores nothing. Clients reach it only through
 * the Data API, and it stops when its usage limit is reached.
 */
export class Warehouse extends pulumi.ComponentResource {
  readonly workgroup: pulumi.Output<string>;
  readonly database: pulumi.Output<string>;

  constructor(name: string, args: WarehouseArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Warehouse', name, {}, options);
    const { catalog, files, ledgerFiles, key, datasets } = args;
    const role = new aws.iam.Role(
      name,
      {
        // Redshift guide, serverless-iam "Granting permissions to Amazon Redshift Serverless".
        assumeRolePolicy: trust(
          ['redshift-serverless.amazonaws.com', 'redshift.amazonaws.com'],
          { 'aws:SourceAccount': catalog.accountId },
          { ifTold: true },
        ),
      },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      name,
      {
        role: role.name,
        // Redshift database guide, c-spectrum-iam-policies.
        policy: policyDocument([
          ...files.flatMap((bucket) => readsAll(bucket).statements),
          ...Object.values(ledgerTables).flatMap((table) =>
            readsUnder(ledgerFiles[table.bucket], ledgerTablePrefix(table)),
          ),
          readsCatalog([...catalog.arns, ...catalog.tableArns]),
          usesKey(key.arn, ['Decrypt'], ['s3']),
        ]),
      },
      { parent: this },
    );
    const namespace = new aws.redshiftserverless.Namespace(
      name,
      {
        namespaceName: name,
        dbName: 'sluice',
        iamRoles: [role.arn],
        kmsKeyId: key.arn,
        // Secrets Manager keeps the password and the statements below use it, so no person needs it.
        manageAdminPassword: true,
        logExports: ['connectionlog', 'userlog'],
      },
      { parent: this, dependsOn: [policy], deleteBeforeReplace: true },
    );
    const workgroup = new aws.redshiftserverless.Workgroup(
      name,
      {
        workgroupName: name,
        namespaceName: namespace.namespaceName,
        baseCapacity: args.baseCapacity,
        maxCapacity: args.maxCapacity,
        publiclyAccessible: false,
        ...(args.subnetIds && { subnetIds: args.subnetIds }),
        ...(args.securityGroupIds && { securityGroupIds: args.securityGroupIds }),
        configParameters: [
          { parameterKey: 'require_ssl', parameterValue: 'true' },
          { parameterKey: 'max_query_execution_time', parameterValue: String(args.queryTimeout) },
        ],
      },
      // The provider stores all parameters that AWS returns, reports those not listed here as changes, and
      // AWS refuses a change that changes nothing (pulumi-aws issue 4405). To change `queryTimeout`, also run
      // `aws redshift-serverless update-workgroup`.
      { parent: this, ignoreChanges: ['configParameters'], deleteBeforeReplace: true },
    );
    new aws.redshiftserverless.UsageLimit(
      name,
      {
        resourceArn: workgroup.arn,
        usageType: 'serverless-compute',
        amount: args.usageLimit,
        period: args.usagePeriod,
        breachAction: 'deactivate',
      },
      { parent: this },
    );

    // Runs the statements of each view one after the other as the administrator, and those of different views
    // at the same time, since the provider waits half a minute for each. One runs again only when its text
    // changes.
    const schema = this.#statement(
      `${name}-schema`,
      pulumi
        .all([catalog.database, role.arn])
        .apply(([database, roleArn]) => externalSchemaDdl(database, roleArn, args.region)),
      { namespace, workgroup },
      [policy, ...catalog.tables],
    );
    const granted = this.#statement(
      `${name}-schema-grant`,
      `GRANT USAGE ON SCHEMA ${externalSchema} TO PUBLIC`,
      { namespace, workgroup },
      [schema],
    );
    const views = [
      ...datasets.flatMap((dataset) => [
        [dataset.name, typedViewDdl(dataset)] as const,
        [archiveTableName(dataset.name), archiveViewDdl(dataset)] as const,
      ]),
      ...Object.values(ledgerTables).map((table) => [table.name, ledgerViewDdl(table)] as const),
    ];
    for (const [view, { drop, create, grant }] of views) {
      let last = granted;
      for (const [what, sql] of Object.entries({ drop, view: create, grant }))
        last = this.#statement(`${name}-${view}-${what}`, sql, { namespace, workgroup }, [last]);
    }
    this.workgroup = workgroup.workgroupName;
    this.database = namespace.dbName.apply((dbName) => dbName ?? 'sluice');
    this.registerOutputs({ workgroup: this.workgroup, database: this.database });
  }

  #statement(
    name: string,
    sql: pulumi.Input<string>,
    {
      namespace,
      workgroup,
    }: { namespace: aws.redshiftserverless.Namespace; workgroup: aws.redshiftserverless.Workgroup },
    dependsOn: readonly pulumi.Resource[],
  ): aws.redshiftdata.Statement {
    return new aws.redshiftdata.Statement(
      name,
      {
        workgroupName: workgroup.workgroupName,
        database: 'sluice',
        secretArn: namespace.adminPasswordSecretArn,
        sql,
      },
      { parent: this, dependsOn: [...dependsOn] },
    );
  }
}
