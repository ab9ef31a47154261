import type { Check, Registered } from './check.ts';
import { at, list, number, parsed } from './resource.ts';

const machine = 'aws:sfn/stateMachine:StateMachine';

/** State machines: what they must say of every task, and what must be watched. */
export const workflowChecks: readonly Check[] = [
  {
    name: 'workflow-retries',
    rule: 'Every task has a time-out, is tried again with back-off and jitter, and has its errors caught.',
    reason:
      'One throttled call must not undo hours of a backfill, and many that try again must not do so in step.',
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
    rule: 'A distributed map bounds its concurrency, tolerates at most a tenth of failures, and has its errors caught.',
    reason: 'A map that tolerates everything succeeds when nothing did.',
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
    rule: 'A state machine says how long an execution may take, is traced, and logs errors to a group of the stack, which has a retention.',
    reason: 'Without a time-out, an execution that is stuck stays so for a year.',
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
    rule: 'A state machine has alarms on the first execution that fails or times out.',
    reason: 'Nobody watches a backfill for hours.',
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

/** All states of a flow, and of the flows within. */
function statesOf(flow: unknown): unknown[] {
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
