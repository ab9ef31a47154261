import * as z from 'zod';

const text = z.string();
const number = z.number();

/** What the local cloud reads of each type: outputs and inputs together, with the provider's defaults. */
export const shapes = {
  bucket: z.object({ bucket: text, arn: text }),
  bucketVersioning: z.object({
    bucket: text,
    versioningConfiguration: z.object({ status: z.enum(['Enabled', 'Suspended', 'Disabled']) }),
  }),
  bucketNotification: z.object({ bucket: text, eventbridge: z.boolean().default(false) }),
  bucketEncryption: z.object({
    bucket: text,
    rules: z
      .array(
        z.object({
          applyServerSideEncryptionByDefault: z.object({ kmsMasterKeyId: text.optional() }).optional(),
        }),
      )
      .default([]),
  }),
  bucketPolicy: z.object({ bucket: text, policy: text }),
  queue: z.object({
    name: text,
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
  }),
  queuePolicy: z.object({ queueUrl: text, policy: text }),
  redrivePolicy: z.object({ queueUrl: text, redrivePolicy: text }),
  redriveAllowPolicy: z.object({ queueUrl: text, redriveAllowPolicy: text }),
  rule: z.object({
    name: text,
    arn: text,
    eventPattern: text.optional(),
    scheduleExpression: text.optional(),
    state: text.default('ENABLED'),
  }),
  target: z.object({
    rule: text,
    arn: text,
    targetId: text,
    deadLetterConfig: z.object({ arn: text }).optional(),
    retryPolicy: z
      .object({ maximumEventAgeInSeconds: number.default(86_400), maximumRetryAttempts: number.default(185) })
      .prefault({}),
  }),
  function: z.object({
    name: text,
    arn: text,
    code: z.object({ assets: z.record(text, z.object({ path: text })) }),
    handler: text,
    runtime: text,
    environment: z.object({ variables: z.record(text, text).default({}) }).prefault({}),
    memorySize: number.default(128),
    timeout: number.default(3),
    role: text,
    reservedConcurrentExecutions: number.default(-1),
    loggingConfig: z.object({ logGroup: text.optional() }).prefault({}),
    tracingConfig: z.object({ mode: text.default('PassThrough') }).prefault({}),
  }),
  mapping: z.object({
    uuid: text,
    eventSourceArn: text,
    functionName: text,
    batchSize: number.default(10),
    maximumBatchingWindowInSeconds: number.default(0),
    functionResponseTypes: z.array(text).default([]),
    scalingConfig: z.object({ maximumConcurrency: number.optional() }).prefault({}),
    enabled: z.boolean().default(true),
  }),
  role: z.object({ name: text, arn: text, assumeRolePolicy: text }),
  rolePolicy: z.object({ id: text, role: text, policy: text }),
  policy: z.object({ name: text, arn: text, policy: text }),
  attachment: z.object({ role: text, policyArn: text }),
  key: z.object({ arn: text, policy: text }),
};

/** Policies within a queue's attributes (SQS API reference, SetQueueAttributes). */
export const redrivePolicy = z.object({ deadLetterTargetArn: text, maxReceiveCount: z.coerce.number() });
export const redriveAllowPolicy = z.object({
  redrivePermission: z.enum(['allowAll', 'denyAll', 'byQueue']),
  sourceQueueArns: z.array(text).optional(),
});
