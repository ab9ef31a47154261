import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryLake } from '../../cli/lake/lake.ts';
import { latestExecutions } from '../../cli/ledger/executions.ts';
import { type Report, report } from '../../domain/operations/backfill.ts';
import { documents, finished, type Run, sluice, startSluice } from '../cli/sluice.ts';
import { startTestPipeline, type TestPipeline } from './running-pipeline.ts';
import { putUnseen } from './unseen-objects.ts';

const recipe = (title: string) => ({ title, ingredients: ['water'], directions: ['Boil for 5 minutes.'] });
const old = Array.from({ length: 6 }, (_, i) => ({
  key: `recipes/old/${i} é+%20.json`,
  body: JSON.stringify([recipe(`Old ${i}`), ...(i === 0 ? [{ title: 'no more' }] : [])]),
}));
const broken = { key: 'recipes/old/broken.json', body: '[{"title":' };
const elsewhere = {
  key: 'passengers/old.csv',
  body: 'PassengerId,Survived,Pclass,Name,Sex,Age\n1,1,1,A,male,30\n',
};

let pipeline: TestPipeline;
beforeAll(async () => {
  pipeline = await startTestPipeline({
    prepare: (directory) => putUnseen(directory, [...old, broken, elsewhere]),
  });
});
afterAll(() => pipeline.close());

const run = (...args: readonly string[]) => sluice(pipeline.directory, args);

async function backfill(...args: readonly string[]): Promise<{ status: number; report: Report }> {
  return reported(await run('backfill', ...args, '--json'));
}

function reported(ran: Run): { status: number; report: Report } {
  const [document] = documents(ran);
  return { status: ran.status, report: report.parse(document?.['report']) };
}

test('a dry run counts the objects that would be sent, and sends none', async () => {
  const counted = await backfill('recipes/', '--dry-run');
  expect(counted).toMatchObject({
    status: 0,
    report: { status: 'counted', objects: { listed: 7, sent: 7 } },
  });
  const none = await backfill('recipes/', '--dry-run', '--until', '2020-01-01');
  expect(none.report.objects).toMatchObject({ listed: 7, sent: 0, skipped: { out_of_range: 7 } });
});

test('two backfills at once load each object once, and report the failed ones', async () => {
  const manifest = join(pipeline.directory, 'keys.txt');
  writeFileSync(manifest, [...old, elsewhere].map(({ key }) => key).join('\n'));
  const other = finished(startSluice(pipeline.directory, ['backfill', '--manifest', manifest, '--json']));
  const [byPrefix, byManifest] = await Promise.all([backfill('recipes/'), other.then(reported)]);

  expect(byPrefix.status).toBe(1);
  expect(byPrefix.report).toMatchObject({
    status: 'partly',
    objects: { listed: 7, succeeded: 6, failed: 1 },
    failed: [{ key: broken.key, reason: 'truncated' }],
    troubles: [],
  });
  expect(byManifest.status).toBe(0);
  expect(byManifest.report).toMatchObject({ status: 'succeeded', objects: { listed: 7 }, troubles: [] });
  // Both crawled before they ended, so the tables show the rows.
  const titles = await queryLake(pipeline.target, 'SELECT title FROM recipes ORDER BY title', () => {});
  expect(titles.rows).toEqual(old.map((_, i) => [`Old ${i}`]));
  const passengers = await queryLake(pipeline.target, 'SELECT count(*) FROM passengers', () => {});
  expect(passengers.rows.map(([n]) => Number(n))).toEqual([1]);
  const reconciled = await run('reconcile');
  expect(reconciled).toMatchObject({ status: 0, stdout: expect.stringContaining('everything agrees') });
});

test('backfill --rejects skips objects of the deployed code, and reprocesses them with --force', async () => {
  const same = await backfill('--rejects', '--dry-run');
  expect(same.report).toMatchObject({ machine: 'replay', objects: { sent: 0, skipped: { same_code: 2 } } });
  const forced = await backfill('--rejects', '--force', '--code', 'missing_field');
  expect(forced.report).toMatchObject({
    status: 'succeeded',
    objects: { sent: 1, succeeded: 1, skipped: { other_code: 1 } },
    records: { read: 2, written: 1, rejected: 1 },
  });
});

/** The end of `replay` of objects, whatever they are. */
async function replay(...args: readonly string[]) {
  const ran = await run('replay', ...args, '--json');
  return { ...reported(ran), usd: documents(ran)[0]?.['usd'] };
}

test('a dry run of a replay counts the versions of a dataset, and what they cost', async () => {
  const same = await replay('--dataset', 'recipes', '--dry-run');
  expect(same).toMatchObject({
    usd: 0,
    report: {
      status: 'counted',
      objects: { listed: 7, sent: 0, skipped: { same_code: 7 } },
      expected: { objects: 0, bytes: 0, records: 0 },
    },
  });
  const forced = await replay('--dataset', 'recipes', '--force', '--dry-run');
  expect(forced.report).toMatchObject({
    objects: { listed: 7, sent: 7 },
    expected: {
      objects: 7,
      records: 7,
      bytes: [...old, broken].reduce((sum, { body }) => sum + Buffer.byteLength(body), 0),
    },
  });
  // Some 40 requests to S3 for each object.
  expect(forced.usd).toBeGreaterThan(7 * 0.00005);
  expect(forced.usd).toBeLessThan(7 * 0.0005);
  const { stdout } = await run('replay', '--dataset', 'recipes', '--force', '--dry-run');
  expect(stdout).toMatch(/To process 7 versions with some 7 records in \d+ B costs about \$0\.00\d on AWS/);
});

