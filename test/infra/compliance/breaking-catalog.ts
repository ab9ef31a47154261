const table = 'aws:glue/catalogTable:CatalogTable';
const crawler = 'aws:glue/crawler:Crawler';
const schedule = 'aws:scheduler/schedule:Schedule';
const workgroup = 'aws:redshiftserverless/workgroup:Workgroup';
const limit = 'aws:redshiftserverless/usageLimit:UsageLimit';
const rolePolicy = 'aws:iam/rolePolicy:RolePolicy';
const rule = 'aws:cloudwatch/eventRule:EventRule';
const notification = 'aws:s3/bucketNotification:BucketNotification';
const writesObjects = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['s3:PutObject'], Resource: 'arn:aws:s3:::a/b' }],
});

/**
 * A change to every resource of a type, and the one check of the catalog and the warehouse that it breaks.
 */
export const breakingCatalog: readonly (readonly [
  check: string,
  type: string,
  path: string,
  value: unknown,
])[] = [
  ['table-columns', table, 'storageDescriptor.columns', []],
  ['table-columns', table, 'partitionKeys', [{ name: '_record', type: 'bigint' }]],
  ['table-columns', table, 'parameters', {}],
  ['crawler-types', crawler, 'schemaChangePolicy.updateBehavior', 'UPDATE_IN_DATABASE'],
  ['crawler-types', crawler, 'schemaChangePolicy.deleteBehavior', 'DELETE_FROM_DATABASE'],
  ['crawler-types', crawler, 'configuration', '{"Version":1.0}'],
  ['crawler-types', crawler, 's3Targets', [{ path: 's3://a/' }]],
  ['crawler-on-change', crawler, 'recrawlPolicy.recrawlBehavior', 'CRAWL_EVERYTHING'],
  [
    'crawler-on-change',
    crawler,
    'catalogTargets.0.eventQueueArn',
    'arn:aws:sqs:us-east-1:000000000000:other',
  ],
  ['crawler-on-change', notification, 'queues', []],
  ['crawler-role', rolePolicy, 'policy', writesObjects],
  ['crawler-role', crawler, 'role', 'arn:aws:iam::000000000000:role/elsewhere'],
  ['crawler-schedule', crawler, 'schedule', 'cron(0 * * * ? *)'],
  ['crawler-schedule', schedule, 'target.roleArn', 'arn:aws:iam::000000000000:role/elsewhere'],
  ['crawler-schedule', schedule, 'target.input', '{"Name":"another"}'],
  ['function-schedule', schedule, 'target.arn', 'arn:aws:lambda:us-east-1:000000000000:function:other'],
  ['function-schedule', schedule, 'target.roleArn', 'arn:aws:iam::000000000000:role/elsewhere'],
  ['function-schedule', schedule, 'target.retryPolicy', undefined],
  ['crawler-findings', rule, 'eventPattern', '{"source":["aws.glue"]}'],
  ['warehouse-private', workgroup, 'publiclyAccessible', true],
  ['warehouse-private', workgroup, 'configParameters', []],
  ['warehouse-limit', workgroup, 'maxCapacity', undefined],
  ['warehouse-limit', limit, 'breachAction', 'log'],
  ['warehouse-limit', limit, 'resourceArn', 'arn:aws:redshift-serverless:us-east-1:1:workgroup/other'],
  ['warehouse-role', rolePolicy, 'policy', writesObjects],
];
