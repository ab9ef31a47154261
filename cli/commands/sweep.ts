import type { Command } from 'commander';
import { type Stage, stages } from '../../domain/stage.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { QueueSender } from '../../store/queue-sender.ts';
import { type SweepProblem, type SweepProblemKind, sweep as sweepTarget } from '../ledger/sweep.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { milliseconds, whole } from '../options/options.ts';
import { queueStates } from '../target/queue-state.ts';
import { s3Time } from '../target/s3-time.ts';
import type { Target } from '../target/target.ts';
import { count, duration, integer, Progress, printable, printableJson } from '../terminal/terminal.ts';

interface SweepOptions {
  readonly prefix: string;
  readonly olderThan?: number;
  readonly enqueue?: boolean;
  readonly rate: number;
  readonly json?: boolean;
}

/** While messages wait, what is young is likely to be among them. */
const BUSY_GRACE_MS = 3_600_000;
/** SQS's counts are true a minute after the last message ("Amazon SQS API Reference: GetQueueAttributes"). */
const IDLE_GRACE_MS = 60_000;

export function sweep(program: Command): void {
  program
    .command('sweep')
    .description(
      'hold the raw bucket against the ledger: find what was never seen, never finished or not retracted; exit 1 if there is anything',
    )
    .option('-p, --prefix <prefix>', 'only objects under this prefix', '')
    .option(
      '--older-than <duration>',
      'leave alone what changed later than so long ago, e.g. 10m (default: 1h while messages wait in the queues, else 1m)',
      milliseconds,
    )
    .option('-e, --enqueue', 'send what was found on its way; exit 0 if that was everything')
    .option('--rate <count>', 'how many messages a second to send at the most', whole(1), 200)
    .option('--json', 'each finding as a JSON document a line, and last the sums')
    .addHelpText('after', meanings)
    .action(async (options: SweepOptions) => {
      const target = await chosenTarget(program);
      const { findings, stuck, sent } = await run(target, options);
      if (findings > 0 && (!options.enqueue || stuck > 0)) process.exitCode = 1;
      if (options.json || findings === 0) return;
      if (options.enqueue)
        console.log(`${count(sent, 'message')} sent. They are on their way: npx sluice status`);
      else if (stuck < findings) console.log('To send it on its way: npx sluice sweep --enqueue');
    });
}

async function run(
  target: Target,
  { prefix, olderThan, enqueue = false, rate, json = false }: SweepOptions,
): Promise<{ findings: number; stuck: number; sent: number }> {
  const queues = await queueStates(target);
  const busy = queues.some(({ waiting, inFlight }) => waiting + inFlight > 0);
  const now = await s3Time(target, target.outputs.buckets.raw);
  const grace = olderThan ?? (busy ? BUSY_GRACE_MS : IDLE_GRACE_MS);
  const before = now - grace;
  const senders = new Map(
    stages.map((stage) => [stage, new QueueSender(target.sqs, target.outputs.queues[stage], rate)]),
  );
  const sums = new Map<SweepProblemKind, number>();
  const progress = new Progress();
  let objects = 0;
  let young = 0;
  let stuck = 0;
  try {
    for await (const swept of sweepTarget(target, { prefix, before })) {
      objects = swept.objects;
      young = swept.young;
      for (const finding of swept.findings) {
        sums.set(finding.amiss, (sums.get(finding.amiss) ?? 0) + 1);
        if (finding.events.length === 0) stuck += 1;
        progress.end();
        console.log(json ? printableJson(finding) : line(finding, now));
        if (!enqueue) continue;
        for (const { stage, event } of finding.events)
          await senders
            .get(stage)
            ?.send(toQueueMessage(target.outputs.buckets[sources[stage]], event, 'Sweep'));
      }
      progress.show(`Swept ${count(objects, 'object')}`);
    }
    for (const sender of senders.values()) await sender.flush();
  } finally {
    progress.end();
  }
  const sent = [...senders.values()].reduce((sum, sender) => sum + sender.sent, 0);
  const findings = [...sums.values()].reduce((sum, n) => sum + n, 0);
  if (json) {
    console.log(printableJson({ objects, young, findings, sent, amiss: Object.fromEntries(sums) }));
  } else {
    const amiss = [...sums].map(([kind, n]) => `${integer(n)} ${named(kind)}`).join(', ');
    console.log(`Swept ${count(objects, 'object')}: ${amiss === '' ? 'nothing is amiss.' : `${amiss}.`}`);
    if (young > 0)
      console.log(
        `Left alone: ${count(young, 'object')} of which something changed in the last ${duration(grace)}. To look at them too: npx sluice sweep --older-than 0s`,
      );
    const dead = queues.reduce((sum, each) => sum + each.dead + each.undelivered, 0);
    if (dead > 0) console.log(`In the DLQs: ${count(dead, 'message')}. See: npx sluice status`);
  }
  return { findings, stuck, sent };
}

/** The bucket whose events a stage is told of. */
const sources = {
  extraction: 'raw',
  transformation: 'temp',
  loading: 'processed',
} as const satisfies Readonly<Record<Stage, string>>;

const explanations: Readonly<Record<SweepProblemKind, (finding: SweepProblem) => string>> = {
  never_seen: () => 'no event of it has arrived',
  missed: () => 'its newest version has not arrived; the tables show what was before',
  not_retracted: () => 'it is deleted; its rows are still there',
  interrupted: () => 'its extraction was taken up and never ended',
  unfinished: ({ pieces, events }) =>
    events[0]?.stage === 'extraction'
      ? `${count(pieces, 'piece')} of work lack, and what they need is gone: it is to be done anew`
      : `${count(pieces, 'piece')} of work wait for ${[...new Set(events.map(({ stage }) => stage))].join(' and ')}`,
  left_over: ({ pieces }) => `what ${count(pieces, 'superseded version')} left behind is still there`,
  unreadable: ({ reason = '' }) => `${printable(reason)} To have it done anew: npx sluice replay KEY --force`,
  dataset_gone: () => 'its rows are of a dataset that this code does not have (docs/operations.md)',
};

const meanings = `
Kinds of findings:
  never seen     an object that the pipeline knows nothing of, e.g. one that is older than the pipeline
  missed         a newer version than the one that the tables show, or an older one that is back
  not retracted  an object that is deleted, and whose dataset retracts
  interrupted    an extraction that died; its message was given up
  unfinished     parts or files that a later stage has not done
  left over      files of versions that were superseded
  unreadable     an object of whose state something is damaged
  dataset gone   an object whose dataset is no more: its rows are to be removed by hand`;

const named = (kind: SweepProblemKind) => kind.replaceAll('_', ' ');
const WIDEST = 'not retracted'.length;

function line(finding: SweepProblem, now: number): string {
  const { amiss, key, since } = finding;
  const age = since === 0 ? '' : ` (since ${duration(Math.max(0, now - since))})`;
  return `${named(amiss).padEnd(WIDEST)}  ${printable(key)}: ${explanations[amiss](finding)}${age}`;
}
