import { type Stage, stages } from '../stage.ts';
import { atRest, type Billed } from './at-rest.ts';
import { costOfRequests, costOfTraces, totalsOf } from './load.ts';
import { type Position, positions } from './position.ts';
import { month, prices } from './prices.ts';

/** What CloudWatch counted of a stage. */
export interface StageUsage {
  /** Messages sent to its queue, received and deleted, and receives that found none. */
  readonly sent: number;
  readonly received: number;
  readonly deleted: number;
  readonly emptyReceives: number;
  readonly calls: number;
  /** Milliseconds of all calls together. */
  readonly duration: number;
  /** Bytes that its log group took in; `undefined` if nobody counts them. */
  readonly logs: number | undefined;
}

/** What CloudWatch counted of a stack in some hours. */
export interface Usage {
  readonly hours: number;
  readonly stages: Readonly<Record<Stage, StageUsage>>;
  /** GB in all buckets on average, by class; `undefined` if nobody counts them. */
  readonly stored: { readonly standard: number; readonly archived: number } | undefined;
}

const measured = positions('measured');
const estimated = positions('estimated');

/**
 * What a stack cost in some hours: what CloudWatch counted, estimates from the messages that were done, and
 * the share of a month of all that costs the same in each hour.
 */
export function costOfUsage({ hours, stages: used, stored }: Usage, stack: Billed): Position[] {
  const sum = (value: (usage: StageUsage, stage: Stage) => number) =>
    stages.reduce((all, stage) => all + value(used[stage], stage), 0);
  const share = hours / month.hours;
  const messages = {
    extraction: used.extraction.deleted,
    transformation: used.transformation.deleted,
    commit: used.commit.deleted,
    loading: used.loading.deleted,
  };
  const { requests, logs } = totalsOf(
    // CloudWatch counts no files: as though each part had one, and each object one part.
    {
      messages,
      inPlace: Math.max(0, messages.loading - messages.transformation),
      files: messages.loading,
      partsOfSeveral: 0,
      records: 0,
      mysql: stack.database !== undefined,
    },
    stack.memory,
  );
  const calls = sum((each) => each.calls);
  const isLogMeasured = stages.every((stage) => used[stage].logs !== undefined);
  const logged = isLogMeasured ? sum((each) => each.logs ?? 0) : logs;
  return [
    ...costOfRequests(requests, stack),
    measured(
      'Lambda',
      'duration',
      sum(({ duration }, stage) => (duration / 1_000) * (stack.memory[stage] / 1_024)),
      prices.gigabyteSecond,
    ),
    measured('Lambda', 'calls', calls, prices.invocation),
    (isLogMeasured ? measured : estimated)('CloudWatch', 'logs', logged / 1e9, prices.logs),
    measured(
      'SQS',
      'requests, if each takes one message',
      sum((each) => each.sent + each.received + each.deleted + each.emptyReceives),
      prices.queueRequest,
    ),
    costOfTraces(calls),
    ...(stored === undefined
      ? []
      : [
          measured('S3', 'storage, GB-months', stored.standard * share, prices.s3Storage),
          measured('S3', 'storage in Glacier, GB-months', stored.archived * share, prices.s3Archive),
        ]),
    // The pollers' empty receives are among the requests.
    ...atRest(stack)
      .filter(({ service }) => service !== 'SQS')
      .map((each) => ({
        ...each,
        quantity: each.quantity * share,
        usd: each.usd === undefined ? undefined : each.usd * share,
      })),
  ];
}
