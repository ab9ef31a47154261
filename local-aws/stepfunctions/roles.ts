import { type Authorize, authorizeAction, authorizeRole } from '../core/call.ts';
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
    await authorizeRole(authorize, 'states', roleArn, arn);
    const caller = { kind: 'role', principal: roleArn } as const;
    const actions = [
      ...(logs ? logging.map((operation) => `logs:${operation}`) : []),
      ...(traces ? tracing.map((operation) => `xray:${operation}`) : []),
    ];
    for (const action of actions) await authorizeAction(authorize, caller, action, '*');
  }
}
