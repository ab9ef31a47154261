import type { Check, Registered } from '../check.ts';
import { at, list, number, parsed } from '../resource.ts';

const machine = 'aws:sfn/stateMachine:StateMachine';

/** State machines: their tasks, maps, logs and alarms. */
export const workflowChecks: readonly Check[] = [
  {
    name: 'workflow-retries',
    rule: 'Every task has a timeout, retries with backoff and jitter, and catches its errors.',
    reason:
      'One throttled call must not fail hours of a backfill, and many retries must not come at the same time.',
    source: 'Step Functions guide, concepts-error-handling and sfn-stuck-execution',
    type: machine,
    passes: ({ inputs }) => {
      const states = statesOf(parsed(inputs['definition']));
      return states
        .filter((state) => at(state, 'Type') === 'Task')
        .every(
          (state) =>
            number(at(state, 'TimeoutSeconds'), 0) > 0 && retries(state) && catchesAll(at(state, 'Catch')),
        );
    },
  },
  {
    name: 'workflow-map',
    rule: 'A distributed map limits its concurrency, tolerates at most 10 % failures, and catches its errors.',
    reason: 'A map that tolerates all failures succeeds even if every item failed.',
    source: 'Step Functions guide, state-map-distributed',
    type: machine,
    passes: ({ inputs }) =>
      statesOf(parsed(inputs['definition']))
        .filter((state) => at(state, 'Type') === 'Map')
        .every(
          (state) =>
            number(at(state, 'MaxConcurrency'), 0) > 0 &&
            number(at(state, 'ToleratedFailurePercentage'), 0) <= 10 &&
            catchesAll(at(state, 'Catch')),
        ),
  },
  {
    name: 'workflow-explicit',
    rule: 'A state machine has a timeout, is traced, and logs errors to a log group of the stack that has a retention.',
    reason: 'Without a timeout, a stuck execution runs for a year.',
    source: 'Security Hub StepFunctions.1; Step Functions guide, sfn-stuck-execution',
    type: machine,
    passes: ({ inputs }, all) => {
      const group = all.find(
        ({ type, outputs }) =>
          type === 'aws:cloudwatch/logGroup:LogGroup' &&
          `${outputs['arn']}:*` === at(inputs, 'loggingConfiguration.logDestination'),
      );
      return (
        number(at(parsed(inputs['definition']), 'TimeoutSeconds'), 0) > 0 &&
        at(inputs, 'tracingConfiguration.enabled') === true &&
        ['ERROR', 'ALL'].includes(String(at(inputs, 'loggingConfiguration.level'))) &&
        number(group?.inputs['retentionInDays'], 0) > 0
      );
    },
  },
  {
    name: 'workflow-alarm',
    rule: 'A state machine has alarms that start with the first failed or timed-out execution.',
    reason: 'A backfill runs unattended for hours.',
    source: 'Step Functions guide, procedure-cw-metrics',
    type: machine,
    passes: ({ outputs }, all) =>
      ['ExecutionsFailed', 'ExecutionsTimedOut'].every((metric) =>
        all.some((each) => watches(each, metric, outputs['arn'])),
      ),
  },
];

function watches({ type, inputs }: Registered, metric: string, arn: unknown): boolean {
  return (
    type === 'aws:cloudwatch/metricAlarm:MetricAlarm' &&
    inputs['namespace'] === 'AWS/States' &&
    inputs['metricName'] === metric &&
    at(inputs, 'dimensions.StateMachineArn') === arn &&
    inputs['comparisonOperator'] === 'GreaterThanThreshold' &&
    inputs['threshold'] === 0 &&
    inputs['treatMissingData'] === 'notBreaching' &&
    inputs['actionsEnabled'] !== false
  );
}

/** All states of a flow, and of the flows nested in it. */
export function statesOf(flow: unknown): unknown[] {
  return Object.values(at(flow, 'States') ?? {}).flatMap((state: unknown) => [
    state,
    ...statesOf(at(state, 'ItemProcessor')),
    ...list(at(state, 'Branches')).flatMap(statesOf),
  ]);
}

function retries(state: unknown): boolean {
  const retriers = list(at(state, 'Retry'));
  return (
    retriers.some((retrier) => list(at(retrier, 'ErrorEquals')).includes('States.ALL')) &&
    retriers.every(
      (retrier) =>
        number(at(retrier, 'MaxAttempts'), 3) > 0 &&
        number(at(retrier, 'BackoffRate'), 1) > 1 &&
        at(retrier, 'JitterStrategy') === 'FULL',
    )
  );
}

const catchesAll = (catchers: unknown) =>
  list(catchers).some((catcher) => list(at(catcher, 'ErrorEquals')).includes('States.ALL'));