test('a replay of a dataset reprocesses each of its objects, and ends when the new revisions are shown', async () => {
  const forced = await replay('--dataset', 'recipes', '--force');
  expect(forced).toMatchObject({
    status: 1,
    report: {
      machine: 'replay',
      status: 'partly',
      objects: { listed: 7, sent: 7, succeeded: 6, failed: 1 },
      failed: [{ key: broken.key, reason: 'truncated' }],
      records: { written: 6, rejected: 1 },
      troubles: [],
    },
  });
  const titles = await queryLake(
    pipeline.target,
    'SELECT title, _version FROM recipes ORDER BY title',
    () => {},
  );
  expect(titles.rows.map(([title]) => title)).toEqual(old.map((_, i) => `Old ${i}`));
  for (const [, version] of titles.rows) expect(version).toMatch(/!000[23]$/);
  expect((await run('reconcile')).stdout).toContain('everything agrees');
});

test('a replay of everything leaves alone what the deployed code has processed, and old objects by --since', async () => {
  const all = await replay('--all');
  expect(all.report).toMatchObject({ objects: { listed: 8, sent: 0, skipped: { same_code: 8 } } });
  const since = await replay('--prefix', 'passengers/', '--force', '--since', '2199-01-01');
  expect(since.report.objects).toMatchObject({ listed: 1, sent: 0, skipped: { out_of_range: 1 } });
});

test('Ctrl-C leaves a replay running, and says how to follow it', async () => {
  const started = startSluice(pipeline.directory, ['replay', '--prefix', 'passengers/', '--force']);
  let seen = '';
  started.stderr?.on('data', (text) => {
    if (!seen.includes('Started') && `${seen}${text}`.includes('Started')) started.kill('SIGINT');
    seen += text;
  });
  const { status, stderr } = await finished(started);
  expect(status).toBe(130);
  const [, name = ''] = /The execution continues\..*npx sluice executions (\S+) --follow/.exec(stderr) ?? [];
  const followed = reported(await run('executions', name, '--follow', '--json'));
  expect(followed).toMatchObject({
    status: 0,
    report: { machine: 'replay', status: 'succeeded', objects: { sent: 1, succeeded: 1 } },
  });
});

test('executions are listed, and one is shown with its states', async () => {
  const [latest] = await latestExecutions(pipeline.target, 1);
  const list = await run('executions');
  expect(list.stdout.split('\n')[1]).toMatch(new RegExp(`^${latest?.name} +replay +succeeded +succeeded `));
  const shown = await run('executions', latest?.name ?? '');
  expect(shown.status).toBe(0);
  expect(shown.stdout).toMatch(/Send the objects under the prefix.*Start the crawler.*Write the report/s);
  expect(await run('executions', 'none')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('There is no execution "none"'),
  });
});

test.each([
  [['backfill'], /Say what to backfill: a prefix/],
  [['backfill', 'recipes/', '--rejects'], /exclude each other/],
  [['backfill', 'recipes/', '--force'], /require --rejects/],
  [['backfill', '--rejects', '--dataset', 'none'], /The datasets are recipes, passengers/],
  [['backfill', '', '--since', '1h', '--until', '2h'], /--since must be before --until/],
  [['replay'], /Say what to replay: a dataset/],
  [['replay', '--all', '--prefix', 'recipes/'], /exclude each other/],
  [['replay', '--dataset', 'recipes', '--all'], /exclude each other/],
  [['replay', '--all', 'recipes/a.json'], /exclude each other/],
  [['replay', '--all', '--rate', '5'], /--rate belongs to keys and codes/],
  [['replay', '--code', 'missing_field', '--detach'], /--detach belongs to/],
  [['replay', '--dataset', 'none'], /The datasets are recipes, passengers/],
  [['executions', '--stop'], /need the name of an execution/],
])('%j is refused with the correction', async (args, message) => {
  const { status, stderr } = await run(...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
});

test('a prefix that names the bucket is refused with the prefix', async () => {
  for (const args of [['backfill'], ['replay', '--prefix']]) {
    const { status, stderr } = await run(...args, 's3://sluice-dev-raw-local/recipes/');
    expect(status).toBe(2);
    expect(stderr).toMatch(/without the bucket: "recipes\/"/);
  }
});

test('an unknown code is refused with the list of codes', async () => {
  const { status, stderr } = await run('backfill', '--rejects', '--code', 'missing_filed');
  expect(status).toBe(2);
  expect(stderr).toMatch(/The codes are .*missing_field/);
});

test('no call was denied, and the local cloud reported no trouble', async () => {
  const { stdout } = await run('iam');
  expect(stdout).toContain('Nothing was denied.');
  expect(pipeline.troubles).toEqual([]);
});
