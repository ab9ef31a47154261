import type * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { holdsAnything, newAlarm } from '../base/alarms.ts';
import type { Key } from '../base/key.ts';
import { deadLetterRetention, Queue } from '../base/queue.ts';
import { ruleToQueue } from '../base/rule-to-queue.ts';

export interface CrawlFindingsArgs {
  readonly crawler: aws.glue.Crawler;
  readonly key: Key;
  readonly alarmTopicArn: string | undefined;
}

const otherThan = (value: string) => [{ 'anything-but': [value] }];

/**
 * Crawls that failed, and crawls that found what the tables do not say, kept until a person has seen them: Glue tells
 * EventBridge how each crawl ended (EventBridge reference, events-ref-glue; counts come as text).
 */
export class CrawlFindings extends pulumi.ComponentResource {
  readonly queue: Queue;
  readonly undelivered: Queue;

  constructor(name: string, args: CrawlFindingsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:CrawlFindings', name, {}, options);
    const { crawler, key } = args;
    const queue = new Queue(name, { key, retention: deadLetterRetention }, { parent: this });
    const undelivered = ruleToQueue(
      name,
      {
        description: 'Crawls that failed or found drift.',
        eventPattern: {
          source: ['aws.glue'],
          'detail-type': ['Glue Crawler State Change'],
          detail: {
            crawlerName: [crawler.name],
            $or: [
              { state: ['Failed'] },
              { warningMessage: otherThan('N/A') },
              // Partitions that are there are given the table's columns after a deploy that changes them, which is no drift.
              ...['tablesCreated', 'tablesUpdated', 'tablesDeleted'].map((count) => ({
                [count]: otherThan('0'),
              })),
            ],
          },
        },
        queue,
        key,
      },
      this,
    );
    const description =
      'A crawl failed or found drift. See what: npx sluice catalog --check. Put it away: npx sluice catalog --clear';
    newAlarm(name, description, holdsAnything(queue), args.alarmTopicArn, this);
    newAlarm(`${name}-undelivered`, description, holdsAnything(undelivered), args.alarmTopicArn, this);
    this.queue = queue;
    this.undelivered = undelivered;
    this.registerOutputs();
  }
}
