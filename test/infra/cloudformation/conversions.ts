import type { Conversion, Properties } from './conversion.ts';
import { ofBuckets } from './of-buckets.ts';
import { ofDatabases } from './of-databases.ts';
import { ofNetworks } from './of-networks.ts';

/** The account of the local cloud. */
const account = '000000000000';

/** CloudFormation has dimensions as a list. */
const dimensionsOf = ({ Dimensions, ...rest }: Properties): Properties => {
  if (Dimensions === undefined) return rest;
  const entries = Object.entries(Dimensions as Properties);
  return { ...rest, Dimensions: entries.map(([Name, Value]) => ({ Name, Value })) };
};

/** CloudFormation has a metric's period and statistic beside it. */
function metricQuery({ MetricStat, ...rest }: Properties): Properties {
  if (MetricStat === undefined) return rest;
  const { Period, Stat, ...metric } = MetricStat as Properties;
  return { ...rest, MetricStat: { Metric: dimensionsOf(metric), Period, Stat } };
}

const queue = ['aws:sqs/queue:Queue', 'queueUrl', 'url'] as const;

/**
 * How what the program registers is said in CloudFormation and to AWS's API, by Pulumi's type.
 */
export const conversions: Readonly<Record<string, Conversion>> = {
  ...ofBuckets,
  ...ofDatabases,
  ...ofNetworks,
  'aws:cloudwatch/dashboard:Dashboard': {
    type: 'AWS::CloudWatch::Dashboard',
    api: [{ operation: 'cloudwatch.PutDashboard' }],
  },
  'aws:cloudwatch/eventRule:EventRule': {
    type: 'AWS::Events::Rule',
    named: ['name', 'Name'],
    api: [{ operation: 'events.PutRule' }, { operation: 'events.PutTargets', renamed: { Name: 'Rule' } }],
  },
  'aws:cloudwatch/eventTarget:EventTarget': {
    of: ['aws:cloudwatch/eventRule:EventRule', 'rule', 'name'],
    // Pulumi chooses the id.
    adds: (target) => ({ Targets: [{ Id: 'target', ...target }] }),
  },
  'aws:cloudwatch/logGroup:LogGroup': {
    type: 'AWS::Logs::LogGroup',
    named: ['name', 'LogGroupName'],
    api: [{ operation: 'logs.CreateLogGroup' }, { operation: 'logs.PutRetentionPolicy' }],
  },
  'aws:cloudwatch/metricAlarm:MetricAlarm': {
    type: 'AWS::CloudWatch::Alarm',
    named: ['name', 'AlarmName'],
    renamed: { metricQueries: 'Metrics', metric: 'MetricStat', okActions: 'OKActions' },
    shape: ({ Metrics, ...rest }) => ({
      ...dimensionsOf(rest),
      ...(Metrics !== undefined && { Metrics: (Metrics as Properties[]).map(metricQuery) }),
    }),
    api: [{ operation: 'cloudwatch.PutMetricAlarm' }],
  },
  'aws:glue/catalogDatabase:CatalogDatabase': {
    type: 'AWS::Glue::Database',
    shape: (DatabaseInput) => ({ CatalogId: account, DatabaseInput }),
    api: [{ operation: 'glue.CreateDatabase' }],
  },
  'aws:glue/catalogTable:CatalogTable': {
    type: 'AWS::Glue::Table',
    renamed: { serDeInfo: 'SerdeInfo' },
    shape: ({ DatabaseName, ...TableInput }) => ({ CatalogId: account, DatabaseName, TableInput }),
    api: [{ operation: 'glue.CreateTable' }],
  },
  'aws:glue/crawler:Crawler': {
    type: 'AWS::Glue::Crawler',
    named: ['name', 'Name'],
    shape: ({ CatalogTargets, ...rest }) => ({ Targets: { CatalogTargets }, ...rest }),
    api: [{ operation: 'glue.CreateCrawler' }],
  },
  'aws:iam/role:Role': {
    type: 'AWS::IAM::Role',
    named: ['name', 'RoleName'],
    renamed: { assumeRolePolicy: 'AssumeRolePolicyDocument' },
    api: [{ operation: 'iam.CreateRole' }],
  },
  'aws:iam/rolePolicy:RolePolicy': {
    type: 'AWS::IAM::RolePolicy',
    named: ['id', 'PolicyName'],
    renamed: { policy: 'PolicyDocument', role: 'RoleName' },
    api: [{ operation: 'iam.PutRolePolicy' }],
  },
  'aws:kms/alias:Alias': {
    type: 'AWS::KMS::Alias',
    renamed: { name: 'AliasName' },
    api: [{ operation: 'kms.CreateAlias' }],
  },
  'aws:kms/key:Key': {
    type: 'AWS::KMS::Key',
    renamed: { deletionWindowInDays: 'PendingWindowInDays', policy: 'KeyPolicy' },
    api: [
      { operation: 'kms.CreateKey', renamed: { KeyPolicy: 'Policy' } },
      { operation: 'kms.ScheduleKeyDeletion' },
    ],
  },
  'aws:lambda/alias:Alias': { type: 'AWS::Lambda::Alias', api: [{ operation: 'lambda.CreateAlias' }] },
  'aws:lambda/eventSourceMapping:EventSourceMapping': {
    type: 'AWS::Lambda::EventSourceMapping',
    api: [{ operation: 'lambda.CreateEventSourceMapping' }],
  },
  'aws:lambda/function:Function': {
    type: 'AWS::Lambda::Function',
    named: ['name', 'FunctionName'],
    ofProvider: ['publish'],
    // The archive is made when it is uploaded.
    shape: (properties) => ({ ...properties, Code: { ZipFile: 'export {}' } }),
    api: [{ operation: 'lambda.CreateFunction' }],
  },
  'aws:lambda/functionRecursionConfig:FunctionRecursionConfig': { call: 'lambda.PutFunctionRecursionConfig' },
  'aws:lambda/invocation:Invocation': {
    call: 'lambda.Invoke',
    renamed: { input: 'Payload' },
    ofProvider: ['triggers'],
  },
  'aws:redshiftdata/statement:Statement': { call: 'redshift-data.ExecuteStatement' },
  'aws:redshiftserverless/namespace:Namespace': {
    type: 'AWS::RedshiftServerless::Namespace',
    api: [{ operation: 'redshift-serverless.CreateNamespace' }],
  },
  'aws:redshiftserverless/usageLimit:UsageLimit': { call: 'redshift-serverless.CreateUsageLimit' },
  'aws:redshiftserverless/workgroup:Workgroup': {
    type: 'AWS::RedshiftServerless::Workgroup',
    api: [{ operation: 'redshift-serverless.CreateWorkgroup' }],
  },
  'aws:scheduler/schedule:Schedule': {
    type: 'AWS::Scheduler::Schedule',
    named: ['name', 'Name'],
    api: [{ operation: 'scheduler.CreateSchedule' }],
  },
  'aws:scheduler/scheduleGroup:ScheduleGroup': {
    type: 'AWS::Scheduler::ScheduleGroup',
    named: ['name', 'Name'],
    api: [{ operation: 'scheduler.CreateScheduleGroup' }],
  },
  'aws:sfn/stateMachine:StateMachine': {
    type: 'AWS::StepFunctions::StateMachine',
    named: ['name', 'StateMachineName'],
    renamed: { definition: 'DefinitionString', type: 'StateMachineType' },
    shape: ({ LoggingConfiguration, ...rest }) => {
      const { LogDestination, ...logging } = LoggingConfiguration as Properties;
      const Destinations = [{ CloudWatchLogsLogGroup: { LogGroupArn: LogDestination } }];
      return { ...rest, LoggingConfiguration: { ...logging, Destinations } };
    },
    api: [
      {
        operation: 'stepfunctions.CreateStateMachine',
        renamed: { StateMachineName: 'name', StateMachineType: 'type', DefinitionString: 'definition' },
      },
    ],
  },
  'aws:sqs/queue:Queue': {
    type: 'AWS::SQS::Queue',
    named: ['name', 'QueueName'],
    renamed: {
      messageRetentionSeconds: 'MessageRetentionPeriod',
      receiveWaitTimeSeconds: 'ReceiveMessageWaitTimeSeconds',
      visibilityTimeoutSeconds: 'VisibilityTimeout',
    },
  },
  'aws:sqs/queuePolicy:QueuePolicy': {
    type: 'AWS::SQS::QueuePolicy',
    renamed: { policy: 'PolicyDocument' },
    shape: ({ QueueUrl, ...rest }) => ({ Queues: [QueueUrl], ...rest }),
  },
  'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy': {
    of: queue,
    adds: (properties) => properties,
  },
  'pulumi:providers:aws': { nothing: 'the settings of the provider itself' },
};
