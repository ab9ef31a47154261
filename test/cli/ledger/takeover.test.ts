import {
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  ListRulesCommand,
} from '@aws-sdk/client-eventbridge';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ledgerOf } from '../../../cli/ledger/ledger.ts';
import { localCredentials, type Target } from '../../../cli/target/target.ts';
import { registry } from '../../../datasets/index.ts';
import { isSettled } from '../../../domain/versions/ledger.ts';
import { listObjects } from '../../../store/listing.ts';
import { eventually, quiet, startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';
import { documents, type Run, sluice } from '../sluice.ts';
import { leavePlain } from './plain-lake.ts';

let pipeline: TestPipeline;
let target: Target;
/** The plain files, by the keys of their objects. */
const plain = new Map<string, string>();

const recipe = (title: string) =>
  `${JSON.stringify({ title, ingredients: ['water'], directions: ['Boil for 10 minutes.'] })}\n`;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  target = pipeline.target;
  const { endpoint, outputs } = pipeline.running;
  const events = new EventBridgeClient({ endpoint, region: outputs.region, credentials: localCredentials });
  const { Rules = [] } = await events.send(new ListRulesCommand({}));
  const rule = { Name: Rules.find(({ Name = '' }) => Name.includes('extraction'))?.Name };
  // The older code, which got the events, is gone.
  await events.send(new DisableRuleCommand(rule));
  await leave('recipes/first.ndjson', recipe('first'));
  await leave('recipes/second.ndjson', recipe('second'));
  await leave('recipes/useless.ndjson', '{"title":"no recipe"}\n');
  const gone = await leave('recipes/gone.ndjson', recipe('gone'));
  const Bucket = target.outputs.buckets.raw;
  await target.s3.send(new DeleteObjectCommand({ Bucket, Key: 'recipes/gone.ndjson', VersionId: gone }));
  await quiet(target);
  await events.send(new EnableRuleCommand(rule));
});

afterAll(async () => {
  await pipeline.close();
});

const run = (...args: string[]): Promise<Run> => sluice(pipeline.directory, args);

async function leave(Key: string, Body: string): Promise<string> {
  const Bucket = target.outputs.buckets.raw;
  const { VersionId = '' } = await target.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  plain.set(Key, await leavePlain(target, Key, VersionId));
  return VersionId;
}

const entryOf = (key: string) => ledgerOf(target).entry(registry.placeOf(key));

/** The objects whose plain files are still there, in the lake or in the archive. */
async function plainObjects(place: 'processed' | 'archive'): Promise<string[]> {
  const there: string[] = [];
  for await (const { Key } of listObjects(target, target.outputs.buckets[place], 'recipes/difficulty='))
    there.push(Key);
  return [...plain].flatMap(([key, file]) => (there.includes(file) ? [key] : [])).sort();
}

test('every command tells of an object that older code left, and that takeover cures it', async () => {
  const key = 'recipes/first.ndjson';
  const cure = 'npx sluice takeover';
  const status = await run('status', key);
  expect(status.stdout).toMatch(/first\.ndjson +not taken over/);
  expect(status.stdout).toContain(`To take it over: ${cure}`);
  const explained = await run('explain', key);
  expect(explained.stdout).toContain(`To take it over: ${cure}`);
  expect(explained.stdout).not.toContain('does not show it yet');
  const reconciled = await run('reconcile');
  expect(reconciled.status).toBe(1);
  expect(reconciled.stdout).toContain(`${key}: 1 file of a release before November 2026`);
  // It would send a whole lake in one go.
  const swept = await run('sweep', '--older-than', '0s', '--json', '--enqueue', '--prefix', key);
  expect(swept.status).toBe(1);
  expect(documents(swept)).toMatchObject([{ amiss: 'plain_files', events: [] }, { sent: 0 }]);
});

test('takeover brings what it can to every sink, removes the plain files, and names the rest', async () => {
  const planned = await run('takeover', '--dry-run', '--json');
  expect(planned.status).toBe(1);
  expect(documents(planned)).toMatchObject([
    { key: 'recipes/first.ndjson', work: 'reprocess' },
    { key: 'recipes/gone.ndjson', left: 'no_raw_version' },
    { key: 'recipes/second.ndjson', work: 'reprocess' },
    { key: 'recipes/useless.ndjson', work: 'reprocess' },
    { reprocessed: 3, published: 0, left: 1, dryRun: true },
  ]);
  expect(await plainObjects('processed')).toEqual([...plain.keys()].sort());

  const taken = await run('takeover', '--at-once', '2');
  expect(taken.status).toBe(1);
  expect(taken.stdout).toMatch(/^recipes\/gone\.ndjson: left, the raw bucket no longer has its version/m);
  expect(taken.stdout).toMatch(/^recipes\/useless\.ndjson: left, the deployed code finds no usable record/m);
  expect(taken.stdout).toContain('2 objects reprocessed, 0 without files published, 2 left.');
  await quiet(target);
  for (const key of ['recipes/first.ndjson', 'recipes/second.ndjson'])
    expect(await entryOf(key)).toMatchObject({
      current: { versionId: expect.stringMatching(/!0001$/) },
      committed: { versionId: expect.stringMatching(/!0001$/) },
      superseded: [],
    });
  for (const place of ['processed', 'archive'] as const)
    expect(await plainObjects(place)).toEqual(['recipes/gone.ndjson', 'recipes/useless.ndjson']);
  const { stdout } = await run('query', '--json', 'select title from recipes order by 1');
  expect(JSON.parse(stdout)).toEqual([{ title: 'first' }, { title: 'second' }]);
  expect((await run('status', 'recipes/first.ndjson')).stdout).toMatch(/first\.ndjson +done/);
});

test('a second run changes nothing, and does not send again what the code rejects', async () => {
  const before = await entryOf('recipes/useless.ndjson');
  const again = await run('takeover', '--json');
  expect(again.status).toBe(1);
  expect(documents(again)).toMatchObject([
    { key: 'recipes/gone.ndjson', left: 'no_raw_version' },
    { key: 'recipes/useless.ndjson', left: 'rejected' },
    { reprocessed: 0, published: 0, left: 2, dryRun: false },
  ]);
  expect(await entryOf('recipes/useless.ndjson')).toEqual(before);
});

test('what it left is taken over by a newer upload, or by a deletion', async () => {
  const Bucket = target.outputs.buckets.raw;
  const keys = ['recipes/gone.ndjson', 'recipes/useless.ndjson'];
  await target.s3.send(new PutObjectCommand({ Bucket, Key: keys[0], Body: recipe('again') }));
  await target.s3.send(new DeleteObjectCommand({ Bucket, Key: keys[1] }));
  await eventually(async () => {
    const entries = await Promise.all(keys.map(entryOf));
    return entries.every((entry) => entry && isSettled(entry) && entry.superseded.length === 0)
      ? true
      : undefined;
  }, 'the end of both');
  await quiet(target);
  const taken = await run('takeover');
  expect(taken).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('There is nothing to take over.'),
  });
  expect([...(await plainObjects('processed')), ...(await plainObjects('archive'))]).toEqual([]);
  expect(await run('reconcile')).toMatchObject({ status: 0 });
});
