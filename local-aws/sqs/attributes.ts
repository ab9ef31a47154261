import type { RunningQueue } from './running-queue.ts';

/** The attributes that a receiver may request ("ReceiveMessage"). */
export const systemAttributeNames = [
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'SequenceNumber',
  'MessageDeduplicationId',
  'MessageGroupId',
  'AWSTraceHeader',
  'DeadLetterQueueSourceArn',
];

/**
 * All attributes of a queue ("GetQueueAttributes"); undefined if SQS knows the name but the queue has no
 * value.
 * @param createdAt milliseconds since the epoch
 */
export function queueAttributes(
  queue: RunningQueue,
  createdAt: number,
  arnOf: (name: string) => string | undefined,
): Record<string, string | undefined> {
  const { settings } = queue;
  const { redrive, redriveAllow } = settings;
  const { visible, delayed, inFlight } = queue.counts();
  const created = `${Math.floor(createdAt / 1000)}`;
  return {
    ApproximateNumberOfMessages: `${visible}`,
    ApproximateNumberOfMessagesDelayed: `${delayed}`,
    ApproximateNumberOfMessagesNotVisible: `${inFlight}`,
    CreatedTimestamp: created,
    LastModifiedTimestamp: created,
    QueueArn: queue.arn,
    DelaySeconds: `${settings.delaySeconds}`,
    MaximumMessageSize: `${settings.maximumMessageBytes}`,
    MessageRetentionPeriod: `${settings.messageRetentionSeconds}`,
    ReceiveMessageWaitTimeSeconds: `${settings.receiveWaitSeconds}`,
    VisibilityTimeout: `${settings.visibilityTimeoutSeconds}`,
    Policy: settings.policy,
    RedrivePolicy:
      redrive &&
      JSON.stringify({
        deadLetterTargetArn: arnOf(redrive.deadLetterQueue),
        maxReceiveCount: redrive.maxReceiveCount,
      }),
    RedriveAllowPolicy:
      redriveAllow &&
      JSON.stringify({
        redrivePermission: redriveAllow.permission,
        sourceQueueArns: redriveAllow.sourceQueueArns,
      }),
    KmsMasterKeyId: settings.keyArn,
    ...notServed,
  };
}

/** Names that SQS knows and that have no value here. */
const notServed = Object.fromEntries(
  [
    'KmsDataKeyReusePeriodSeconds',
    'SqsManagedSseEnabled',
    'FifoQueue',
    'ContentBasedDeduplication',
    'DeduplicationScope',
    'FifoThroughputLimit',
  ].map((name) => [name, undefined]),
);
