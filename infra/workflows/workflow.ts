import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { StackAlarms } from '../base/stack-alarms.ts';
import { allow, policyDocument, type Statement, trust } from '../iam/documents.ts';
import type { Workflow as Definition } from './states.ts';

export interface WorkflowArgs {
  readonly definition: Definition;
  /** The permissions that its states need. */
  readonly permissions: readonly Statement[];
  /** Days. */
  readonly logRetention: number;
  /** The account that it runs in. */
  readonly accountId: pulumi.Input<string>;
  readonly alarms: StackAlarms;
}

/** Log delivery takes no resources (Step Functions guide, cw-logs). */
const logDelivery = [
  'logs:CreateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:DescribeLogGroups',
  'logs:DescribeResourcePolicies',
  'logs:GetLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:UpdateLogDelivery',
];

/** Step Functions guide, xray-iam. */
const tracing = [
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
];

/** All executions of a state machine ("Service authorization reference: AWS Step Functions"). */
export const executionsOf = (machine: pulumi.Output<string>) =>
  machine.apply((arn) => `${arn.replace(':stateMachine:', ':execution:')}:*`);

/** All runs of its distributed maps. */
export const mapRunsOf = (machine: pulumi.Output<string>) =>
  machine.apply((arn) => `${arn.replace(':stateMachine:', ':mapRun:')}/*`);

/** A state machine with a role, a log group and alarms of its own. */
export class Workflow extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: WorkflowArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Workflow', name, {}, options);
    // Log groups with this prefix share one resource policy; a policy per group would exceed the limit (Step
    // Functions guide, cw-logs).
    const logs = new aws.cloudwatch.LogGroup(
      name,
      { namePrefix: `/aws/vendedlogs/states/${name}-`, retentionInDays: args.logRetention },
      { parent: this },
    );
    // Step Functions guide, procedure-create-iam-role, "cross-service confused deputy".
    const role = new aws.iam.Role(
      name,
      { assumeRolePolicy: trust('states.amazonaws.com', { 'aws:SourceAccount': args.accountId }) },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyDocument([
          ...args.permissions,
          allow('DeliverLogs', logDelivery, '*'),
          allow('WriteTraces', tracing, '*'),
        ]),
      },
      { parent: this },
    );
    const machine = new aws.sfn.StateMachine(
      name,
      {
        type: 'STANDARD',
        definition: pulumi.jsonStringify(args.definition),
        roleArn: role.arn,
        loggingConfiguration: {
          level: 'ERROR',
          includeExecutionData: true,
          logDestination: pulumi.interpolate`${logs.arn}:*`,
        },
        tracingConfiguration: { enabled: true },
      },
      // Step Functions checks on creation that it may log.
      { parent: this, dependsOn: [policy] },
    );
    // Needed for itself: a distributed map's children are executions too (Step Functions guide,
    // iam-policies-eg-dist-map).
    new aws.iam.RolePolicy(
      `${name}-children`,
      {
        role: role.name,
        policy: policyDocument([
          allow('RunChildren', ['states:StartExecution'], machine.arn),
          allow(
            'FollowChildren',
            ['states:DescribeExecution', 'states:StopExecution'],
            executionsOf(machine.arn),
          ),
        ]),
      },
      { parent: this },
    );
    for (const [what, metricName, description] of [
      ['failed', 'ExecutionsFailed', 'An execution failed (npx sluice executions tells why).'],
      ['timed-out', 'ExecutionsTimedOut', 'An execution timed out (npx sluice executions lists it).'],
    ] as const)
      args.alarms.add(
        `${name}-${what}`,
        `workflow-${what}`,
        description,
        {
          namespace: 'AWS/States',
          metricName,
          dimensions: { StateMachineArn: machine.arn },
          statistic: 'Sum',
          period: 300,
          threshold: 0,
        },
        this,
      );
    this.arn = machine.arn;
    this.registerOutputs({ arn: this.arn });
  }
}
