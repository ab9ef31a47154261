import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import type { Command } from 'commander';
import { sumOf } from '../../domain/operations/reconciliation.ts';
import { queryLake } from '../lake/lake.ts';
import { rejectTables } from '../ledger/rejects/describe.ts';
import { type ListedReject, rejects } from '../ledger/rejects/rejects.ts';
import { conservationOf, stateTable } from '../ledger/states/describe-state.ts';
import { isConserved, type ObjectState, type RecordCounts } from '../ledger/states/object-state.ts';
import { waitFor } from '../ledger/states/wait.ts';
import { localMysqlUrl } from '../mysql/mysql.ts';
import { queryMysql } from '../mysql/query-mysql.ts';
import { projectDirectory } from '../target/directories.ts';
import { startPipeline } from '../target/local-cloud.ts';
import { localTarget, type Target } from '../target/target.ts';
import { renderTable } from '../terminal/rows.ts';
import { Progress, printable, styled } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { upload } from './put.ts';

const LAKE_QUESTION = `select difficulty, count(*) as recipes, round(avg(time_estimate_s) / 60) as minutes
from recipes group by difficulty order by minutes`;

const MYSQL_QUESTION = `select pclass, count(*) as survivors, round(avg(age)) as age
from passengers group by pclass order by pclass`;

export function demo(program: Command): void {
  program
    .command('demo')
    .description('run the pipeline on examples/ on this machine, show the result of every record, and stop')
    .addHelpText('after', explanation)
    .action(async () => {
      const directory = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
      try {
        await Promise.race([runIn(directory), interruption()]);
      } finally {
        rmSync(directory, { recursive: true, force: true });
        // Interrupted work must not go on: its directory is gone.
        if (process.exitCode === INTERRUPTED) process.exit();
      }
    });
}

const explanation = `
It prints for people only. A program gets the same as JSON from sluice start --json, put --wait --json, rejects --json
and query --json.`;

/** 128 + SIGINT, as shells report it. */
const INTERRUPTED = 130;

function interruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.exitCode = INTERRUPTED;
        resolve();
      });
    }
  });
}

async function runIn(directory: string): Promise<void> {
  const progress = new Progress();
  progress.show('Starting the local cloud from the Pulumi program');
  const pipeline = await startPipeline({ directory, port: 0 }).finally(() => progress.end());
  try {
    console.log(`MySQL: ${printable(pipeline.mysql)}.`);
    await run(localTarget(pipeline, directory));
  } finally {
    await pipeline.close();
  }
}

const DEMO_TIMEOUT_S = 300;

async function run(target: Target): Promise<void> {
  const files = exampleFiles(join(projectDirectory, 'examples'));
  const beganAt = performance.now();
  const uploads = await Promise.all(files.map(({ path, key }) => upload(target, path, key)));
  console.log(
    `Uploaded the ${files.length} files of examples/ to s3://${target.outputs.buckets.raw}. The result:\n`,
  );
  const states = await waitFor(target, uploads, DEMO_TIMEOUT_S);
  console.log(stateTable(states));

  console.log(`\nRejected records, from s3://${target.outputs.buckets.failed}:\n`);
  console.log(rejectTables(await allRejects(target)));
  console.log('\nFiles that could not be read completely:\n');
  for (const { key, fault } of states) {
    if (fault !== undefined)
      console.log(`  ${printable(key)}\n    ${styled('red', fault.code)}  ${printable(fault.message)}`);
  }

  console.log(`\nThe lake, through the catalog:\n\n${styled('dim', LAKE_QUESTION)}\n`);
  console.log(renderTable(await queryLake(target, LAKE_QUESTION, () => {})));
  await showMysql(target);

  const sum = recordCounts(states);
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
  console.log(`\nEvery record is accounted for: ${conservationOf(sum)}. It took ${seconds} s.`);
  if (!isConserved(sum)) throw new UserError('The records do not add up. This is a bug: please report it.');
}

async function showMysql({ mysql, directory }: Target): Promise<void> {
  const url = localMysqlUrl(directory, 'read');
  if (url === undefined) {
    console.log(`\nNo rows were loaded into MySQL (${printable(mysql)}).`);
    return;
  }
  console.log(`\nMySQL:\n\n${styled('dim', MYSQL_QUESTION)}\n`);
  console.log(renderTable(await queryMysql(url, MYSQL_QUESTION)));
}

/** The example files, each with the key to upload it to: its path below `examples/`. */
function exampleFiles(directory: string): { path: string; key: string }[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath !== directory)
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, key: relative(directory, path).split(sep).join('/') };
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function allRejects(target: Target): Promise<ListedReject[]> {
  const all: ListedReject[] = [];
  const request = { keys: [], codes: [], since: 0, limit: Number.POSITIVE_INFINITY, withRecord: false };
  for await (const step of rejects(target, request)) if ('reject' in step) all.push(step.reject);
  return all;
}

function recordCounts(states: readonly ObjectState[]): RecordCounts {
  const sum = (of: (state: ObjectState) => number) => states.reduce((all, state) => all + of(state), 0);
  return {
    read: sum(({ read }) => read),
    written: sum(({ written }) => written),
    filtered: sumOf(states.map(({ filtered }) => filtered)),
    rejected: sumOf(states.map(({ rejected }) => rejected)),
  };
}
