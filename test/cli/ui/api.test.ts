import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Target } from '../../../cli/target/target.ts';
import type {
  ErrorAnswer,
  HistoryAnswer,
  QueryAnswer,
  RejectsAnswer,
  ShownState,
  TableAnswer,
} from '../../../cli/ui/api.ts';
import type { ObjectsPage } from '../../../cli/ui/objects.ts';
import type { Overview, Run } from '../../../cli/ui/overview.ts';
import { type PageServer, startPageServer } from '../../../cli/ui/server.ts';
import { stages } from '../../../domain/stage.ts';
import {
  eventually,
  settledState,
  startTestPipeline,
  type TestPipeline,
} from '../../pipeline/running-pipeline.ts';

const recipe = { title: 'Soup', ingredients: ['water', 'salt'], directions: ['Boil for 10 minutes.'] };
const hostile = 'recipes/<img src=x onerror=alert(1)>\u202egnp #?%.json';
const texts: Readonly<Record<string, string>> = {
  'recipes/good.json': JSON.stringify([recipe, { ...recipe, title: 'Stew' }]),
  'recipes/mistakes.json': JSON.stringify([recipe, { title: 'Nothing in it' }, { title: 7 }]),
  'recipes/broken.json': '<!doctype html>',
  [hostile]: JSON.stringify([{ ...recipe, title: '</script><script>alert(1)</script>' }]),
};

let pipeline: TestPipeline;
let target: Target;
let server: PageServer;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  target = pipeline.target;
  server = await startPageServer(target, 0);
  for (const [Key, Body] of Object.entries(texts)) await put(Key, Body);
  await Promise.all(Object.keys(texts).map((key) => settled(key)));
});

afterAll(async () => {
  await server.close();
  await pipeline.close();
});

const put = (Key: string, Body: string) =>
  target.s3.send(new PutObjectCommand({ Bucket: target.outputs.buckets.raw, Key, Body }));

async function settled(key: string): Promise<void> {
  const { versions } = await get<HistoryAnswer>(`/object?${new URLSearchParams({ key })}`);
  await settledState(target, key, versions[0]?.versionId);
}

async function ask<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  const { origin, searchParams } = new URL(server.url);
  const headers = {
    authorization: `Bearer ${searchParams.get('token')}`,
    'content-type': 'application/json',
  };
  const response = await fetch(`${origin}/api${path}`, { ...init, headers });
  const answer = await response.json();
  if (response.ok) return answer as Answer;
  const { error } = answer as ErrorAnswer;
  throw new Error(`${response.status} ${error.code}: ${error.message}`);
}

const get = <Answer>(path: string) => ask<Answer>(path);
const post = <Answer>(path: string, body: object) =>
  ask<Answer>(path, { method: 'POST', body: JSON.stringify(body) });

test('the overview has the queues, the datasets, and what ended, while somebody looks', async () => {
  const first = await get<Overview>('/overview');
  expect(first).toMatchObject({ stack: 'dev', local: true, mysql: false, ringing: [] });
  expect(first.stages.map(({ stage }) => stage)).toEqual([...stages]);
  expect(first.datasets).toContainEqual({ name: 'recipes', prefix: 'recipes/' });
  expect(first.alarms).toBeGreaterThan(10);
  const { activity } = await eventually(async () => {
    const seen = await get<Overview>('/overview');
    return seen.activity.recent.length >= Object.keys(texts).length ? seen : undefined;
  }, 'what ended');
  const ended = activity.recent.map(({ key, ended }) => [key, ended?.outcome, ended?.read]);
  expect(ended).toContainEqual(['recipes/mistakes.json', 'done', 3]);
  expect(ended).toContainEqual(['recipes/broken.json', 'failed', 0]);
  expect(ended).toContainEqual([hostile, 'done', 1]);
});

test('objects are listed from the newest on, found by a part of their key, and in pages', async () => {
  const all = await get<ObjectsPage>('/objects');
  expect(all).toMatchObject({ found: 4, total: 4, incomplete: false });
  const times = all.objects.map(({ modified }) => modified);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  const pages = [
    await get<ObjectsPage>('/objects?limit=3'),
    await get<ObjectsPage>('/objects?limit=3&offset=3'),
  ];
  expect(pages.flatMap(({ objects }) => objects)).toEqual(all.objects);
  const found = await get<ObjectsPage>('/objects?search=MISTAKE');
  expect(found.objects.map(({ key }) => key)).toEqual(['recipes/mistakes.json']);
  expect(found).toMatchObject({ found: 1, total: 4 });
});

test.each([
  ['rejects', ['recipes/mistakes.json']],
  ['faults', ['recipes/broken.json']],
  ['gave-up', []],
])('objects with %s are told apart by the failed bucket', async (mark, keys) => {
  const { objects } = await get<ObjectsPage>(`/objects?mark=${mark}`);
  expect(objects.map(({ key }) => key)).toEqual(keys);
});

test('states are those of status, and say what to look at', async () => {
  const states = await post<ShownState[]>('/states', { keys: [...Object.keys(texts), 'recipes/never.json'] });
  expect(
    states.map(({ key, text, tone, read, rejectedInAll }) => [key, text, tone, read, rejectedInAll]),
  ).toEqual([
    ['recipes/good.json', 'done', 'done', 2, 0],
    ['recipes/mistakes.json', 'done', 'rejected', 3, 2],
    ['recipes/broken.json', 'failed, unknown_format', 'failed', 0, 0],
    [hostile, 'done', 'done', 1, 0],
  ]);
  expect(states[2]?.why).toContain('not with a JSON array or object');
});

