const machine = 'aws:sfn/stateMachine:StateMachine';
const alarm = 'aws:cloudwatch/metricAlarm:MetricAlarm';

const retrier = { ErrorEquals: ['States.ALL'], MaxAttempts: 5, BackoffRate: 2, JitterStrategy: 'FULL' };
const catcher = { ErrorEquals: ['States.ALL'], Next: 'Done' };
const task = { Type: 'Task', TimeoutSeconds: 60, Retry: [retrier], Catch: [catcher] };
const map = { Type: 'Map', MaxConcurrency: 5, ToleratedFailurePercentage: 10, Catch: [catcher] };
const machineOf = (State: object) => JSON.stringify({ TimeoutSeconds: 60, States: { State } });
const retrying = (more: object) => machineOf({ ...task, Retry: [{ ...retrier, ...more }] });

/** A change to every resource of a type, and the one check of state machines that it breaks. */
export const breakingWorkflows: readonly (readonly [
  check: string,
  type: string,
  path: string,
  value: unknown,
])[] = [
  ['workflow-retries', machine, 'definition', machineOf({ ...task, Retry: [] })],
  ['workflow-retries', machine, 'definition', machineOf({ ...task, Catch: [] })],
  ['workflow-retries', machine, 'definition', machineOf({ ...task, TimeoutSeconds: undefined })],
  ['workflow-retries', machine, 'definition', retrying({ ErrorEquals: ['States.Timeout'] })],
  ['workflow-retries', machine, 'definition', retrying({ MaxAttempts: 0 })],
  ['workflow-retries', machine, 'definition', retrying({ BackoffRate: 1 })],
  ['workflow-retries', machine, 'definition', retrying({ JitterStrategy: 'NONE' })],
  [
    'workflow-retries',
    machine,
    'definition',
    machineOf({ ...map, ItemProcessor: { States: { State: { ...task, Catch: [] } } } }),
  ],
  [
    'workflow-retries',
    machine,
    'definition',
    machineOf({ Type: 'Parallel', Branches: [{ States: { State: { ...task, Retry: [] } } }] }),
  ],
  ['workflow-map', machine, 'definition', machineOf({ ...map, ToleratedFailurePercentage: 100 })],
  ['workflow-map', machine, 'definition', machineOf({ ...map, MaxConcurrency: undefined })],
  ['workflow-map', machine, 'definition', machineOf({ ...map, Catch: [] })],
  ['workflow-explicit', machine, 'definition', '{"States":{}}'],
  ['workflow-explicit', machine, 'loggingConfiguration.level', 'OFF'],
  ['workflow-explicit', machine, 'loggingConfiguration.logDestination', 'arn:aws:logs:::elsewhere:*'],
  ['workflow-explicit', machine, 'tracingConfiguration', undefined],
  ['workflow-alarm', alarm, 'threshold', 5],
  ['workflow-alarm', alarm, 'dimensions', { StateMachineArn: 'another' }],
];
