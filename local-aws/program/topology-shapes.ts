import * as z from 'zod';
import { all } from '../http/parameters.ts';

const text = z.string();
const number = z.number();
/** Properties that make no difference to the pipeline here. */
const inert = <Name extends string>(...names: readonly Name[]) => all(names, z.unknown().optional());
const named = { name: text, ...inert('namePrefix', 'tags') };
/** AWS's default, and the only value that the local cloud supports. */
const only = <Value extends string | boolean>(value: Value) => z.literal(value).optional();

/**
 * The properties that the local cloud reads of each type: outputs and inputs together, with the provider's
 * defaults. Other inputs are refused, because they would have an effect on AWS and none here.
 */
export const shapes = {
  bucket: z.strictObject({
    bucket: text,
    arn: text,
    ...inert('bucketPrefix', 'forceDestroy', 'lifecycleRules', 'tags'),
  }),
  bucketVersioning: z.strictObject({
    bucket: text,
    versioningConfiguration: z.strictObject({ status: z.enum(['Enabled', 'Suspended', 'Disabled']) }),
    ...inert('expectedBucketOwner'),
  }),
  bucketNotification: z.strictObject({
    bucket: text,
    eventbridge: z.boolean().default(false),
    queues: z
      .array(
        z.strictObject({
          id: text.optional(),
          queueArn: text,
          events: z.array(text),
          filterPrefix: text.optional(),
          filterSuffix: text.optional(),
        }),
      )
      .default([]),
  }),
  bucketEncryption: z.strictObject({
    bucket: text,
    rules: z
      .array(
        z.strictObject({
          applyServerSideEncryptionByDefault: z
            .strictObject({ kmsMasterKeyId: text.optional(), ...inert('sseAlgorithm') })
            .optional(),
          ...inert('bucketKeyEnabled'),
        }),
      )
      .default([]),
    ...inert('expectedBucketOwner'),
  }),
  bucketPolicy: z.strictObject({ bucket: text, policy: text }),
  logGroup: z.strictObject({
    name: text,
    arn: text,
    retentionInDays: number.default(0),
    ...inert('namePrefix', 'kmsKeyId', 'skipDestroy', 'tags'),
  }),
  dashboard: z.strictObject({ dashboardName: text, dashboardArn: text, dashboardBody: text }),
  queue: z.strictObject({
    ...named,
    arn: text,
    url: text,
    visibilityTimeoutSeconds: number.default(30),
    messageRetentionSeconds: number.default(345_600),
    delaySeconds: number.default(0),
    receiveWaitTimeSeconds: number.default(0),
    maxMessageSize: number.default(262_144),
    redrivePolicy: text.optional(),
    redriveAllowPolicy: text.optional(),
    policy: text.optional(),
    kmsMasterKeyId: text.optional(),
    ...inert('kmsDataKeyReusePeriodSeconds', 'sqsManagedSseEnabled'),
    fifoQueue: only(false),
    contentBasedDeduplication: only(false),
  }),
  queuePolicy: z.strictObject({ queueUrl: text, policy: text }),
  redrivePolicy: z.strictObject({ queueUrl: text, redrivePolicy: text }),
  redriveAllowPolicy: z.strictObject({ queueUrl: text, redriveAllowPolicy: text }),
  rule: z.strictObject({
    ...named,
    arn: text,
    eventPattern: text.optional(),
    scheduleExpression: text.optional(),
    state: text.default('ENABLED'),
    eventBusName: only('default'),
    ...inert('description', 'forceDestroy'),
  }),
  target: z.strictObject({
    rule: text,
    arn: text,
    targetId: text,
    input: text.optional(),
    deadLetterConfig: z.strictObject({ arn: text }).optional(),
    retryPolicy: z
      .strictObject({
        maximumEventAgeInSeconds: number.default(86_400),
        maximumRetryAttempts: number.default(185),
      })
      .prefault({}),
    eventBusName: only('default'),
    ...inert('forceDestroy'),
  }),
  function: z.strictObject({
    name: text,
    arn: text,
    code: z.strictObject({ assets: z.record(text, z.strictObject({ path: text })) }),
    handler: text,
    runtime: text,
    environment: z.strictObject({ variables: z.record(text, text).default({}) }).prefault({}),
    memorySize: number.default(128),
    timeout: number.default(3),
    role: text,
    reservedConcurrentExecutions: number.default(-1),
    loggingConfig: z.strictObject({ logGroup: text.optional(), logFormat: only('Text') }).prefault({}),
    tracingConfig: z.strictObject({ mode: text.default('PassThrough') }).prefault({}),
    vpcConfig: z.strictObject({ subnetIds: z.array(text), securityGroupIds: z.array(text) }).optional(),
    packageType: only('Zip'),
    version: text,
    publish: z.boolean().default(false),
    ...inert('architectures', 'description', 'ephemeralStorage', 'skipDestroy', 'sourceCodeHash', 'tags'),
  }),
  alias: z.strictObject({
    name: text,
    arn: text,
    functionName: text,
    functionVersion: text,
    ...inert('description'),
  }),
  mapping: z.strictObject({
    uuid: text,
    eventSourceArn: text,
    functionName: text,
    batchSize: number.default(10),
    maximumBatchingWindowInSeconds: number.default(0),
    functionResponseTypes: z.array(text).default([]),
    scalingConfig: z.strictObject({ maximumConcurrency: number.optional() }).prefault({}),
    enabled: z.boolean().default(true),
    metricsConfig: z.strictObject({ metrics: z.array(text).default([]) }).prefault({}),
    ...inert('tags'),
  }),
  role: z.strictObject({
    ...named,
    arn: text,
    assumeRolePolicy: text,
    path: only('/'),
    // A boundary is a policy of the account, which is not here.
    ...inert('description', 'forceDetachPolicies', 'maxSessionDuration', 'permissionsBoundary'),
  }),
  rolePolicy: z.strictObject({ id: text, role: text, policy: text, ...inert('name', 'namePrefix') }),
  policy: z.strictObject({
    ...named,
    arn: text,
    policy: text,
    path: only('/'),
    ...inert('description', 'delayAfterPolicyCreationInMs'),
  }),
  attachment: z.strictObject({ role: text, policyArn: text }),
  key: z.strictObject({
    arn: text,
    policy: text,
    isEnabled: only(true),
    multiRegion: only(false),
    keyUsage: only('ENCRYPT_DECRYPT'),
    customerMasterKeySpec: only('SYMMETRIC_DEFAULT'),
    ...inert(
      'bypassPolicyLockoutSafetyCheck',
      'deletionWindowInDays',
      'description',
      'enableKeyRotation',
      'rotationPeriodInDays',
      'tags',
    ),
  }),
};

