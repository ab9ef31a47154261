import type { Command } from 'commander';
import { datasets, registry } from '../../datasets/index.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { type Tally, total } from '../../domain/versions/receipt.ts';
import { isFinal, objectState } from '../ledger/object-state.ts';
import { type Candidate, candidates, codesLeft, replayedName } from '../ledger/replay.ts';
import { Sender } from '../ledger/send-events.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { oneMoreCode, pointInTime, whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { count, integer, Progress, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface ReplayOptions {
  readonly code: readonly string[];
  readonly since: number;
  readonly dataset?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly rate: number;
  readonly json?: boolean;
}

export function replay(program: Command): void {
  program
    .command('replay')
    .description('do objects anew that had rejects or faults, with the code that is deployed now')
    .argument('[key...]', 'keys in the raw bucket; by default all that fit')
    .option(
      '-c, --code <code>',
      'what they were rejected for, e.g. missing_field (may be repeated)',
      oneMoreCode,
      [],
    )
    .option(
      '--since <time>',
      'rejected since then: 2026-11-22, 2026-11-22T10:00:00Z, 12h or 7d ago',
      pointInTime,
      0,
    )
    .option('-d, --dataset <name>', `only of this one: ${datasets.map(({ name }) => name).join(', ')}`)
    .option('--force', 'also what the code that is deployed now has done; with keys, also without rejects')
    .option('--dry-run', 'say what would be done')
    .option('-w, --wait', 'wait until it is done, and say how many rejects are left')
    .option('--timeout <seconds>', 'how long to wait at the most', whole(1), 3600)
    .option('--rate <count>', 'how many messages a second to send at the most', whole(1), 50)
    .option('--json', 'each object as a JSON document a line, and last the sums')
    .addHelpText('after', explanation)
    .action(async (keys: string[], options: ReplayOptions) => {
      if (keys.length === 0 && options.code.length === 0)
        throw new UserError('What is to be replayed? Name a code (--code missing_field) or keys.');
      if (options.dataset !== undefined && registry.named(options.dataset) === undefined)
        throw new UserError(
          `There is no dataset ${JSON.stringify(options.dataset)}. There are: ${datasets.map(({ name }) => name).join(', ')}.`,
        );
      await run(await chosenTarget(program), keys, options);
    });
}

const explanation = `
An object is done anew as a whole, at the version that stands, in a new revision of it; when that is complete, its rows and
rejects take the place of the old ones. What the deployed code has done already would end the same: it is left alone, so a
second replay changes nothing.`;

async function run(target: Target, keys: readonly string[], options: ReplayOptions): Promise<void> {
  const { code, since, dataset, force = false, dryRun = false, rate, json = false } = options;
  const sender = new Sender(target, target.outputs.queues.extraction, rate);
  const progress = new Progress();
  const under: Candidate[] = [];
  let replayed = 0;
  let skipped = 0;
  try {
    for await (const candidate of candidates(target, { codes: code, since, dataset, keys, force })) {
      const { event } = candidate;
      if (event === undefined) skipped += 1;
      else {
        replayed += 1;
        if (!dryRun) await sender.send(toQueueMessage(target.outputs.buckets.raw, event, 'Replay'));
        if (!dryRun && options.wait) under.push(candidate);
      }
      progress.end();
      if (!options.wait || dryRun || event === undefined)
        console.log(json ? printableJson(candidate) : line(candidate, dryRun));
      progress.show(`${count(replayed, 'object')} to be done anew`);
    }
    await sender.flush();
  } finally {
    progress.end();
  }
  const outcome = await waitForAll(target, under, options);
  if (json) {
    console.log(printableJson({ replayed: dryRun ? 0 : replayed, skipped, ...outcome }));
    return;
  }
  const verb = dryRun ? 'would be done anew' : options.wait ? 'done anew' : 'sent to be done anew';
  const alone = skipped === 0 ? '' : `, ${integer(skipped)} left alone (--force does them too)`;
  const closed =
    under.length === 0 ? '' : `; ${integer(outcome.closed)} rejects closed, ${integer(outcome.left)} left`;
  console.log(`${count(replayed, 'object')} ${verb}${alone}${closed}.`);
  if (replayed > 0 && !dryRun && !options.wait) console.log('How far they are: npx sluice status');
}

const reasons: Readonly<Record<NonNullable<Candidate['skipped']>, string>> = {
  under_way: 'a newer revision of it is under way',
  same_code: 'the code that is deployed did it',
  unreadable: 'what the ledger has of it can’t be read: npx sluice reconcile',
};

function line({ key, codes, event, skipped }: Candidate, dryRun: boolean): string {
  const what = total(codes) === 0 ? 'no rejects' : tallyText(codes);
  if (event !== undefined) return `${printable(key)}: ${what}${dryRun ? '' : ', sent'}`;
  const why = skipped === undefined ? '' : reasons[skipped];
  return `${printable(key)}: ${what}, left alone: ${why}`;
}

function tallyText(codes: Readonly<Tally>): string {
  return Object.entries(codes)
    .map(([code, n]) => `${printable(code)} ${integer(n)}`)
    .join(', ');
}

const POLL_MS = 300;

/** @throws {UserError} when the time is over before all is done */
async function waitForAll(
  target: Target,
  under: readonly Candidate[],
  { timeout, json = false }: ReplayOptions,
): Promise<{ closed: number; left: number }> {
  const end = Date.now() + timeout * 1000;
  const progress = new Progress();
  let waiting = under.flatMap((candidate) =>
    candidate.event === undefined ? [] : [{ candidate, name: replayedName(candidate.event) }],
  );
  const sums = { closed: 0, left: 0 };
  try {
    for (;;) {
      const still: typeof waiting = [];
      for (const each of waiting) {
        const { candidate, name } = each;
        const state = await objectState(target, candidate.key, name);
        if (!isFinal(state)) {
          still.push(each);
          continue;
        }
        const before = total(candidate.codes);
        const overtaken = state.stage === 'superseded' || state.stage === 'retracted';
        const left = overtaken ? 0 : await codesLeft(target, candidate, name);
        sums.closed += Math.max(0, before - left);
        sums.left += left;
        progress.end();
        const outcome = overtaken
          ? 'a newer version has come meanwhile'
          : `${count(before, 'reject')} before, ${integer(left)} left`;
        console.log(
          json
            ? printableJson({ ...candidate, stage: state.stage, before, left })
            : `${printable(candidate.key)}: ${outcome}`,
        );
      }
      waiting = still;
      if (waiting.length === 0) return sums;
      progress.show(`${integer(under.length - waiting.length)} of ${count(under.length, 'object')} done`);
      if (Date.now() > end)
        throw new UserError(
          `${count(waiting.length, 'object')} not done after ${timeout} s, ${waiting[0]?.candidate.key} among them. It goes on: npx sluice status`,
        );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    progress.end();
  }
}
