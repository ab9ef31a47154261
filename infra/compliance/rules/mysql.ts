import { connectionsPerEnvironment } from '../../configuration/instance-classes.ts';
import type { Check, Registered } from '../check.ts';
import { aliasType, at, functionOf, list, number, waitsFor } from '../resource.ts';

const instance = 'aws:rds/instance:Instance';
const lambda = 'aws:lambda/function:Function';

/** The database and the functions that connect to it. */
export const mysqlChecks: readonly Check[] = [
  {
    name: 'database-private',
    rule: 'A database is in subnets and a security group of the stack, without a public address.',
    reason: 'Only the functions that need the database can open a connection to it.',
    source: 'Security Hub RDS.2; RDS guide, USER_VPC.WorkingWithRDSInstanceinaVPC',
    type: instance,
    passes: ({ inputs }, all) => {
      const groups = list(inputs['vpcSecurityGroupIds']);
      return (
        inputs['publiclyAccessible'] === false &&
        has(all, 'aws:rds/subnetGroup:SubnetGroup', 'name', inputs['dbSubnetGroupName']) &&
        groups.length > 0 &&
        groups.every((id) => has(all, 'aws:ec2/securityGroup:SecurityGroup', 'id', id))
      );
    },
  },
  {
    name: 'database-encryption',
    rule: 'A database and its administrator’s secret are encrypted with a key of the stack.',
    reason: 'Encryption can’t be enabled later: that takes a new database.',
    source: 'Security Hub RDS.3; RDS guide, Overview.Encryption',
    type: instance,
    passes: ({ inputs }, all) =>
      inputs['storageEncrypted'] === true &&
      ['kmsKeyId', 'masterUserSecretKmsKeyId'].every((key) =>
        has(all, 'aws:kms/key:Key', 'arn', inputs[key]),
      ),
  },
  {
    name: 'database-tls',
    rule: 'A database and its proxy refuse connections without TLS.',
    reason: 'An IAM authentication token works as a password for 15 minutes.',
    source: 'RDS guide, mysql-ssl-connections.require-ssl',
    type: [instance, 'aws:rds/proxy:Proxy'],
    passes: ({ type, inputs }, all) =>
      type === instance
        ? ['1', 'ON'].includes(parameter(inputs, 'require_secure_transport', all))
        : inputs['requireTls'] === true,
  },
  {
    name: 'database-passwords',
    rule: 'RDS manages the administrator’s password; all other users authenticate with IAM, also through a proxy.',
    reason: 'A password that no person or function stores can’t leak and needs no manual rotation.',
    source: 'RDS guide, rds-secrets-manager and UsingWithRDS.IAMDBAuth',
    type: [instance, 'aws:rds/proxy:Proxy'],
    passes: ({ type, inputs }) =>
      type === instance
        ? inputs['manageMasterUserPassword'] === true &&
          inputs['password'] === undefined &&
          inputs['passwordWo'] === undefined &&
          inputs['iamDatabaseAuthenticationEnabled'] === true
        : inputs['defaultAuthScheme'] === 'IAM_AUTH' && inputs['auths'] === undefined,
  },
  {
    name: 'no-password-in-environment',
    rule: 'No variable of a function holds a password, a token or a secret: at most a secret’s ARN.',
    reason: 'Everyone who may read a function’s configuration sees its variables.',
    source: 'Lambda guide, configuration-envvars',
    type: lambda,
    passes: ({ inputs }) =>
      Object.entries(at(inputs, 'environment.variables') ?? {}).every(
        ([name, value]) => !/PASSWORD|PASSWD|TOKEN|SECRET/i.test(name) || String(value).startsWith('arn:'),
      ),
  },
  {
    name: 'database-durable',
    rule: 'A database has backups. If the stack’s buckets must not be emptied, it has a week of them and a final snapshot; if they are protected, so is the database, by RDS and by Pulumi.',
    reason: 'Loading the tables again from the archive takes days.',
    source: 'Security Hub RDS.8 and RDS.11',
    type: instance,
    passes: ({ inputs, options }, all) => {
      const buckets = all.filter(({ type }) => type === 'aws:s3/bucket:Bucket');
      const isKept = buckets.some((each) => each.inputs['forceDestroy'] !== true);
      const isProtected = options.protect && inputs['deletionProtection'] === true;
      const days = number(inputs['backupRetentionPeriod'], 0);
      return (
        (isProtected || !buckets.some((each) => each.options.protect)) &&
        (isKept ? days >= 7 && inputs['skipFinalSnapshot'] !== true : days >= 1)
      );
    },
  },
  {
    name: 'database-logs',
    rule: 'A database’s error and slow-query logs go to log groups of the stack with a retention; the general log is not exported.',
    reason: 'RDS keeps the groups that it creates for ever, and the general log contains the records.',
    source: 'Security Hub RDS.9; RDS guide, USER_LogAccess.MySQLDB.PublishtoCloudWatchLogs',
    type: instance,
    passes: ({ inputs, outputs }, all) => {
      const logs = list(inputs['enabledCloudwatchLogsExports']);
      return (
        ['error', 'slowquery'].every((log) => logs.includes(log)) &&
        !logs.includes('general') &&
        logs.every((log) =>
          all.some(
            (each) =>
              each.type === 'aws:cloudwatch/logGroup:LogGroup' &&
              each.outputs['name'] === `/aws/rds/instance/${outputs['identifier']}/${log}` &&
              number(each.inputs['retentionInDays'], 0) > 0,
          ),
        )
      );
    },
  },
  {
    name: 'connection-budget',
    rule: 'The functions that write to a database together use fewer connections than it accepts.',
    reason: 'A database without free connections also refuses the person who would repair it.',
    source: 'Lambda guide, services-sqs-scaling; RDS guide, CHAP_Limits',
    type: 'aws:lambda/eventSourceMapping:EventSourceMapping',
    passes: (mapping, all) => {
      const user = functionOf(mapping, all);
      if (at(user?.inputs, 'environment.variables.MYSQL_USER') === undefined) return true;
      const calls = number(at(mapping.inputs, 'scalingConfig.maximumConcurrency'), 1_000);
      const databases = all.filter(({ type }) => type === instance);
      return databases.every(
        ({ inputs }) =>
          calls * connectionsPerEnvironment < Number(parameter(inputs, 'max_connections', all) || 0),
      );
    },
  },
  {
    name: 'database-alarm',
    rule: 'A database has alarms on its free storage, connections and processor, and missing data starts them.',
    reason:
      'Each of these stops loading and can be seen before it does; a database that sends no metrics is down.',
    source: 'RDS guide, rds-metrics',
    type: instance,
    passes: ({ outputs }, all) => {
      const own = all.filter(
        ({ type, inputs }) =>
          type === 'aws:cloudwatch/metricAlarm:MetricAlarm' &&
          inputs['namespace'] === 'AWS/RDS' &&
          at(inputs, 'dimensions.DBInstanceIdentifier') === outputs['identifier'] &&
          inputs['treatMissingData'] === 'breaching' &&
          inputs['actionsEnabled'] !== false,
      );
      return Object.entries(watched).every(([metric, comparison]) =>
        own.some(
          ({ inputs }) => inputs['metricName'] === metric && inputs['comparisonOperator'] === comparison,
        ),
      );
    },
  },
  {
    name: 'migrated-before-loaded',
    rule: 'A deployment invokes the migration again whenever its code changes, and only then points the alias of a function that uses the tables to the new version.',
    reason: 'Tables that have not been migrated reject the new code’s rows.',
    source: 'Lambda guide, with-relational-databases',
    type: 'aws:lambda/invocation:Invocation',
    passes: (invocation, all) => {
      const { inputs } = invocation;
      const invoked = functionOf({ inputs }, all);
      const ofTables = all.filter(
        (each) =>
          each.type === aliasType &&
          at(functionOf(each, all)?.inputs, 'environment.variables.MYSQL_USER') !== undefined,
      );
      return (
        at(inputs, 'triggers.code') !== undefined &&
        at(inputs, 'triggers.code') === at(invoked?.inputs, 'environment.variables.CODE_VERSION') &&
        ofTables.length > 0 &&
        ofTables.every((alias) => waitsFor(alias, invocation, all))
      );
    },
  },
];

const watched = {
  FreeStorageSpace: 'LessThanThreshold',
  DatabaseConnections: 'GreaterThanThreshold',
  CPUUtilization: 'GreaterThanThreshold',
};

const has = (all: readonly Registered[], type: string, output: string, value: unknown) =>
  value !== undefined && all.some((each) => each.type === type && each.outputs[output] === value);

/** A parameter of the instance's parameter group; empty if it is not set. */
function parameter(inputs: Registered['inputs'], name: string, all: readonly Registered[]): string {
  const group = all.find(
    (each) =>
      each.type === 'aws:rds/parameterGroup:ParameterGroup' &&
      each.outputs['name'] === inputs['parameterGroupName'],
  );
  const found = list(group?.inputs['parameters']).find((each) => at(each, 'name') === name);
  return String(at(found, 'value') ?? '');
}
