import { named } from './document.ts';
import { born, type Need, on, own, passRole, role } from './need.ts';
import { networkNeeds } from './needs-mysql.ts';
import { warehouseNeeds } from './needs-warehouse.ts';

const bucket = 'arn:aws:s3:::sluice-STACK-*';
const queue = named('sqs', 'sluice-STACK-*');
const rule = named('events', 'rule/sluice-STACK-*');
const lambda = named('lambda', 'function:sluice-STACK-*');
const mapping = named('lambda', 'event-source-mapping:*');
const alias = named('kms', 'alias/sluice-STACK-*');
const anyKey = named('kms', 'key/*');
const catalog = ['catalog', 'database/sluice_STACK_*', 'table/sluice_STACK_*/*'].map((path) =>
  named('glue', path),
);
const crawler = named('glue', 'crawler/sluice-STACK-*');
const schedules = ['schedule-group/sluice-STACK-*', 'schedule/sluice-STACK-*/*'].map((path) =>
  named('scheduler', path),
);
const machine = named('states', 'stateMachine:sluice-STACK-*');
/**
 * What a deployment does with each type of resource: it reads it in preview and refresh, and creates, changes
 * and deletes it with its tags. Sources: the `handlers.permissions` of CloudFormation's schema of the type,
 * where it has one; the "Service authorization reference" for the resources of each action; the calls of the
 * AWS provider. Names begin with `sluice-STACK-`.
 */
