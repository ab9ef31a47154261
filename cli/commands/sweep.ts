import type { Command } from 'commander';
import { stageInputs, stages } from '../../domain/stage.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { QueueSender } from '../../store/queue-sender.ts';
import { describeTrouble, type FoundTrouble, TroubleFinder } from '../ledger/states/trouble.ts';
import { type SweepProblem, type SweepProblemKind, sweep as sweepTarget } from '../ledger/sweep.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { milliseconds, whole } from '../options/options.ts';
import { deadIn } from '../target/queue-state.ts';
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

/** While messages wait in the queues, a recent change is likely to be one of them. */
const BUSY_GRACE_MS = 3_600_000;
/**
 * SQS's counts are accurate a minute after the last message ("Amazon SQS API Reference: GetQueueAttributes").
 */
const IDLE_GRACE_MS = 60_000;

export function sweep(program: Command): void {
  program
    .command('sweep')
    .description(
      'compare the raw bucket with the ledger: find objects that were never seen, not finished or not retracted; exit 1 if there are any',
    )
    .option('-p, --prefix <prefix>', 'only objects under this prefix', '')
    .option(
      '--older-than <duration>',
      'skip objects that changed more recently, e.g. 10m (default: 1h while messages wait in the queues, else 1m)',
      milliseconds,
    )
    .option(
      '-e, --enqueue',
      'send the events that repair the findings; exit 0 if there are events for all of them',
    )
    .option('--rate <count>', 'how many messages to send per second at most', whole(1), 200)
    .option('--json', 'print each finding as a JSON document per line, then the totals')
    .addHelpText('after', meanings)
    .action(async (options: SweepOptions) => {
      const target = await chosenTarget(program);
      const { findings, stuck, sent } = await run(target, options);
      if (findings > 0 && (!options.enqueue || stuck > 0)) process.exitCode = 1;
      if (options.json || findings === 0) return;
      if (options.enqueue)
        console.log(`Sent ${count(sent, 'message')}. To see their progress: npx sluice status`);
      else if (stuck < findings) console.log('To repair: npx sluice sweep --enqueue');
    });
}

async function run(
  target: Target,
  { prefix, olderThan, enqueue = false, rate, json = false }: SweepOptions,
): Promise<{ findings: number; stuck: number; sent: number }> {
  const finder = new TroubleFinder(target);
  const queues = await finder.queues();
  const busy = queues.some(({ waiting, inFlight }) => waiting + inFlight > 0);
  const now = await s3Time(target, target.outputs.buckets.raw);
  const grace = olderThan ?? (busy ? BUSY_GRACE_MS : IDLE_GRACE_MS);
  const before = now - grace;
  const senders = new Map(
    stages.map((stage) => [stage, new QueueSender(target.sqs, target.outputs.queues[stage], 'Sweep', rate)]),
  );
  const sums = new Map<SweepProblemKind, number>();
  const labels = new Map<string, number>();
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
        const trouble = await troubleOf(target, finding, finder);
        const label = trouble === undefined ? finding.amiss : trouble.kind;
        labels.set(label, (labels.get(label) ?? 0) + 1);
        progress.end();
        console.log(
          json ? printableJson({ ...finding, trouble }) : problemText(finding, label, trouble, now),
        );
        if (!enqueue) continue;
        for (const { stage, event } of finding.events)
          await senders
            .get(stage)
            ?.send(toQueueMessage(target.outputs.buckets[stageInputs[stage].bucket], event, 'Sweep'));
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
    const amiss = [...labels].map(([kind, n]) => `${integer(n)} ${kindName(kind)}`).join(', ');
    console.log(`Swept ${count(objects, 'object')}: ${amiss === '' ? 'no problems found.' : `${amiss}.`}`);
    if (young > 0)
      console.log(
        `Skipped ${count(young, 'object')} that changed in the last ${duration(grace)}. To include them: npx sluice sweep --older-than 0s`,
      );
    const dead = deadIn(queues);
    if (dead > 0) console.log(`Dead-lettered: ${count(dead, 'message')}. To see why: npx sluice dlq`);
  }
  return { findings, stuck, sent };
}

const explanations: Readonly<Record<SweepProblemKind, (finding: SweepProblem) => string>> = {
  never_seen: () => 'no event of it has arrived',
  missed: () => 'the event of its newest version has not arrived; the tables show an older one',
  not_retracted: () => 'it is deleted, but its rows are still there',
  interrupted: () => 'its extraction began and never ended',
  unfinished: ({ pieces, events }) =>
    events[0]?.event.type === 'deleted'
      ? 'it is deleted, and not every sink is known to have removed its rows'
      : events[0]?.stage === 'extraction'
        ? `${count(pieces, 'work item')} ${pieces === 1 ? 'is missing and its' : 'are missing and their'} input is gone; the object must be reprocessed`
        : `${count(pieces, 'work item')} ${pieces === 1 ? 'waits' : 'wait'} for ${[...new Set(events.map(({ stage }) => stage))].join(' and ')}`,
  unpublished: () => 'it is whole, and nobody has published it',
  plain_files: () =>
    'a release before November 2026 made its files, which no table of the lake shows. To take it over: npx sluice takeover',
  left_over: ({ pieces }) => `the rows and files of ${count(pieces, 'superseded version')} are still there`,
  unreadable: ({ reason = '' }) => `${printable(reason)} To reprocess it: npx sluice replay KEY --force`,
  dataset_gone: () => 'its rows belong to a dataset that this code does not have (docs/operations.md)',
};

const meanings = `
Kinds of findings:
  never seen     an object that has no ledger entry, e.g. because it is older than the pipeline
  missed         a version that the tables do not show yet: a newer one, or an older one that is the newest again
  not retracted  a deleted object whose dataset retracts its rows
  interrupted    an extraction that died and whose message was dead-lettered
  unfinished     parts that a later stage has not processed, or a sink does not show
  unpublished    a version is whole, but nobody has published it
  plain files    a version that a release before November 2026 made: npx sluice takeover
  left over      rows and files of superseded versions
  unreadable     an object whose ledger entry or receipts are damaged
  dataset gone   an object whose dataset was removed from the code: its rows must be removed by hand
If the work that is missing has left a trace, the finding says so instead: retrying, dead lettered, undelivered or failed.`;

/** Why the work that a finding misses does not go on, if it left a trace. */
async function troubleOf(
  target: Target,
  { key, versionId, events }: SweepProblem,
  finder: TroubleFinder,
): Promise<FoundTrouble | undefined> {
  const [first] = events;
  if (first === undefined || first.event.type === 'deleted') return undefined;
  return finder.troubleOf({ dataset: target.registry.nameOf(key), key, versionId }, first.stage);
}

const kindName = (kind: string) => kind.replaceAll('_', ' ');
const WIDEST = 'not retracted'.length;

function problemText(
  finding: SweepProblem,
  label: string,
  trouble: FoundTrouble | undefined,
  now: number,
): string {
  const { amiss, key, since } = finding;
  const reason = trouble === undefined ? explanations[amiss](finding) : describeTrouble(trouble, now);
  const how = since === 0 || trouble !== undefined ? '' : ` (for ${duration(Math.max(0, now - since))})`;
  return `${kindName(label).padEnd(WIDEST)}  ${printable(key)}: ${reason}${how}`;
}
