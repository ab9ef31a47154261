import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import pLimit from 'p-limit';
import type { Step } from '../../domain/activity/activity.ts';
import { type ListedVersion, latestOf, listLatest } from '../../store/listing.ts';
import { type Arrival, Arrivals, arrivalText } from '../ledger/arrivals.ts';
import { stateTable, troubleText, unknownFieldsText } from '../ledger/states/describe-state.ts';
import { keyState } from '../ledger/states/key-state.ts';
import { isConserved, isFinal } from '../ledger/states/object-state.ts';
import { TroubleFinder } from '../ledger/states/trouble.ts';
import { Watch } from '../ledger/watch.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { milliseconds, whole } from '../options/options.ts';
import { type QueueState, queueStates } from '../target/queue-state.ts';
import type { Target } from '../target/target.ts';
import { frameText, Screen } from '../terminal/frame.ts';
import { queueColumns } from '../terminal/queue-columns.ts';
import { count, duration, integer, printable, printableJson, styled, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

const AT_ONCE = 16;

interface StatusOptions {
  readonly newest: number;
  readonly prefix: string;
  readonly watch?: boolean;
  readonly interval: number;
  readonly json?: boolean;
}

export function status(program: Command): void {
  program
    .command('status')
    .description('show the queue of each stage, and the state of each object')
    .argument('[key...]', 'keys in the raw bucket; by default the newest objects')
    .option('-n, --newest <count>', 'how many of the newest objects to show', whole(0), 20)
    .option('-p, --prefix <prefix>', 'only objects under this prefix', '')
    .option('-w, --watch', 'instead: show the queues, and what moves and ends, until Ctrl-C')
    .option(
      '--interval <duration>',
      'with --watch: how often to look, e.g. 5s (default: 2s)',
      milliseconds,
      2000,
    )
    .option('--json', 'as JSON; with --watch one document per line')
    .action(async (keys: string[], options: StatusOptions) => {
      if (options.watch) {
        if (keys.length > 0) throw new UserError('--watch shows all objects: name no keys.');
        await watch(await chosenTarget(program), options);
        return;
      }
      const target = await chosenTarget(program);
      const finder = new TroubleFinder(target);
      const [queues, selection] = await Promise.all([
        finder.queues(),
        keys.length > 0 ? latestOfKeys(target, keys) : newestVersions(target, options.prefix, options.newest),
      ]);
      const limit = pLimit(AT_ONCE);
      const objects = await Promise.all(
        selection.versions.map((version) => limit(() => keyState(target, version, finder))),
      );
      if (options.json) {
        console.log(
          printableJson(
            { stages: queues, objects, objectsInAll: selection.found, arrivals: selection.arrivals },
            2,
          ),
        );
        return;
      }
      console.log(queueTable(queues));
      for (const each of queues) {
        if (each.inFlight > 0) console.log(reappearance(each));
        if (each.failedInvocations > 0) console.log(failures(each));
      }
      if (target.control !== undefined && queues.some(({ inFlight }) => inFlight > 0))
        console.log('(If the local cloud was killed, they reappear after the function’s timeout.)');
      console.log();
      if (selection.found === 0) console.log('The raw bucket holds no objects.');
      else if (objects.length > 0) console.log(stateTable(objects));
      if (selection.found > objects.length) {
        const newest = objects.length === 0 ? '' : `the newest ${integer(objects.length)} of `;
        console.log(`(${newest}${count(selection.found, 'object')}; --newest shows more)`);
      }
      for (const state of objects) {
        const name = printable(state.key);
        const trouble = troubleText(state);
        if (trouble !== undefined) console.log(`${name}: ${trouble}`);
        const unknown = unknownFieldsText(state);
        if (unknown !== undefined) console.log(`${name}: ${unknown}.`);
        for (const note of state.notes)
          console.log(`${name}: ${printable(note)}${/[.!?]$/.test(note) ? '' : '.'}`);
      }
      for (const each of selection.arrivals)
        console.log(styled(each.isLate ? 'yellow' : 'dim', `${arrivalText(each, Date.now())}.`));
      const odd = objects.filter((state) => isFinal(state) && !isConserved(state));
      for (const { key } of odd) console.log(`The records of ${printable(key)} do not add up.`);
    });
}

/** Shows what moves until Ctrl-C, which is its usual end. */
async function watch(target: Target, { interval, json = false }: StatusOptions): Promise<void> {
  // It loads another SDK client, which `status` alone does not need.
  const { followLooks } = await import('../ledger/activity.ts');
  const stopped = new AbortController();
  const { signal } = stopped;
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopped.abort());
  const screen = new Screen();
  const watching = new Watch(Date.now());
  const steps: Step[] = [];
  let failed: unknown;
  const following = (async () => {
    for await (const found of followLooks(target, { since: Date.now(), signal })) steps.push(...found);
  })().catch((error: unknown) => {
    failed = error;
    stopped.abort();
  });
  try {
    while (!signal.aborted) {
      const frame = watching.next(await queueStates(target), steps.splice(0), Date.now());
      if (json) console.log(printableJson(frame));
      else screen.show(frameText(frame));
      await sleep(interval, undefined, { signal }).catch(() => {});
    }
  } finally {
    screen.close();
    stopped.abort();
    await following;
  }
  if (failed !== undefined) throw failed;
}

function failures({ stage, failedInvocations }: QueueState): string {
  const times = count(failedInvocations, 'invocation');
  return `(${times} of the ${stage} function failed in the last ten minutes. To see why: npx sluice logs ${stage})`;
}

function reappearance({ stage, visibilitySeconds }: QueueState): string {
  return `(If the ${stage} function dies, its messages reappear ${duration(visibilitySeconds * 1000)} after they were received.)`;
}

function queueTable(queues: readonly QueueState[]): string {
  const { stage, waiting, inFlight, dead, undelivered, oldest } = queueColumns;
  return table(queues, [stage, waiting, inFlight, dead, undelivered, oldest]);
}

interface Selection {
  readonly versions: readonly ListedVersion[];
  /** The number of all objects. */
  readonly found: number;
  /** Empty unless all objects were listed. */
  readonly arrivals: readonly Arrival[];
}

/** The objects that were written or deleted last, newest first. */
async function newestVersions(target: Target, prefix: string, count: number): Promise<Selection> {
  let versions: ListedVersion[] = [];
  let found = 0;
  const arrivals = new Arrivals(target.registry);
  const trim = () => {
    versions = versions.sort((a, b) => b.modified - a.modified).slice(0, count);
  };
  for await (const version of listLatest(target, target.outputs.buckets.raw, prefix)) {
    found += 1;
    arrivals.add(version);
    versions.push(version);
    if (versions.length >= count * 2 + 1000) trim();
  }
  trim();
  return { versions, found, arrivals: prefix === '' ? arrivals.found(Date.now()) : [] };
}

/** @throws {UserError} when the raw bucket never had one of the keys */
async function latestOfKeys(target: Target, keys: readonly string[]): Promise<Selection> {
  const bucket = target.outputs.buckets.raw;
  const limit = pLimit(AT_ONCE);
  const versions = await Promise.all(
    keys.map((key) =>
      limit(async () => {
        const latest = await latestOf(target, bucket, key);
        if (latest === undefined) throw new UserError(`There is no object ${key} in ${bucket}.`);
        return latest;
      }),
    ),
  );
  return { versions, found: keys.length, arrivals: [] };
}
