import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetTablesCommand, GlueClient } from '@aws-sdk/client-glue';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unseenOf } from '../../cli/lake/tables/unseen.ts';
import { padding, startTestPipeline, type TestPipeline } from '../pipeline/running-pipeline.ts';
import { finished, type Run, sluice, startShell, startSluice } from './sluice.ts';

const files = mkdtempSync(join(tmpdir(), 'sluice-put-'));
const file = join(files, "soup's.ndjson");
let pipeline: TestPipeline;

beforeAll(async () => {
  const soup = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'], ...padding };
  writeFileSync(file, `${JSON.stringify(soup)}\n{}\n`);
  pipeline = await startTestPipeline();
});

afterAll(async () => {
  await pipeline.close();
  rmSync(files, { recursive: true, force: true });
});

/** @param until interrupt it when it prints this */
const put = (args: readonly string[], until?: string) => {
  const all = ['put', '-d', 'recipes', ...args];
  return until === undefined
    ? sluice(pipeline.directory, all)
    : finished(startSluice(pipeline.directory, all), until);
};

/** Runs the command that a message ends with, as a user would copy it. */
function runPrinted({ stderr }: Run, words: string): Promise<Run> {
  const [, command = ''] = new RegExp(`${words}: (npx sluice .*)`).exec(stderr) ?? [];
  return finished(startShell(pipeline.directory, command));
}

test('put --wait ends with the query for the rows, which runs as it is printed', async () => {
  const { status, stderr } = await put([file, '--wait']);
  expect(status).toBe(0);
  expect(stderr).toMatch(/(^|\n)To query the rows: npx sluice query "select \* from recipes limit 10"\n$/);
  expect(stderr).not.toContain('that the catalog does not know');
  const rows = await runPrinted({ status, stderr, stdout: '' }, 'To query the rows');
  expect(rows.status).toBe(0);
  expect(rows.stdout).toContain('Soup');
});

test('of the files of a version, those of a CSV table are unseen whose partition is not registered', async () => {
  const { target } = pipeline;
  const csv = join(files, 'some.csv');
  const header = 'PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked';
  writeFileSync(csv, `${header}\n1,1,3,A,male,22,1,0,T,1,,S\n`);
  const args = ['put', '-d', 'passengers', csv, '--wait', '--json'];
  const [object] = JSON.parse((await sluice(pipeline.directory, args)).stdout);
  expect(await unseenOf(target, [object])).toEqual([]);
  // As if the table had partitions.
  const table = {
    Name: 'passengers',
    Parameters: { classification: 'csv' },
    PartitionKeys: [{ Name: 'pclass', Type: 'int' }],
    StorageDescriptor: { Location: `s3://${target.outputs.buckets.processed}/passengers/table/` },
  };
  const glueWith = (...locations: string[]): GlueClient =>
    Object.assign(Object.create(GlueClient.prototype), {
      send: async (command: object) => {
        if (command instanceof GetTablesCommand) return { TableList: [table] };
        return {
          Partitions: locations.map((Location) => ({ Values: ['3'], StorageDescriptor: { Location } })),
        };
      },
    });
  const partitioned = { ...target, glue: glueWith() };
  expect(await unseenOf(partitioned, [object])).toEqual([{ table: 'passengers', files: 1 }]);
  const registered = { ...target, glue: glueWith(table.StorageDescriptor.Location) };
  expect(await unseenOf(registered, [object])).toEqual([]);
});

test('put --wait shows the last error, and Ctrl-C says that the work goes on and how to watch it', async () => {
  const fault = ['answer', 'GetObject', '503', '--function', 'transformation', '--always'];
  expect(await sluice(pipeline.directory, ['fault', 'add', ...fault])).toMatchObject({ status: 0 });
  const interrupted = await put([file, '--wait'], 'retrying');
  await pipeline.target.control?.clearFaults();
  expect(interrupted.status).toBe(130);
  expect(interrupted.stderr).toMatch(
    /0 of 1 done; recipes\/soup's\.ndjson: retrying \(transformation, attempt 1 of \d\); attempt 1 of .*throttled: /,
  );
  expect(interrupted.stderr).toMatch(
    /The file is uploaded, and the work on it goes on\. To see how far it is: npx sluice status 'recipes.*\n$/,
  );
  expect((await runPrinted(interrupted, 'To see how far it is')).stdout).toContain("recipes/soup's.ndjson");
});

test('put says at Ctrl-C how many of the files it has uploaded', async () => {
  const big = join(files, 'big.json');
  writeFileSync(big, '');
  truncateSync(big, 512 * 1024 * 1024);
  const interrupted = await put([file, big], 'Uploading recipes/big.json');
  expect(interrupted.status).toBe(1);
  expect(interrupted.stdout).toContain("→ recipes/soup's.ndjson");
  expect(interrupted.stderr).toMatch(/Interrupted: of 2 files, only the first was uploaded\.\n$/);
  const alone = await put([big], 'Uploading recipes/big.json');
  expect(alone.stderr).toMatch(/Interrupted: nothing was uploaded\.\n$/);
});

test.each([
  [['nofile'], "nofile can't be read: ENOENT"],
  [['examples/recipes'], 'examples/recipes is a directory. Name its files: examples/recipes/*'],
])('put %j says first that this is no file', async (args, message) => {
  const { status, stderr } = await sluice(join(files, 'nothing-runs-here'), ['put', ...args]);
  expect(status).toBe(1);
  expect(stderr).toContain(message);
});
