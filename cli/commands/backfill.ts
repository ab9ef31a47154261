import type { Command } from 'commander';
import { detailsPrefix } from '../../domain/operations/backfill.ts';
import { runToEnd } from '../ledger/execution-end.ts';
import { newExecutionName } from '../ledger/executions.ts';
import { uploadManifest } from '../ledger/manifest.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { chosenDataset, keyPrefix, oneMoreCode, pointInTime } from '../options/options.ts';
import { untilReloaded } from '../target/reload/until-reloaded.ts';
import type { Target } from '../target/target.ts';
import { count } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface BackfillOptions {
  readonly manifest?: string;
  readonly rejects?: boolean;
  readonly dataset?: string;
  readonly code: readonly string[];
  readonly force?: boolean;
  readonly since?: number;
  readonly until?: number;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

export function backfill(program: Command): void {
  program
    .command('backfill')
    .description(
      'send objects of the raw bucket through the pipeline, wait until they are processed, and report; exit 1 unless all succeeded',
    )
    .argument('[prefix]', "prefix of keys in the raw bucket; '' for all keys", keyPrefix)
    .option('-m, --manifest <file>', 'instead: the keys listed in a file or in an object s3://…')
    .option('--rejects', 'instead: reprocess objects that have rejects or faults, with the deployed code')
    .option('-d, --dataset <name>', 'with --rejects: only objects of this dataset')
    .option(
      '-c, --code <code>',
      'with --rejects: only objects with this code of a reject or fault (may be repeated)',
      oneMoreCode,
      [],
    )
    .option('--force', 'with --rejects: include objects already processed by the deployed code')
    .option(
      '--since <time>',
      'only objects (with --rejects: rejects) changed since: 2026-11-22, 2026-11-22T10:00:00Z, 12h or 7d ago',
      pointInTime,
    )
    .option('--until <time>', 'only objects changed before this time', pointInTime)
    .option('--dry-run', 'only count the objects that would be sent')
    .option('--detach', 'start the execution and do not wait for its end')
    .option('--json', 'print the execution and its report as a JSON document')
    .addHelpText('after', explanation)
    .action(async (prefix: string | undefined, options: BackfillOptions) => {
      check(prefix, options);
      const target = await chosenTarget(program);
      await untilReloaded(target);
      await run(target, prefix, options);
    });
}

const explanation = `
A state machine sends the objects, on AWS and locally. It keeps running when this command ends. If you stop it, start
another backfill: objects that are already processed are skipped (npx sluice replay reprocesses them). A manifest lists keys: one per line, a JSON array, or
CSV as S3 Inventory writes it (or an inventory's manifest.json in S3).`;

/** @throws {UserError} */
function check(
  prefix: string | undefined,
  { manifest, rejects, dataset, code, force, since, until }: BackfillOptions,
): void {
  const named = [prefix, manifest, rejects].filter((each) => each !== undefined).length;
  if (named === 0)
    throw new UserError("Say what to backfill: a prefix ('' for everything), --manifest or --rejects.");
  if (named > 1)
    throw new UserError('Choose one of a prefix, --manifest and --rejects: they exclude each other.');
  if (since !== undefined && until !== undefined && since >= until)
    throw new UserError('--since must be before --until.');
  if (!rejects && (dataset !== undefined || code.length > 0 || force))
    throw new UserError('--dataset, --code and --force require --rejects.');
  if (dataset !== undefined) chosenDataset(dataset);
}

async function run(target: Target, prefix: string | undefined, options: BackfillOptions): Promise<void> {
  const { manifest, rejects, dataset, code, force, since, until, dryRun, detach, json = false } = options;
  const name = newExecutionName();
  if (rejects && until !== undefined) throw new UserError('--until cannot be combined with --rejects.');
  const range = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  const selection = rejects
    ? { ...(dataset !== undefined && { dataset }), codes: code, force: force ?? false }
    : await sourceOf(target, name, prefix, manifest, json);
  const input = { ...selection, ...range, dryRun: dryRun ?? false };
  await runToEnd(target, { machine: rejects ? 'replay' : 'backfill', name, input }, { detach, json });
}

async function sourceOf(
  target: Target,
  name: string,
  prefix: string | undefined,
  manifest: string | undefined,
  json: boolean,
): Promise<Readonly<Record<string, unknown>>> {
  if (manifest === undefined) return { prefix: prefix ?? '' };
  const key = `${detailsPrefix('backfill', name)}manifest.json`;
  const keys = await uploadManifest(target, manifest, key);
  if (!json) console.error(`${manifest} lists ${count(keys, 'object')}.`);
  return { manifest: { key } };
}
