import type { Authorize } from '../core/call.ts';
import type { StateMachineSettings } from './settings.ts';

/** "Step Functions guide: Logging using CloudWatch Logs, IAM policies for logging to CloudWatch Logs". */
const logging = [
  'CreateLogDelivery',
  'GetLogDelivery',
  'UpdateLogDelivery',
  'DeleteLogDelivery',
  'ListLogDeliveries',
  'PutResourcePolicy',
  'DescribeResourcePolicies',
  'DescribeLogGroups',
];

/** "Step Functions guide: IAM policies for tracing with X-Ray". */
const tracing = ['PutTraceSegments', 'PutTelemetryRecords', 'GetSamplingRules', 'GetSamplingTargets'];

/**
 * Checks a state machine's role as Step Functions does on creation: that it may assume the role, and that the
 * role may deliver logs and write traces. Rejects as `authorize` does.
 */
export async function checkRoles(
  authorize: Authorize,
  machines: readonly StateMachineSettings[],
): Promise<void> {
  for (const { arn, roleArn, logs = false, traces = false } of machines) {
    await authorize({
      caller: { kind: 'service', principal: 'states.amazonaws.com', sourceArn: arn },
      operation: 'AssumeRole',
      action: 'sts:AssumeRole',
      resource: roleArn,
    });
    const caller = { kind: 'role', principal: roleArn } as const;
    const actions = [
      ...(logs ? logging.map((operation) => ['logs', operation] as const) : []),
      ...(traces ? tracing.map((operation) => ['xray', operation] as const) : []),
    ];
    for (const [service, operation] of actions)
      await authorize({ caller, operation, action: `${service}:${operation}`, resource: '*' });
  }
}