test('the state of an object that is put anew is the new one', async () => {
  const key = 'recipes/anew.json';
  const countOf = async () => (await post<ShownState[]>('/states', { keys: [key] }))[0]?.written;
  await put(key, JSON.stringify([recipe]));
  await eventually(async () => ((await countOf()) === 1 ? true : undefined), 'the first version');
  await put(key, JSON.stringify([recipe, { ...recipe, title: 'Stew' }]));
  await get('/overview');
  await eventually(async () => ((await countOf()) === 2 ? true : undefined), 'the second version');
});

test('an object has its timeline, its rejects with what was sent, and its records', async () => {
  const of = '?key=recipes/mistakes.json';
  const { moments, work, state } = await get<HistoryAnswer>(`/object${of}`);
  expect(moments[0]?.what).toBe('put');
  expect(work.map(({ stage }) => stage)).toEqual(['extraction', 'transformation', 'loading']);
  expect(state?.text).toBe('done');
  const { rejects, codes, records } = await get<RejectsAnswer>(`/rejects${of}`);
  expect(records).toBe(2);
  expect(codes.reduce((sum, each) => sum + each.records, 0)).toBe(2);
  expect(rejects.map(({ record }) => record)).toContain('{"title":7}');
  const [first] = codes;
  const some = await get<RejectsAnswer>(`/rejects${of}&code=${first?.code}`);
  expect(some.rejects.every(({ code }) => code === first?.code)).toBe(true);
  expect(await get(`/record${of}&record=1`)).toMatchObject({ stored: { row: { title: 'Soup' } } });
  expect(await get(`/record${of}&record=2`)).toMatchObject({ stored: { reject: { recordNumber: 2 } } });
  await expect(get('/object?key=recipes/never.json')).rejects.toThrow('422 refused: There is no history');
});

test('a long record is cut, with its length', async () => {
  const key = 'recipes/long.json';
  await put(key, JSON.stringify([{ title: 'x'.repeat(100_000) }]));
  await settled(key);
  // Its entry in the ledger is set to rejected just after its last receipt.
  const [reject] = await eventually(async () => {
    const { rejects } = await get<RejectsAnswer>(`/rejects?key=${key}`);
    return rejects.length > 0 ? rejects : undefined;
  }, 'the reject');
  expect(reject?.record).toMatch(/^\{"title":"x+… \(100012 characters in all\)$/);
});

test('a replay of an object reprocesses it, one of an unknown object says so', async () => {
  expect(await post('/replay', { keys: ['recipes/good.json'] })).toEqual({ sent: 1, skipped: [] });
  await eventually(async () => {
    const { work } = await get<HistoryAnswer>('/object?key=recipes/good.json');
    return (
      work.some(({ versionId, stage }) => versionId.endsWith('!0001') && stage === 'loading') || undefined
    );
  }, 'the revision');
  await expect(post('/replay', { keys: ['recipes/never.json'] })).rejects.toThrow('422 refused');
});

test('a backfill that only counts runs on its own, and is listed', async () => {
  const { name } = await post<{ name: string }>('/backfill', { prefix: 'recipes/', dryRun: true });
  const run = await eventually(async () => {
    const [newest] = await get<Run[]>('/runs');
    return newest?.name === name && newest.status !== 'RUNNING' ? newest : undefined;
  }, 'the end of the backfill');
  expect(run).toMatchObject({ machine: 'backfill', status: 'SUCCEEDED' });
});

test('a file that is uploaded goes through the pipeline, whatever its name', async () => {
  const key = 'recipes/up loaded+#?.ndjson';
  const { versionId } = await ask<{ versionId: string }>(`/upload?${new URLSearchParams({ key })}`, {
    method: 'PUT',
    body: `${JSON.stringify(recipe)}\n`,
  });
  expect(await settledState(target, key, versionId)).toMatchObject({ stage: 'done', written: 1 });
  expect((await get<ObjectsPage>('/objects?search=up%20loaded')).found).toBe(1);
  await expect(
    ask(`/upload?${new URLSearchParams({ key: `recipes/${'ü'.repeat(600)}` })}`, { method: 'PUT', body: '' }),
  ).rejects.toThrow('1,024 bytes');
});

test('tables have their columns, and a query its rows, cut at a thousand', async () => {
  const tables = await get<TableAnswer[]>('/tables');
  const recipes = tables.find(({ name }) => name === 'recipes');
  expect(recipes?.columns).toContainEqual({ name: 'title', type: 'string' });
  expect(recipes?.columns).toContainEqual({ name: 'difficulty', type: 'string' });
  expect(recipes?.columns.filter(({ name }) => name === 'difficulty')).toHaveLength(1);
  const { rows, cut, columns } = await post<QueryAnswer>('/query', {
    sql: 'select * from range(2500) t(n)',
  });
  expect([rows.length, cut, columns]).toEqual([1000, true, [{ name: 'n', numeric: true }]]);
  await expect(post('/query', { sql: 'selec 1' })).rejects.toThrow('422 refused: The query failed');
});

test('what is dead-lettered is read by reason; with nothing there, nothing is sent back', async () => {
  expect(await get('/dead-letters')).toEqual({ groups: [], messages: 0, unseen: 0 });
  expect(await post('/redrive', {})).toMatchObject({ sent: 0, unseen: 0 });
});
