import { requestsOfMessage } from '../../domain/cost/load.ts';
import { costOf, prices } from '../../domain/cost/prices.ts';
import { ofFunction, ofQueue, type StageView } from './stages.ts';
import { expression, graph, hidden, type Widget } from './widgets.ts';

/** What an hour cost, times 24. An hour without a call shows nothing. */
export function costGraph(region: string, stages: readonly StageView[]): Widget {
  return graph(
    region,
    'Estimated cost a day, at the rate of the hour: S3 requests, Lambda, SQS; us-east-1',
    stages.flatMap(({ name, stage: { queue, functionName }, configuration: { memory } }) => {
      const id = (what: string) => `${name}${what}`;
      const counts = [id('Sent'), id('Received'), id('Deleted'), id('Empty')];
      const { writes, reads } = requestsOfMessage[name];
      const terms = [
        `${id('Deleted')} * ${decimal(costOf(writes, prices.s3Write) + costOf(reads, prices.s3Read))}`,
        `${id('Duration')} * ${decimal(costOf(memory / 1_024 / 1_000, prices.gigabyteSecond))}`,
        `${id('Invocations')} * ${decimal(costOf(1, prices.invocation))}`,
        `(${counts.join(' + ')}) * ${decimal(costOf(1, prices.queueRequest))}`,
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
