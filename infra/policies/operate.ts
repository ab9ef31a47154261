import { key, named, type PolicyStatement, policyOf } from './document.ts';

/** Services of AWS whose clients the commands use, by the package, with the prefix of their actions. */
const services: Readonly<Record<string, string>> = {
  cloudwatch: 'cloudwatch',
  'cloudwatch-logs': 'logs',
  eventbridge: 'events',
  glue: 'glue',
  kms: 'kms',
  lambda: 'lambda',
  'redshift-data': 'redshift-data',
  s3: 's3',
  scheduler: 'scheduler',
  sfn: 'states',
  sqs: 'sqs',
};

/** Calls whose permission has another name, or that need more ("Service authorization reference"). */
const otherwise: Readonly<Record<string, readonly string[]>> = {
  BatchCreatePartition: ['glue:BatchCreatePartition', 'glue:GetTable'],
  ChangeMessageVisibilityBatch: ['sqs:ChangeMessageVisibility'],
  CopyObject: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
  DeleteMessageBatch: ['sqs:DeleteMessage'],
  DeleteObject: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  DeleteObjects: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ExecuteStatement: ['redshift-data:ExecuteStatement', 'redshift-serverless:GetCredentials'],
  GetBucketNotificationConfiguration: ['s3:GetBucketNotification'],
  GetObject: ['s3:GetObject', 's3:GetObjectVersion'],
  HeadBucket: ['s3:ListBucket'],
  HeadObject: ['s3:GetObject', 's3:GetObjectVersion'],
  Invoke: ['lambda:InvokeFunction'],
  ListMultipartUploads: ['s3:ListBucketMultipartUploads'],
  ListObjectVersions: ['s3:ListBucketVersions'],
  ListObjectsV2: ['s3:ListBucket'],
  SendMessageBatch: ['sqs:SendMessage'],
  // The caller moves the messages (SQS guide, sqs-dead-letter-queue-redrive permissions).
  StartMessageMoveTask: [
    'sqs:StartMessageMoveTask',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
    'sqs:ReceiveMessage',
    'sqs:SendMessage',
  ],
  // lib-storage, in one piece or in parts.
  Upload: ['s3:AbortMultipartUpload', 's3:PutObject'],
};

/** Actions that take no resource of the stack. */
const everywhere = new Set([
  'cloudwatch:GetMetricData',
  'events:ListRuleNamesByTarget',
  'events:TestEventPattern',
  'lambda:GetAccountSettings',
  'logs:DescribeLogGroups',
  'redshift-data:CancelStatement',
  'redshift-data:DescribeStatement',
  'redshift-data:GetStatementResult',
]);

const within: Readonly<Record<string, readonly string[]>> = {
  cloudwatch: [
    named('cloudwatch', 'alarm:sluice-STACK-*'),
    'arn:aws:cloudwatch::ACCOUNT:dashboard/sluice-STACK-*',
  ],
  events: [named('events', 'rule/sluice-STACK-*')],
  kms: [key],
  scheduler: [named('scheduler', 'schedule/sluice-STACK-*/*')],
  glue: ['catalog', 'database/sluice_STACK_*', 'table/sluice_STACK_*/*', 'crawler/sluice-STACK-*'].map(
    (path) => named('glue', path),
  ),
  lambda: [named('lambda', 'function:sluice-STACK-*')],
  logs: [named('logs', 'log-group:/aws/*sluice-STACK-*')],
  // AWS names workgroups by numbers.
  'redshift-data': [named('redshift-serverless', 'workgroup/*')],
  'redshift-serverless': [named('redshift-serverless', 'workgroup/*')],
  s3: ['arn:aws:s3:::sluice-STACK-*', 'arn:aws:s3:::sluice-STACK-*/*'],
  sqs: [named('sqs', 'sluice-STACK-*')],
  states: ['stateMachine:sluice-STACK-*', 'execution:sluice-STACK-*', 'mapRun:sluice-STACK-*'].map((path) =>
    named('states', path),
  ),
};

/** The permissions that a call of a client needs. @throws if the client is one that no stack is asked by */
export function actionsOf(client: string, call: string): readonly string[] {
  const service = services[client];
  if (service === undefined)
    throw new Error(`infra/policies/operate.ts does not know the client ${client}, whose ${call} is called.`);
  return otherwise[call] ?? [`${service}:${call}`];
}

/** What who operates a stack may do: all that the commands call, and nothing else. */
export function operatePolicy(actions: Iterable<string>) {
  const all = [...new Set(actions)].sort();
  const serviceOf = (action: string) => action.slice(0, action.indexOf(':'));
  const statements = [
    ...Map.groupBy(
      all.filter((each) => !everywhere.has(each)),
      serviceOf,
    ),
  ].map(
    ([service, Action]): PolicyStatement => ({
      Sid: service.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      Effect: 'Allow',
      Action,
      Resource: within[service] ?? [],
    }),
  );
  return policyOf([
    ...statements,
    { Sid: 'Everywhere', Effect: 'Allow', Action: all.filter((each) => everywhere.has(each)), Resource: '*' },
    {
      Sid: 'UseKey',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: key,
      Condition: {
        StringEquals: { 'kms:ViaService': ['s3.REGION.amazonaws.com', 'sqs.REGION.amazonaws.com'] },
      },
    },
  ]);
}
