import * as pulumi from '@pulumi/pulumi';
import { Arrivals } from '../../../infra/base/arrivals.ts';
import { StackAlarms } from '../../../infra/base/stack-alarms.ts';

/** Datasets of which some expect objects: those of the real program expect none. */
const datasets = [
  { name: 'sales', expectedEvery: { hours: 24 } },
  { name: 'web_logs', expectedEvery: { hours: 1 } },
  { name: 'recipes' },
];
const stack = pulumi.getStack();
const alarms = new StackAlarms({
  prefix: `sluice-${stack}`,
  topicArn: 'arn:aws:sns:us-east-1:000000000000:alarms',
  runbooks: 'docs/runbooks.md',
});
new Arrivals(`sluice-${stack}-arrivals`, { stack, datasets, alarms }, {});

export const metrics = alarms.metrics;
