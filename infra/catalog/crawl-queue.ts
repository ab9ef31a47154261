import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { holdsAnything, ofQueue } from '../base/alarms.ts';
import type { Key } from '../base/key.ts';
import { deadLetterRetention, Queue, sourceRetention } from '../base/queue.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';

export interface CrawlQueueArgs {
  readonly key: Key;
  /** Seconds that a change in the archive may wait for a crawl before an alarm. */
  readonly alarmAge: number;
  readonly alarms: StackAlarms;
}

/**
 * The archive's changes since the last crawl. The crawler reads the queue, so it lists only the folders that
 * changed. S3 sends to it directly, because Glue does not document support for EventBridge's form of the
 * events (Glue guide, crawler-s3-event-notifications).
 */
export class CrawlQueue extends pulumi.ComponentResource {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(name: string, args: CrawlQueueArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:CrawlQueue', name, {}, options);
    const { key, alarms } = args;
    this.deadLetters = new Queue(`${name}-dlq`, { key, retention: deadLetterRetention }, { parent: this });
    this.deadLetters.admitOnly(undefined);
    this.queue = new Queue(
      name,
      {
        key,
        retention: sourceRetention,
        // A crawl of many folders takes minutes; its messages must not reappear meanwhile.
        visibilityTimeoutSeconds: 1_800,
        redrivePolicy: pulumi.jsonStringify({
          deadLetterTargetArn: this.deadLetters.arn,
          maxReceiveCount: 5,
        }),
      },
      { parent: this },
    );
    new aws.sqs.RedriveAllowPolicy(
      `${name}-dlq`,
      {
        queueUrl: this.deadLetters.url,
        redriveAllowPolicy: pulumi.jsonStringify({
          redrivePermission: 'byQueue',
          sourceQueueArns: [this.queue.arn],
        }),
      },
      { parent: this },
    );
    alarms.add(
      `${name}-age`,
      'crawl-age',
      `Changes in the archive wait more than ${args.alarmAge} s for a crawl (npx sluice catalog lists the last ones).`,
      { ...ofQueue(this.queue, 'ApproximateAgeOfOldestMessage'), threshold: args.alarmAge },
      this,
    );
    alarms.add(
      `${name}-dlq`,
      'crawl-dlq',
      'Changes in the archive were dead-lettered, so partitions may be missing (npx sluice catalog --register adds them).',
      holdsAnything(this.deadLetters),
      this,
    );
    this.registerOutputs();
  }
}
