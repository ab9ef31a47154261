import type * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { holdsAnything } from '../base/alarms.ts';
import type { Key } from '../base/key.ts';
import { deadLetterRetention, Queue } from '../base/queue.ts';
import { ruleToQueue } from '../base/rule-to-queue.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';

export interface CrawlFindingsArgs {
  readonly crawler: aws.glue.Crawler;
  readonly key: Key;
  readonly alarms: StackAlarms;
}

const otherThan = (value: string) => [{ 'anything-but': [value] }];

/**
 * A queue of crawls that failed or found drift, kept for a person to look at. Glue reports the end of each
 * crawl to EventBridge (EventBridge reference, events-ref-glue; counts are strings).
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
              // After a deployment that changes columns, a crawl updates existing partitions with them; that
              // is no drift.
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
      'A crawl failed or found drift (npx sluice catalog --check shows it, --clear acknowledges it).';
    args.alarms.add(name, 'catalog-findings', description, holdsAnything(queue), this);
    args.alarms.add(
      `${name}-undelivered`,
      'catalog-findings-undelivered',
      `EventBridge could not deliver a finding. ${description}`,
      holdsAnything(undelivered),
      this,
    );
    this.queue = queue;
    this.undelivered = undelivered;
    this.registerOutputs();
  }
}
