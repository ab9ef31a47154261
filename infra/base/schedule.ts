import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { allow, policyDocument, trust } from '../iam/documents.ts';
import type { StackAlarms } from './stack-alarms.ts';

export interface ScheduleArgs {
  readonly description: string;
  /** `cron(…)` or `rate(…)`, in UTC. */
  readonly schedule: string;
  readonly enabled: boolean;
  readonly target: {
    readonly arn: pulumi.Input<string>;
    /** As JSON. */
    readonly input: pulumi.Input<string>;
  };
  /** The only thing that the schedule's role may do. */
  readonly permission: {
    readonly sid: string;
    readonly action: string;
    readonly resource: pulumi.Input<string>;
  };
  /** Seconds for which a start is tried. */
  readonly triedFor: number;
  /** Starts when nothing was started in that time. */
  readonly alarm: { readonly runbook: string; readonly description: string };
  readonly alarms: StackAlarms;
}

/**
 * Starts something by EventBridge Scheduler, with a role that may do nothing else.
 *
 * @returns the schedule's id: `GROUP/NAME`
 */
export function schedule(name: string, args: ScheduleArgs, parent: pulumi.Resource): pulumi.Output<string> {
  const { sid, action, resource } = args.permission;
  const group = new aws.scheduler.ScheduleGroup(name, {}, { parent });
  // Scheduler guide, cross-service-confused-deputy-prevention: the condition names the schedule group, not
  // single schedules.
  const role = new aws.iam.Role(
    name,
    { assumeRolePolicy: trust('scheduler.amazonaws.com', { 'aws:SourceArn': group.arn }) },
    { parent },
  );
  const policy = new aws.iam.RolePolicy(
    name,
    { role: role.name, policy: policyDocument([allow(sid, [action], resource)]) },
    { parent },
  );
  const made = new aws.scheduler.Schedule(
    name,
    {
      description: args.description,
      groupName: group.name,
      scheduleExpression: args.schedule,
      scheduleExpressionTimezone: 'UTC',
      flexibleTimeWindow: { mode: 'OFF' },
      state: args.enabled ? 'ENABLED' : 'DISABLED',
      target: {
        arn: args.target.arn,
        roleArn: role.arn,
        input: args.target.input,
        retryPolicy: { maximumEventAgeInSeconds: args.triedFor, maximumRetryAttempts: 185 },
      },
    },
    { parent, dependsOn: [policy] },
  );
  args.alarms.add(
    `${name}-dropped`,
    args.alarm.runbook,
    args.alarm.description,
    {
      namespace: 'AWS/Scheduler',
      metricName: 'InvocationDroppedCount',
      dimensions: { ScheduleGroup: group.name },
      statistic: 'Sum',
      period: 300,
      threshold: 0,
    },
    parent,
  );
  return pulumi.interpolate`${group.name}/${made.name}`;
}
