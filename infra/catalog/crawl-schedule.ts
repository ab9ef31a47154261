import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { StackAlarms } from '../base/stack-alarms.ts';
import { allow, policyDocument, trust } from '../iam/documents.ts';

export interface CrawlScheduleArgs {
  readonly crawler: aws.glue.Crawler;
  /** `cron(…)` or `rate(…)`, in UTC. */
  readonly schedule: string;
  readonly enabled: boolean;
  /** Seconds that a change in the archive may wait for a crawl. */
  readonly alarmAge: number;
  readonly alarms: StackAlarms;
}

/** Starts the crawler by EventBridge Scheduler. The schedule's role may do nothing else. */
export class CrawlSchedule extends pulumi.ComponentResource {
  /** `GROUP/NAME` */
  readonly id: pulumi.Output<string>;

  constructor(name: string, args: CrawlScheduleArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:CrawlSchedule', name, {}, options);
    const { crawler } = args;
    // A day is the most that Scheduler allows.
    const triedFor = Math.min(args.alarmAge, 86_400);
    const group = new aws.scheduler.ScheduleGroup(name, {}, { parent: this });
    // Scheduler guide, cross-service-confused-deputy-prevention: the condition names the schedule group, not
    // single schedules.
    const role = new aws.iam.Role(
      name,
      { assumeRolePolicy: trust('scheduler.amazonaws.com', { 'aws:SourceArn': group.arn }) },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyDocument([allow('StartCrawler', ['glue:StartCrawler'], crawler.arn)]),
      },
      { parent: this },
    );
    const schedule = new aws.scheduler.Schedule(
      name,
      {
        description: 'Adds the partitions of the archive that are new to the catalog.',
        groupName: group.name,
        scheduleExpression: args.schedule,
        scheduleExpressionTimezone: 'UTC',
        flexibleTimeWindow: { mode: 'OFF' },
        state: args.enabled ? 'ENABLED' : 'DISABLED',
        target: {
          // Scheduler guide, managing-targets-universal.
          arn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler',
          roleArn: role.arn,
          input: pulumi.jsonStringify({ Name: crawler.name }),
          // Glue refuses to start a crawler that is running. So a start is tried for as long as a crawl may
          // take without an alarm, and only what ends no crawl, such as a missing permission, drops it.
          retryPolicy: { maximumEventAgeInSeconds: triedFor, maximumRetryAttempts: 185 },
        },
      },
      { parent: this, dependsOn: [policy] },
    );
    args.alarms.add(
      `${name}-dropped`,
      'catalog-schedule-dropped',
      `EventBridge Scheduler could not start the crawler within ${triedFor} s. The role may lack the permission.`,
      {
        namespace: 'AWS/Scheduler',
        metricName: 'InvocationDroppedCount',
        dimensions: { ScheduleGroup: group.name },
        statistic: 'Sum',
        period: 300,
        threshold: 0,
      },
      this,
    );
    this.id = pulumi.interpolate`${group.name}/${schedule.name}`;
    this.registerOutputs();
  }
}
