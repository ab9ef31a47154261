import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Key } from '../base/key.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';
import type { DatabaseConfiguration } from '../configuration/database.ts';
import { instanceClasses, maximumConnections } from '../configuration/instance-classes.ts';
import { allow, type Statement } from '../iam/documents.ts';
import { DatabaseAlarms } from './alarms.ts';
import { type DatabaseEndpoint, loadingUser, port, schemaName } from './endpoint.ts';
import type { Network } from './network.ts';
import { DatabaseProxy } from './proxy.ts';

export interface DatabaseArgs {
  readonly configuration: DatabaseConfiguration;
  readonly network: Network;
  readonly key: Key;
  /** Days. */
  readonly logRetention: number;
  readonly alarms: StackAlarms;
}

const logs = ['error', 'slowquery'];

/** RDS for MySQL in the private network, over TLS only, with IAM users. */
export class Database extends pulumi.ComponentResource {
  /** The instance itself, which migrations use. */
  readonly instance: DatabaseEndpoint;
  /** The loading function's endpoint: the proxy if there is one. */
  readonly endpoint: DatabaseEndpoint;
  readonly identifier: pulumi.Output<string>;
  /** Its `max_connections`. */
  readonly connections: number;
  /**
   * The administrator's name and password. RDS creates them, keeps them in Secrets Manager, and rotates the
   * password weekly.
   */
  readonly secretArn: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Database', name, {}, options);
    const { configuration, network, key } = args;
    const { instanceClass } = configuration;
    const connections = maximumConnections(instanceClasses[instanceClass] ?? { memory: 1, vcpus: 2 });

    const subnets = new aws.rds.SubnetGroup(name, { subnetIds: [...network.subnetIds] }, { parent: this });
    const parameterGroup = new aws.rds.ParameterGroup(
      name,
      { family: 'mysql8.4', parameters: parameters(connections) },
      { parent: this },
    );
    // The subnet group's unique name is also the instance's, so the names of log groups and final snapshot
    // are known before it exists.
    const identifier = subnets.name;
    const logGroups = logs.map(
      (log) =>
        new aws.cloudwatch.LogGroup(
          `${name}-${log}`,
          {
            name: pulumi.interpolate`/aws/rds/instance/${identifier}/${log}`,
            retentionInDays: args.logRetention,
          },
          { parent: this, deleteBeforeReplace: true },
        ),
    );
    const securityGroup = network.securityGroup('database', 'The MySQL instance.');
    const instance = new aws.rds.Instance(
      name,
      {
        identifier,
        engine: 'mysql',
        engineVersion: '8.4',
        autoMinorVersionUpgrade: true,
        instanceClass,
        dbName: schemaName,
        parameterGroupName: parameterGroup.name,
        // In the weekly maintenance window, a larger class would come days after the connections and the
        // calls that it is for.
        applyImmediately: true,

        storageType: 'gp3',
        allocatedStorage: configuration.storage,
        maxAllocatedStorage: configuration.maximumStorage,
        storageEncrypted: true,
        kmsKeyId: key.arn,

        username: 'sluice_admin',
        manageMasterUserPassword: true,
        masterUserSecretKmsKeyId: key.arn,
        iamDatabaseAuthenticationEnabled: true,

        port,
        dbSubnetGroupName: subnets.name,
        vpcSecurityGroupIds: [securityGroup.id],
        publiclyAccessible: false,
        caCertIdentifier: 'rds-ca-rsa2048-g1',

        multiAz: configuration.multiAz,
        deletionProtection: configuration.deletionProtection,
        backupRetentionPeriod: configuration.backupRetention,
        backupWindow: '02:00-03:00',
        maintenanceWindow: 'sun:03:30-sun:04:30',
        copyTagsToSnapshot: true,
        skipFinalSnapshot: !configuration.finalSnapshot,
        ...(configuration.finalSnapshot && {
          finalSnapshotIdentifier: pulumi.interpolate`${identifier}-last`,
        }),
        deleteAutomatedBackups: !configuration.finalSnapshot,

        enabledCloudwatchLogsExports: logs,
        // Database Insights needs Performance Insights, whose shortest retention it includes (RDS guide,
        // USER_DatabaseInsights).
        ...(configuration.insights && {
          databaseInsightsMode: 'standard',
          performanceInsightsEnabled: true,
          performanceInsightsRetentionPeriod: 7,
          performanceInsightsKmsKeyId: key.arn,
        }),
      },
      {
        parent: this,
        dependsOn: logGroups,
        protect: configuration.deletionProtection === true,
        deleteBeforeReplace: true,
      },
    );
    new DatabaseAlarms(
      name,
      { instance, storage: configuration.storage, connections, alarms: args.alarms },
      { parent: this },
    );

    this.identifier = instance.identifier;
    this.connections = connections;
    this.instance = {
      host: instance.address,
      securityGroup,
      resourceId: instance.resourceId,
      ready: [instance],
    };
    this.endpoint = configuration.proxy
      ? new DatabaseProxy(
          `${name}-proxy`,
          { instance, network, behind: this.instance, mayConnect: this.mayConnect(this.instance) },
          { parent: this },
        )
      : this.instance;
    this.secretArn = instance.masterUserSecrets.apply(([secret]) => {
      if (secret === undefined) throw new Error(`RDS created no administrator's secret for ${name}.`);
      return secret.secretArn;
    });
    this.registerOutputs({ host: this.endpoint.host });
  }

  /** Allows connecting as the loading user only (RDS guide, UsingWithRDS.IAMDBAuth.IAMPolicy). */
  mayConnect({ resourceId }: DatabaseEndpoint): Statement {
    const region = aws.getRegionOutput({}, { parent: this }).region;
    const { accountId, arn } = aws.getCallerIdentityOutput({}, { parent: this });
    const partition = arn.apply((text) => text.split(':')[1] ?? 'aws');
    return allow(
      'ConnectToDatabase',
      ['rds-db:connect'],
      pulumi.interpolate`arn:${partition}:rds-db:${region}:${accountId}:dbuser:${resourceId}/${loadingUser}`,
    );
  }
}

const parameters = (connections: number) => [
  { name: 'require_secure_transport', value: '1' },
  { name: 'max_connections', value: String(connections) },
  { name: 'character_set_server', value: 'utf8mb4' },
  // LOAD DATA LOCAL, which nothing here uses, would let clients send files.
  { name: 'local_infile', value: '0' },
  // Seconds. Lambda ends a function's environment without closing its connections.
  { name: 'wait_timeout', value: '900' },
  { name: 'innodb_lock_wait_timeout', value: '20' },
  { name: 'innodb_print_all_deadlocks', value: '1' },
  { name: 'slow_query_log', value: '1' },
  { name: 'long_query_time', value: '2' },
  // CloudWatch exports log files, not tables.
  { name: 'log_output', value: 'FILE' },
];
