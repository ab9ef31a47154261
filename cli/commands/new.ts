import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import * as z from 'zod';
import { deployedDatasets } from '../../datasets/index.ts';
import { DATASET_NAME, type Dataset } from '../../domain/dataset.ts';
import { errorText } from '../../domain/errors.ts';
import { type DatasetText, datasetText, variableName } from '../new/dataset-text.ts';
import { type Fixture, firstRecords, writeFixture } from '../new/fixture.ts';
import { withDataset } from '../new/register.ts';
import { type Sample, sampleOf } from '../new/sample.ts';
import { sourceOfFile, statFile } from '../options/files.ts';
import { projectDirectory } from '../target/directories.ts';
import { count, printable, printableJson, styled } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { rejectedIn, trialOf } from '../trial/trial.ts';

/** How many records the fixture gets. */
const FIXTURE_RECORDS = 10;

interface NewOptions {
  readonly from: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** What was made, for `--json`. Files are relative to the project. */
interface Made {
  readonly name: string;
  readonly dataset: string;
  readonly migration: string | null;
  readonly fixture: Fixture;
  readonly key: string;
  readonly left: DatasetText['left'];
  readonly read: number;
  readonly written: number;
  readonly rejected: number;
}

export function newDataset(program: Command): void {
  program
    .command('new')
    .description('write a dataset for files like this one: its types, its first fixture, its migration')
    .argument('<name>', 'lower-case letters, digits and underscores: the table, the folder and the file')
    .requiredOption(
      '--from <file>',
      'a file with typical records: JSON or CSV, plain, gzip, zstd, bzip2 or zip; Parquet or Avro',
    )
    .option('--dry-run', 'print the dataset’s file, and write nothing')
    .option('--json', 'print what was made as JSON')
    .action(async (name: string, options: NewOptions) => {
      checkName(name);
      await statFile(options.from);
      const open = sourceOfFile(options.from);
      const sample = await sampleOf(open);
      const text = datasetText(name, sample, basename(options.from));
      if (options.dryRun) {
        if (options.json)
          console.log(printableJson({ name, text: text.text, key: text.key, left: text.left }, 2));
        else process.stdout.write(text.text);
        return;
      }
      const made = await make(name, text, sample, options.from);
      console.log(options.json ? printableJson(made, 2) : describe(made, options.from));
    });
}

function checkName(name: string): void {
  if (!DATASET_NAME.test(name))
    throw new UserError(
      `${JSON.stringify(name)} can't be a dataset's name: it must be lower-case letters, digits and underscores, and begin with a letter.`,
    );
  const known = deployedDatasets.find(
    (dataset) => dataset.name === name || dataset.source.prefix === `${name}/`,
  );
  if (known !== undefined || existsSync(join(projectDirectory, fileOf(name))))
    throw new UserError(`There is a dataset ${known?.name ?? name} already: choose another name.`);
}

const fileOf = (name: string) => `datasets/${name.replaceAll('_', '-')}.ts`;

/** Writes everything, or nothing. */
async function make(name: string, made: DatasetText, { format }: Sample, from: string): Promise<Made> {
  const file = join(projectDirectory, fileOf(name));
  const indexFile = join(projectDirectory, 'datasets/index.ts');
  const index = readFileSync(indexFile, 'utf8');
  const next = withDataset(index, basename(file, '.ts'), variableName(name));
  writeFileSync(file, made.text);
  try {
    const dataset = await load(file, variableName(name));
    const open = sourceOfFile(from);
    const trial = await trialOf(dataset, open, { key: `${name}/${basename(from)}`, rows: 0, rejects: 0 });
    writeFileSync(indexFile, next);
    const migration = await planMigration();
    const [stem = 'sample'] = basename(from).split('.');
    const input = await firstRecords(format, open, FIXTURE_RECORDS);
    const { trial: _, ...fixture } = await writeFixture(dataset, stem, extensionOf(format), input);
    return {
      name,
      dataset: fileOf(name),
      migration,
      fixture,
      key: made.key,
      left: made.left,
      read: trial.read,
      written: trial.written,
      rejected: rejectedIn(trial),
    };
  } catch (error) {
    rmSync(file, { force: true });
    writeFileSync(indexFile, index);
    throw error;
  }
}

function extensionOf(format: Sample['format']): string {
  if (format.format !== 'json') return format.format;
  return format.list === undefined ? 'ndjson' : 'json';
}

async function load(file: string, variable: string): Promise<Dataset> {
  try {
    const module: Readonly<Record<string, Dataset>> = await import(pathToFileURL(file).href);
    const dataset = module[variable];
    if (dataset === undefined) throw new Error(`${file} has no ${variable}.`);
    return dataset;
  } catch (error) {
    throw new UserError(`No dataset can be made of this file: ${errorText(error)}`);
  }
}

const plan = z.object({ file: z.string().nullable() });

/** In a process of its own, which has the new dataset. @returns the migration's file */
async function planMigration(): Promise<string | null> {
  const program = join(projectDirectory, 'cli/sluice.mjs');
  const run = promisify(execFile)(process.execPath, [program, 'migrate', '--plan', '--json']);
  const { stdout } = await run.catch((error: { stderr?: string; message: string }) => {
    throw new UserError(`The migration can't be planned: ${error.stderr || error.message}`);
  });
  return plan.parse(JSON.parse(stdout)).file;
}

function describe(
  { name, dataset, migration, fixture, key, left, read, written, rejected }: Made,
  from: string,
): string {
  const wrote = [
    `${dataset}, and named it in datasets/index.ts`,
    ...(migration === null ? [] : [`${migration}, and the layout in mysql/migrations/lake.json`]),
    `${fixture.input} and its ${basename(fixture.expected)}`,
  ];
  const look = [
    `whether ${key} identifies a row, and the types with a reason beside them`,
    ...left.map(({ field, why }) => `${printable(field)} is left out, since ${printable(why)}`),
    `whether the first ${FIXTURE_RECORDS} records, which are the fixture, have personal data`,
    ...(rejected === 0
      ? []
      : [
          `why ${count(rejected, 'record')} would be rejected: npx sluice try --dataset ${name} ${printable(from)}`,
        ]),
  ];
  return [
    styled('bold', `${printable(from)}: ${read} read = ${written} written + ${rejected} rejected`),
    ...wrote.map((each) => `Wrote ${each}.`),
    '',
    `Look into ${dataset}:`,
    ...look.map((each) => `  ${each}`),
    '',
    'Then put the file. A running npm start serves the dataset at once:',
    `  npx sluice put --wait --dataset ${name} ${printable(from)}`,
  ].join('\n');
}