/** The catalog, its crawler, and the crawler's schedule. */
export const catalogShapes = {
  database: z.strictObject({ name: text, arn: text, catalogId: text, ...inert('description', 'tags') }),
  table: z.strictObject({
    name: text,
    databaseName: text,
    ...inert('arn', 'catalogId', 'description'),
    tableType: only('EXTERNAL_TABLE'),
    parameters: z.record(text, text).default({}),
    partitionKeys: z.array(z.strictObject({ name: text, type: text })).default([]),
    storageDescriptor: z.strictObject({
      location: text,
      inputFormat: text,
      outputFormat: text,
      columns: z.array(z.strictObject({ name: text, type: text })),
      serDeInfo: z.strictObject({ serializationLibrary: text, parameters: z.record(text, text).default({}) }),
    }),
  }),
  crawler: z.strictObject({
    name: text,
    arn: text,
    role: text,
    databaseName: text,
    catalogTargets: z
      .tuple([
        z.strictObject({
          databaseName: text,
          tables: z.array(text),
          eventQueueArn: text,
          ...inert('dlqEventQueueArn'),
        }),
      ])
      .readonly(),
    recrawlPolicy: z.strictObject({ recrawlBehavior: z.literal('CRAWL_EVENT_MODE') }),
    schemaChangePolicy: z.strictObject({
      updateBehavior: z.literal('LOG'),
      deleteBehavior: z.literal('LOG'),
    }),
    ...inert('configuration', 'description', 'tags'),
  }),
  schedule: z.strictObject({
    ...named,
    arn: text,
    groupName: text.default('default'),
    ...inert('description'),
    scheduleExpression: text,
    scheduleExpressionTimezone: only('UTC'),
    flexibleTimeWindow: z.strictObject({ mode: z.literal('OFF') }),
    state: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
    target: z.strictObject({
      arn: text,
      roleArn: text,
      input: text,
      ...inert('retryPolicy'),
    }),
  }),
  scheduleGroup: z.strictObject({ ...named, arn: text }),
  stateMachine: z.strictObject({
    ...named,
    arn: text,
    type: only('STANDARD'),
    definition: text,
    roleArn: text,
    loggingConfiguration: z
      .strictObject({ level: text, ...inert('includeExecutionData', 'logDestination') })
      .optional(),
    tracingConfiguration: z.strictObject({ enabled: z.boolean() }).optional(),
    publish: only(false),
  }),
};

/** Policies within a queue's attributes (SQS API reference, SetQueueAttributes). */
export const redrivePolicy = z.object({ deadLetterTargetArn: text, maxReceiveCount: z.coerce.number() });
export const redriveAllowPolicy = z.object({
  redrivePermission: z.enum(['allowAll', 'denyAll', 'byQueue']),
  sourceQueueArns: z.array(text).optional(),
});
