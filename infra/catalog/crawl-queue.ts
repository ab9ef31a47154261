import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { holdsAnything, newAlarm, ofQueue } from '../base/alarms.ts';
import type { Key } from '../base/key.ts';
import { deadLetterRetention, Queue, sourceRetention } from '../base/queue.ts';

export interface CrawlQueueArgs {
  readonly key: Key;
  /** Seconds that a change in the lake may wait for a crawl before an alarm. */
  readonly alarmAge: number;
  readonly alarmTopicArn: string | undefined;
}

/**
 * What changed in the lake since the last crawl. The crawler reads it, so that it lists the folders that changed and no
 * other. S3 sends to it: of EventBridge's form of the events Glue's documents say nothing (Glue guide,
 * crawler-s3-event-notifications).
 */
export class CrawlQueue extends pulumi.ComponentResource {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(name: string, args: CrawlQueueArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:CrawlQueue', name, {}, options);
    const { key, alarmTopicArn } = args;
    this.deadLetters = new Queue(`${name}-dlq`, { key, retention: deadLetterRetention }, { parent: this });
    this.deadLetters.admitOnly(undefined);
    this.queue = new Queue(
      name,
      {
        key,
        retention: sourceRetention,
        // A crawl of many folders takes minutes; what it has taken must not come back meanwhile.
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
    newAlarm(
      `${name}-age`,
      `Changes in the lake wait for a crawl for more than ${args.alarmAge} s. See the last crawls: npx sluice catalog`,
      { ...ofQueue(this.queue, 'ApproximateAgeOfOldestMessage'), threshold: args.alarmAge },
      alarmTopicArn,
      this,
    );
    newAlarm(
      `${name}-dlq`,
      'A crawler gave changes of the lake up: their partitions may be missing. See: npx sluice catalog',
      holdsAnything(this.deadLetters),
      alarmTopicArn,
      this,
    );
    this.registerOutputs();
  }
}
