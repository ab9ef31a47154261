import type { Command } from 'commander';
import { type Tally, total } from '../../domain/versions/receipt.ts';
import { runToEnd } from '../ledger/execution-end.ts';
import { newExecutionName } from '../ledger/executions.ts';
import { noSuchObject, unknownKeys } from '../ledger/known-keys.ts';
import { type Candidate, candidates, codesLeft, replayed, replayedName } from '../ledger/replay.ts';
import { isFinal, objectState } from '../ledger/states/object-state.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import {
  chosenDataset,
  datasetNames,
  keyPrefix,
  oneMoreCode,
  pointInTime,
  whole,
} from '../options/options.ts';
import { untilReloaded } from '../target/reload/until-reloaded.ts';
import type { Target } from '../target/target.ts';
import { count, integer, Progress, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface ReplayOptions {
  readonly code: readonly string[];
  readonly since: number;
  readonly dataset?: string;
  readonly prefix?: string;
  readonly all?: boolean;
  readonly detach?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly rate?: number;
  readonly json?: boolean;
}

export function replay(program: Command): void {
  program
    .command('replay')
    .description(
      'reprocess objects with the deployed code: all of a dataset, or those that had rejects or faults',
    )
    .argument('[key...]', 'keys in the raw bucket; by default all that match')
    .option('-d, --dataset <name>', `all objects of a dataset, or with --code only those: ${datasetNames}`)
    .option('-p, --prefix <prefix>', 'all objects under a prefix of the raw bucket', keyPrefix)
    .option('-a, --all', 'all objects of the raw bucket')
    .option(
      '-c, --code <code>',
      'only objects with this code of a reject or fault, e.g. missing_field (may be repeated)',
      oneMoreCode,
      [],
    )
    .option(
      '--since <time>',
      'only objects changed (with --code: rejected) since: 2026-11-22, 2026-11-22T10:00:00Z, 12h or 7d ago',
      pointInTime,
      0,
    )
    .option('--force', 'reprocess even if the deployed code already has; with keys, even without rejects')
    .option('--dry-run', 'only list the objects that would be reprocessed, or count them and what they cost')
    .option('--detach', 'of a dataset, a prefix or all: start the execution and do not wait for its end')
    .option(
      '-w, --wait',
      'of keys and codes: wait until all are reprocessed, and print how many rejects are left',
    )
    .option('--timeout <seconds>', 'how long to wait at most', whole(1), 3600)
    .option(
      '--rate <count>',
      'of keys and codes: how many messages to send per second at most (50)',
      whole(1),
    )
    .option(
      '--json',
      'print a JSON document for each object and the totals, or the execution with its report',
    )
    .addHelpText('after', explanation)
    .action(async (keys: string[], options: ReplayOptions) => {
      const whole = check(keys, options);
      const target = await chosenTarget(program);
      await untilReloaded(target);
      if (whole !== undefined) return replayAll(target, whole, options);
      for (const key of await unknownKeys(target, keys)) throw new UserError(noSuchObject(target, key));
      await run(target, keys, options);
    });
}

const explanation = `
A replay reprocesses the active version of an object as a whole, as a new revision. When the revision is complete, its
rows and rejects replace the old ones. Versions that the deployed code has already processed are skipped, since the
result would be the same. So a second replay changes nothing.

A dataset, a prefix or all objects are replayed by a state machine, on AWS and locally. The command shows its progress,
and ends when the new revisions are published; if it ends before, the replay goes on: npx sluice executions.`;

/** The objects that a replay lists: those under a prefix, of a dataset if one is named. */
interface Whole {
  readonly prefix: string;
  readonly dataset?: string;
}

/**
 * @returns `undefined` for a replay of keys or of codes
 * @throws {UserError}
 */
function check(keys: readonly string[], options: ReplayOptions): Whole | undefined {
  const { code, dataset, prefix, all } = options;
  const named = dataset === undefined ? undefined : chosenDataset(dataset);
  const choices = [prefix !== undefined, all ?? false, keys.length > 0 || code.length > 0];
  const chosen = choices.filter(Boolean).length;
  if (chosen > 1 || (named !== undefined && (prefix !== undefined || all)))
    throw new UserError(
      'Choose one of --dataset, --prefix, --all, and keys or codes: they exclude each other.',
    );
  if (chosen === 0 && named === undefined)
    throw new UserError(
      'Say what to replay: a dataset (--dataset recipes), a prefix (--prefix recipes/2025/), --all, a code (--code missing_field) or keys.',
    );
  if (keys.length > 0 || code.length > 0) {
    if (options.detach) throw new UserError('--detach belongs to --dataset, --prefix and --all.');
    return undefined;
  }
  if (options.rate !== undefined)
    throw new UserError(
      '--rate belongs to keys and codes. A state machine sends as the extraction keeps up.',
    );
  return named === undefined
    ? { prefix: prefix ?? '' }
    : { prefix: named.source.prefix, dataset: named.name };
}

function replayAll(target: Target, which: Whole, options: ReplayOptions): Promise<void> {
  const { since, force = false, dryRun = false, detach, json = false } = options;
  const input = { ...which, since, force, dryRun };
  return runToEnd(target, { machine: 'replay', name: newExecutionName(), input }, { detach, json });
}

async function run(target: Target, keys: readonly string[], options: ReplayOptions): Promise<void> {
  const { code, since, dataset, force = false, dryRun = false, rate = 50, json = false } = options;
  const progress = new Progress();
  const under: Candidate[] = [];
  let chosen = 0;
  let skipped = 0;
  try {
    const request = { codes: code, since, dataset, keys, force };
    for await (const candidate of dryRun ? candidates(target, request) : replayed(target, request, rate)) {
      const { event } = candidate;
      if (event === undefined) skipped += 1;
      else {
        chosen += 1;
        if (!dryRun && options.wait) under.push(candidate);
      }
      progress.end();
      if (!options.wait || dryRun || event === undefined)
        console.log(json ? printableJson(candidate) : candidateText(candidate, dryRun));
      progress.show(`${count(chosen, 'object')} to reprocess`);
    }
  } finally {
    progress.end();
  }
  const outcome = await waitForAll(target, under, options);
  if (json) {
    console.log(printableJson({ replayed: dryRun ? 0 : chosen, skipped, ...outcome }));
    return;
  }
  const verb = dryRun ? 'would be reprocessed' : options.wait ? 'reprocessed' : 'sent for reprocessing';
  const rest = skipped === 0 ? '' : `, ${integer(skipped)} skipped (--force includes them)`;
  const closed =
    under.length === 0 ? '' : `; ${count(outcome.closed, 'reject')} closed, ${integer(outcome.left)} left`;
  console.log(`${count(chosen, 'object')} ${verb}${rest}${closed}.`);
  if (chosen > 0 && !dryRun && !options.wait) console.log('To see their progress: npx sluice status');
}

const reasons: Readonly<Record<NonNullable<Candidate['skipped']>, string>> = {
  under_way: 'a newer revision is under way',
  same_code: 'the deployed code has already processed it',
  unreadable: 'its ledger entry or a receipt can’t be read: npx sluice reconcile',
};

function candidateText({ key, codes, event, skipped }: Candidate, dryRun: boolean): string {
  const what = total(codes) === 0 ? 'no rejects' : tallyText(codes);
  if (event !== undefined) return `${printable(key)}: ${what}${dryRun ? '' : ', sent'}`;
  const why = skipped === undefined ? '' : reasons[skipped];
  return `${printable(key)}: ${what}, skipped: ${why}`;
}

function tallyText(codes: Readonly<Tally>): string {
  return Object.entries(codes)
    .map(([code, n]) => `${printable(code)} ${integer(n)}`)
    .join(', ');
}

const POLL_MS = 300;

/** @throws {UserError} on a timeout */
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
          ? 'a newer version has replaced it meanwhile'
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
          `Timeout after ${timeout} s: ${count(waiting.length, 'object')} not done, among them ${waiting[0]?.candidate.key}; the work goes on. To see its progress: npx sluice status`,
        );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    progress.end();
  }
}
