import type * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { schedule } from '../base/schedule.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';

export interface CrawlScheduleArgs {
  readonly crawler: aws.glue.Crawler;
  /** `cron(…)` or `rate(…)`, in UTC. */
  readonly schedule: string;
  readonly enabled: boolean;
  /** Seconds that a change in the archive may wait for a crawl. */
  readonly alarmAge: number;
  readonly alarms: StackAlarms;
}

/** Starts the crawler by EventBridge Scheduler. */
export class CrawlSchedule extends pulumi.ComponentResource {
  /** `GROUP/NAME` */
  readonly id: pulumi.Output<string>;

  constructor(name: string, args: CrawlScheduleArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:CrawlSchedule', name, {}, options);
    const { crawler } = args;
    // Glue refuses to start a crawler that is running. So a start is tried for as long as a crawl may take
    // without an alarm, and only what ends no crawl, such as a missing permission, drops it. A day is the
    // most that Scheduler allows.
    const triedFor = Math.min(args.alarmAge, 86_400);
    this.id = schedule(
      name,
      {
        description: 'Adds the partitions of the archive that are new to the catalog.',
        schedule: args.schedule,
        enabled: args.enabled,
        target: {
          // Scheduler guide, managing-targets-universal.
          arn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler',
          input: pulumi.jsonStringify({ Name: crawler.name }),
        },
        permission: { sid: 'StartCrawler', action: 'glue:StartCrawler', resource: crawler.arn },
        triedFor,
        alarm: {
          runbook: 'catalog-schedule-dropped',
          description: `EventBridge Scheduler could not start the crawler within ${triedFor} s. The role may lack the permission.`,
        },
        alarms: args.alarms,
      },
      this,
    );
    this.registerOutputs();
  }
}
