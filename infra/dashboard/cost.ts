import type { Stage } from '../../domain/stage.ts';
import { ofFunction, ofQueue, type StageView } from './stages.ts';
import { expression, graph, hidden, type Widget } from './widgets.ts';

/** Dollars, us-east-1, without free tiers: docs/cost.md names the pages. */
const price = {
  /** PUT, COPY, LIST. */
  write: 0.005 / 1_000,
  /** GET, HEAD. */
  read: 0.0004 / 1_000,
  queueRequest: 0.4 / 1_000_000,
  invocation: 0.2 / 1_000_000,
  /** On arm64. */
  gigabyteSecond: 0.0000133334,
};

/**
 * S3 requests of a message: those of test/handlers/cost.test.ts, a stage's output counted by who reads it.
 */
const requests: Readonly<Record<Stage, { readonly writes: number; readonly reads: number }>> = {
  extraction: { writes: 3, reads: 4 },
  transformation: { writes: 2, reads: 4 },
  loading: { writes: 3, reads: 4 },
};

/** What an hour cost, times 24. An hour without a call shows nothing. */
export function costGraph(region: string, stages: readonly StageView[]): Widget {
  return graph(
    region,
    'Estimated cost a day, at the rate of the hour: S3 requests, Lambda, SQS; us-east-1',
    stages.flatMap(({ name, stage: { queue, functionName }, configuration: { memory } }) => {
      const id = (what: string) => `${name}${what}`;
      const counts = [id('Sent'), id('Received'), id('Deleted'), id('Empty')];
      const { writes, reads } = requests[name];
      const terms = [
        `${id('Deleted')} * ${decimal(writes * price.write + reads * price.read)}`,
        `${id('Duration')} * ${decimal((price.gigabyteSecond * memory) / 1_024 / 1_000)}`,
        `${id('Invocations')} * ${decimal(price.invocation)}`,
        `(${counts.join(' + ')}) * ${decimal(price.queueRequest)}`,
      ];
      return [
        ofQueue(queue, 'NumberOfMessagesSent', hidden(id('Sent'), 'Sum')),
        ofQueue(queue, 'NumberOfMessagesReceived', hidden(id('Received'), 'Sum')),
        ofQueue(queue, 'NumberOfMessagesDeleted', hidden(id('Deleted'), 'Sum')),
        ofQueue(queue, 'NumberOfEmptyReceives', hidden(id('Empty'), 'Sum')),
        ofFunction(functionName, 'Invocations', hidden(id('Invocations'), 'Sum')),
        ofFunction(functionName, 'Duration', hidden(id('Duration'), 'Sum')),
        expression(`24 * (${terms.join(' + ')})`, name),
      ];
    }),
    { stacked: true, unit: '$ a day', period: 3_600 },
  );
}

/** Without an exponent, which the syntax of expressions does not mention. */
const decimal = (value: number) => value.toFixed(14);