export const needs: Readonly<Record<string, readonly Need[]>> = {
  ...networkNeeds,
  ...warehouseNeeds,
  // Credentials are checked by sts:GetCallerIdentity, which needs no permission.
  'pulumi:providers:aws': [],

  // The provider reads every setting of a bucket, whoever sets it.
  'aws:s3/bucket:Bucket': [
    on(
      bucket,
      's3',
      `CreateBucket DeleteBucket ListBucket GetBucketLocation GetAccelerateConfiguration GetBucketAcl GetBucketCORS
      GetBucketLogging GetBucketObjectLockConfiguration GetBucketPolicy GetBucketRequestPayment GetBucketTagging
      GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetLifecycleConfiguration
      GetReplicationConfiguration PutBucketTagging ListTagsForResource TagResource UntagResource`,
    ),
    // For sluice:forceDestroy.
    on(bucket, 's3', 'ListBucketVersions'),
    on(`${bucket}/*`, 's3', 'DeleteObject DeleteObjectVersion'),
  ],
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': [
    on(bucket, 's3', 'GetLifecycleConfiguration PutLifecycleConfiguration'),
  ],
  'aws:s3/bucketLogging:BucketLogging': [on(bucket, 's3', 'GetBucketLogging PutBucketLogging')],
  'aws:s3/bucketNotification:BucketNotification': [
    on(bucket, 's3', 'GetBucketNotification PutBucketNotification'),
  ],
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': [
    on(bucket, 's3', 'GetBucketOwnershipControls PutBucketOwnershipControls'),
  ],
  'aws:s3/bucketPolicy:BucketPolicy': [
    on(bucket, 's3', 'GetBucketPolicy PutBucketPolicy DeleteBucketPolicy'),
  ],
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': [
    on(bucket, 's3', 'GetBucketPublicAccessBlock PutBucketPublicAccessBlock'),
  ],
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': [
    on(bucket, 's3', 'GetEncryptionConfiguration PutEncryptionConfiguration'),
  ],
  'aws:s3/bucketVersioning:BucketVersioning': [on(bucket, 's3', 'GetBucketVersioning PutBucketVersioning')],

  'aws:cloudtrail/trail:Trail': [
    on(
      named('cloudtrail', 'trail/sluice-STACK-*'),
      'cloudtrail',
      `AddTags CreateTrail DeleteTrail GetEventSelectors GetInsightSelectors GetTrail GetTrailStatus ListTags
      PutEventSelectors RemoveTags StartLogging StopLogging UpdateTrail`,
    ),
    on('*', 'cloudtrail', 'DescribeTrails'),
  ],

  'aws:sqs/queue:Queue': [
    on(
      queue,
      'sqs',
      'CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue UntagQueue',
    ),
  ],
  'aws:sqs/queuePolicy:QueuePolicy': [on(queue, 'sqs', 'GetQueueAttributes SetQueueAttributes')],
  'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy': [
    on(queue, 'sqs', 'GetQueueAttributes SetQueueAttributes'),
  ],

  'aws:cloudwatch/eventRule:EventRule': [
    on(rule, 'events', 'DeleteRule DescribeRule ListTagsForResource PutRule TagResource UntagResource'),
  ],
  'aws:cloudwatch/eventTarget:EventTarget': [
    on(rule, 'events', 'ListTargetsByRule PutTargets RemoveTargets'),
  ],
  'aws:cloudwatch/logGroup:LogGroup': [
    on(
      named('logs', 'log-group:/aws/*sluice-STACK-*'),
      'logs',
      `AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DisassociateKmsKey ListTagsForResource
      PutRetentionPolicy TagResource UntagResource`,
    ),
    on('*', 'logs', 'DescribeLogGroups'),
  ],
  'aws:cloudwatch/metricAlarm:MetricAlarm': [
    on(
      named('cloudwatch', 'alarm:sluice-STACK-*'),
      'cloudwatch',
      'DeleteAlarms DescribeAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource',
    ),
  ],
  'aws:cloudwatch/dashboard:Dashboard': [
    on(
      'arn:aws:cloudwatch::ACCOUNT:dashboard/sluice-STACK-*',
      'cloudwatch',
      'DeleteDashboards GetDashboard PutDashboard',
    ),
  ],

  'aws:iam/role:Role': [
    on(
      role,
      'iam',
      `CreateRole DeleteRole DeleteRolePermissionsBoundary GetRole ListAttachedRolePolicies
      ListInstanceProfilesForRole ListRolePolicies PutRolePermissionsBoundary TagRole UntagRole
      UpdateAssumeRolePolicy UpdateRole`,
    ),
  ],
  'aws:iam/rolePolicy:RolePolicy': [on(role, 'iam', 'DeleteRolePolicy GetRolePolicy PutRolePolicy')],
  'aws:kms/key:Key': [
    on('*', 'kms', 'CreateKey TagResource', born),
    on(
      anyKey,
      'kms',
      `CreateGrant Decrypt DescribeKey DisableKeyRotation EnableKeyRotation GenerateDataKey GetKeyPolicy
      GetKeyRotationStatus ListResourceTags PutKeyPolicy ScheduleKeyDeletion UntagResource UpdateKeyDescription`,
      own,
    ),
  ],
  'aws:kms/alias:Alias': [
    on(alias, 'kms', 'CreateAlias DeleteAlias UpdateAlias'),
    on(anyKey, 'kms', 'CreateAlias DeleteAlias UpdateAlias', own),
    on('*', 'kms', 'ListAliases'),
  ],

  'aws:lambda/function:Function': [
    on(
      lambda,
      'lambda',
      `CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration ListTags
      ListVersionsByFunction PublishVersion TagResource UntagResource UpdateFunctionCode
      UpdateFunctionConfiguration`,
    ),
    passRole('lambda'),
  ],
  'aws:lambda/functionRecursionConfig:FunctionRecursionConfig': [
    on(lambda, 'lambda', 'GetFunctionRecursionConfig PutFunctionRecursionConfig'),
  ],
  'aws:lambda/alias:Alias': [on(lambda, 'lambda', 'CreateAlias DeleteAlias GetAlias UpdateAlias')],
  'aws:lambda/eventSourceMapping:EventSourceMapping': [
    on(
      mapping,
      'lambda',
      'DeleteEventSourceMapping GetEventSourceMapping ListTags TagResource UntagResource UpdateEventSourceMapping',
    ),
    // Takes no resource, but a condition (Service authorization reference, AWS Lambda).
    on('*', 'lambda', 'CreateEventSourceMapping', { ArnLike: { 'lambda:FunctionArn': lambda } }),
  ],

  'aws:glue/catalogDatabase:CatalogDatabase': [
    on(
      catalog,
      'glue',
      'CreateDatabase DeleteDatabase GetDatabase GetTags TagResource UntagResource UpdateDatabase',
    ),
  ],
  'aws:glue/catalogTable:CatalogTable': [
    on(catalog, 'glue', 'CreateTable DeleteTable GetPartitionIndexes GetTable UpdateTable'),
  ],
  'aws:glue/crawler:Crawler': [
    on(crawler, 'glue', 'DeleteCrawler GetCrawler GetTags TagResource UntagResource UpdateCrawler'),
    on('*', 'glue', 'CreateCrawler'),
    passRole('glue'),
  ],
  'aws:scheduler/scheduleGroup:ScheduleGroup': [
    on(
      schedules,
      'scheduler',
      'CreateScheduleGroup DeleteScheduleGroup GetScheduleGroup ListTagsForResource TagResource UntagResource',
    ),
  ],
  'aws:scheduler/schedule:Schedule': [
    on(schedules, 'scheduler', 'CreateSchedule DeleteSchedule GetSchedule UpdateSchedule'),
    passRole('scheduler'),
  ],
  'aws:sfn/stateMachine:StateMachine': [
    on(
      machine,
      'states',
      `CreateStateMachine DeleteStateMachine DescribeStateMachine ListStateMachineVersions ListTagsForResource
      TagResource UntagResource UpdateStateMachine`,
    ),
    // In preview and up (terraform-provider-aws issue 39472).
    on('*', 'states', 'ValidateStateMachineDefinition'),
    passRole('states'),
  ],
};
