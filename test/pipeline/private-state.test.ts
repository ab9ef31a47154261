// @module-tag mysql
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sluice } from '../cli/sluice.ts';
import { settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';

let pipeline: TestPipeline;
let umask: number;

beforeAll(async () => {
  // It allows everything.
  umask = process.umask(0);
  pipeline = await startTestPipeline({
    mysql: true,
    // As earlier versions made them.
    async prepare(directory) {
      for (const name of ['s3', 's3/blobs', 'logs', 'lake', 'lake/recipes']) mkdirSync(join(directory, name));
    },
  });
});
afterAll(async () => {
  await pipeline.close();
  process.umask(umask);
});

test('other users can’t read the files of a used directory, whatever the umask', async () => {
  const { target, directory } = pipeline;
  const large = 'x'.repeat(100_000);
  const body = JSON.stringify([{ title: 'tea', ingredients: [large], directions: ['Boil for 5 minutes.'] }]);
  const Key = 'recipes/tea.json';
  const Bucket = target.outputs.buckets.raw;
  const { VersionId } = await target.s3.send(new PutObjectCommand({ Bucket, Key, Body: body }));
  await settledState(target, Key, VersionId);
  expect((await sluice(directory, ['crawl'])).status).toBe(0);
  for (const args of [['select title from recipes'], ['--mysql', 'select title from recipes']])
    expect(await sluice(directory, ['query', ...args])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('tea'),
    });

  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const stats = entries.map((name) => ({ name, stat: statSync(join(directory, name)) }));
  const open = stats
    // The functions' code is no secret: it is in the checkout. Its directory is private all the same.
    // A socket has no content, and its directory is private.
    .filter(({ name }) => !name.startsWith('code/'))
    .filter(({ stat }) => (stat.isFile() || stat.isDirectory()) && (stat.mode & 0o077) !== 0)
    .map(({ name, stat }) => `${name} ${(stat.mode & 0o777).toString(8)}`);
  expect(open).toEqual([]);
  for (const wanted of [
    /^code$/,
    /^s3\/journal\.ndjson$/,
    /^s3\/blobs\/pack-/,
    /^s3\/blobs\/[0-9a-f]{32}$/,
    /^lake\/recipes\/.+\.parquet$/,
    /^logs\/.+\.log$/,
    /^sqs\.journal$/,
    /^mysql\.url$/,
    /^instance\.json$/,
    /^lock(\.sqlite)?$/,
  ])
    expect(entries).toContainEqual(expect.stringMatching(wanted));
  expect(entries.filter((name) => name.startsWith('mysql/data-')).length).toBeGreaterThan(10);
});
