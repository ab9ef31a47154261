import type { Command } from 'commander';
import { datasets, registry } from '../../datasets/index.ts';
import { detailsPrefix } from '../../domain/versions/backfill.ts';
import { showToEnd } from '../ledger/execution-end.ts';
import { newExecutionName, startExecution } from '../ledger/executions.ts';
import { uploadManifest } from '../ledger/manifest.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { oneMoreCode, pointInTime } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { count, printableJson } from '../terminal/terminal.ts';
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
      'send what lies in the raw bucket through the pipeline, wait until it is done, and report; exit 1 unless all succeeded',
    )
    .argument('[prefix]', "of the keys in the raw bucket; '' for all of them")
    .option('-m, --manifest <file>', 'instead: the keys that a file, or an object s3://…, names')
    .option('--rejects', 'instead: what has rejects or faults, with the code that is deployed now')
    .option('-d, --dataset <name>', 'with --rejects: only of this dataset')
    .option(
      '-c, --code <code>',
      'with --rejects: what was rejected for this (may be repeated)',
      oneMoreCode,
      [],
    )
    .option('--force', 'with --rejects: also what the code that is deployed now has done')
    .option(
      '--since <time>',
      'what changed since then: 2026-11-22, 2026-11-22T10:00:00Z, 12h or 7d ago',
      pointInTime,
    )
    .option('--until <time>', 'what changed before then', pointInTime)
    .option('--dry-run', 'only count what would be sent')
    .option('--detach', 'do not wait')
    .option('--json', 'the execution and its report as a JSON document')
    .addHelpText('after', explanation)
    .action(async (prefix: string | undefined, options: BackfillOptions) => {
      check(prefix, options);
      await run(await chosenTarget(program), prefix, options);
    });
}

const explanation = `
A state machine does it, on AWS as locally: it may be left alone, stopped and started again, and what is done already is not
done twice. A manifest is a list of keys: a line each, a JSON array, or CSV as S3 Inventory has it (or its manifest.json in S3).`;

/** @throws {UserError} */
function check(
  prefix: string | undefined,
  { manifest, rejects, dataset, code, force, since, until }: BackfillOptions,
): void {
  const named = [prefix, manifest, rejects].filter((each) => each !== undefined).length;
  if (named === 0)
    throw new UserError(
      "What is to be backfilled? Name a prefix ('' for everything), --manifest or --rejects.",
    );
  if (named > 1) throw new UserError('A prefix, --manifest and --rejects exclude each other.');
  if (prefix?.startsWith('s3://'))
    throw new UserError(
      `Name the prefix without bucket: ${JSON.stringify(prefix.replace(/^s3:\/\/[^/]*\/?/, ''))}.`,
    );
  if (since !== undefined && until !== undefined && since >= until)
    throw new UserError('--since must be before --until: nothing changed in between.');
  if (!rejects && (dataset !== undefined || code.length > 0 || force))
    throw new UserError('--dataset, --code and --force go with --rejects.');
  if (dataset !== undefined && registry.named(dataset) === undefined)
    throw new UserError(
      `There is no dataset ${JSON.stringify(dataset)}. There are: ${datasets.map(({ name }) => name).join(', ')}.`,
    );
}

async function run(target: Target, prefix: string | undefined, options: BackfillOptions): Promise<void> {
  const { manifest, rejects, dataset, code, force, since, until, dryRun, detach, json = false } = options;
  const name = newExecutionName();
  const machine = rejects ? 'replay' : 'backfill';
  if (rejects && until !== undefined) throw new UserError('--until does not go with --rejects.');
  const range = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  const wish = rejects
    ? { ...(dataset !== undefined && { dataset }), codes: code, force: force ?? false }
    : await sourceOf(target, name, prefix, manifest, json);
  const started = await startExecution(target, machine, name, { ...wish, ...range, dryRun: dryRun ?? false });
  if (detach) {
    console.log(
      json
        ? printableJson(started)
        : `The execution has begun. To see it: npx sluice executions ${name} --follow`,
    );
    return;
  }
  if (!json) console.error(`The execution ${name} has begun.`);
  await showToEnd(target, name, json);
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
  if (!json) console.error(`${manifest} names ${count(keys, 'object')}.`);
  return { manifest: { key } };
}
