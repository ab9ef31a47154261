import { describe, expect, it } from 'vitest';
import { csvTableKey, versionPath } from '../../../domain/versions/key-layout.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { type Maintenance, maintain } from '../../../handlers/maintenance/maintain.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';
import { MemoryStore, storeWith } from '../../store/memory-store.ts';
import {
  commit,
  dataFiles,
  drain,
  extract,
  headsOf,
  metadataOf,
  ndjson,
  putRaw,
  recipe,
  runAll,
  settle,
  tableFiles,
  transform,
  wholePublications,
} from '../flow.ts';
import { maintenanceOf } from './memory-maintenance.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const KEY = 'recipes/a.ndjson';

/** Runs the maintenance of a store whose files are all very old, unless it is said when they came. */
function at(
  store: MemoryStore,
  now: number,
  { modified = {}, ...changes }: Partial<Maintenance> & { modified?: Readonly<Record<string, number>> } = {},
) {
  const context = maintenanceOf(store, now, { modified: (key) => modified[key] ?? 0, ...changes });
  return async (dryRun = false) => {
    const tables = await maintain(context, { dryRun });
    return Object.fromEntries(tables.map(({ table, ...went }) => [table, went]));
  };
}

/** Takes a version of an object to every sink. */
async function put(store: MemoryStore, n: number, now: number, key = KEY): Promise<void> {
  putRaw(store, key, ndjson([recipe(n)]));
  const changes: Partial<StageContext> = { now: () => now };
  await extract(store, key, changes, { versionId: `v${n}`, sequencer: `${10 + n}` });
  await drain(store, changes);
}

/** The snapshots of a table with the keys of their files, all of which are there. */
async function readable(store: MemoryStore, table = 'recipes'): Promise<string[][]> {
  const metadata = metadataOf(store, table);
  if (metadata === undefined) return [];
  const read = async (uri: string) => store.body('processed', parseS3Uri(uri).key);
  const found: string[][] = [];
  for (const snapshot of metadata.snapshots) {
    const files = await liveFiles(metadata, read, snapshot['snapshot-id']);
    found.push(files.map(({ filePath }) => parseS3Uri(filePath).key));
    for (const key of found.flat()) store.body('processed', key);
  }
  return found;
}

const nothing = { files: 0, into: 0, bytes: 0 };

describe('snapshots', () => {
  it('that were shown within the stack’s days stay, with all their files', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    await put(store, 2, 10 * DAY);
    const { recipes } = await at(store, 17 * DAY)();
    expect(recipes).toMatchObject({ snapshots: 0, files: 0, finished: true });
    expect(await readable(store)).toHaveLength(2);
  });

  it('that are older are forgotten, and what only they have goes with the next run', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    await put(store, 2, 10 * DAY);
    const later = 17 * DAY + 1;
    const [old] = await readable(store);
    const first = await at(store, later)();
    expect(first['recipes']).toMatchObject({ snapshots: 1, files: 0, bytes: 0 });
    // A query of the past that has read the metadata before still finds the files.
    for (const key of old ?? []) store.body('processed', key);

    const before = store.keys('processed');
    const sizes = new Map(before.map((key) => [key, store.body('processed', key).length]));
    const { recipes } = await at(store, later + HOUR)();
    const gone = before.filter((key) => !store.keys('processed').includes(key));
    // The file, the list of the forgotten snapshot, and the manifest that its successor has made anew.
    expect(gone).toEqual(expect.arrayContaining(old ?? []));
    expect(gone).toHaveLength(3);
    const bytes = gone.reduce((sum, key) => sum + (sizes.get(key) ?? 0), 0);
    expect(recipes).toEqual({ snapshots: 0, files: 3, bytes, compacted: nothing, finished: true });
    expect(await readable(store)).toEqual([dataFiles(store)]);
    expect(dataFiles(store)).toHaveLength(1);
  });

  it('the current one stays, however old it is', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    const before = store.contents();
    await at(store, 1000 * DAY)();
    expect(store.contents()).toEqual(before);
  });

  it('are forgotten on fresh metadata if somebody commits at the same time', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    await put(store, 2, DAY);
    putRaw(store, 'recipes/b.ndjson', ndjson([recipe(3)]));
    await extract(store, 'recipes/b.ndjson');
    for (const part of store.keys('temp')) await transform(store, part);
    let conflicts = 0;
    const catalog = store.catalog.moving(async (table, from, metadata) => {
      if (conflicts === 0) {
        conflicts += 1;
        for (const key of wholePublications(store)) await commit(store, key, { now: () => 9 * DAY });
      }
      return store.catalog.move(table, from, metadata);
    });
    const { recipes } = await at(store, 9 * DAY, { catalog })();
    expect(conflicts).toBe(1);
    expect(recipes?.snapshots).toBe(1);
    expect(await readable(store)).toHaveLength(2);
    expect(await tableFiles(store)).toHaveLength(2);
  });
});

describe('a file that no snapshot names', () => {
  it('stays while its version may still be published, and goes a day after it was overtaken', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    putRaw(store, KEY, ndjson([recipe(2)]));
    await extract(store, KEY, {}, { versionId: 'v2', sequencer: '12' });
    for (const part of store.keys('temp')) await transform(store, part);
    const prepared = dataFiles(store).filter((key) => key.includes('/v2/'));
    expect(prepared).toHaveLength(1);
    await at(store, 5 * DAY)();
    expect(dataFiles(store)).toEqual(expect.arrayContaining(prepared));

    await put(store, 3, 5 * DAY);
    // A function that was frozen meanwhile leaves its file when everything else is done.
    const [left = ''] = prepared;
    store.put({ bucket: 'processed', key: left, body: 'late', contentType: 'x' });
    await at(store, 6 * DAY, { modified: { [left]: 5 * DAY } })();
    expect(dataFiles(store)).toContain(left);
    const { recipes } = await at(store, 6 * DAY + 1, { modified: { [left]: 5 * DAY } })();
    expect(dataFiles(store)).not.toContain(left);
    expect(recipes).toMatchObject({ files: 1, bytes: 4 });
  });

  it('stays while a sink may show its version, though the table’s snapshots are forgotten', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    putRaw(store, KEY, ndjson([recipe(2)]));
    await extract(store, KEY, {}, { versionId: 'v2', sequencer: '12' });
    for (const part of store.keys('temp')) await transform(store, part);
    for (const key of wholePublications(store)) await commit(store, key, { now: () => DAY });
    await at(store, 20 * DAY)();
    await at(store, 21 * DAY)();
    expect(metadataOf(store)?.snapshots).toHaveLength(1);
    expect(dataFiles(store).filter((key) => key.includes('/v1/'))).toHaveLength(1);

    await settle(store);
    await at(store, 22 * DAY)();
    expect(dataFiles(store)).toEqual(await tableFiles(store));
  });

  it('goes if it is metadata that a commit has left which came too late', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    const left = ['recipes/metadata/late-m0.avro', 'recipes/metadata/00001-late.metadata.json'];
    const foreign = [
      'recipes/metadata/other.stats',
      'recipes/data/00000-0-spark.parquet',
      'recipes/difficulty=easy/part-00000~a.parquet',
    ];
    for (const key of [...left, ...foreign])
      store.put({ bucket: 'processed', key, body: 'x', contentType: 'x' });
    await at(store, DAY)();
    expect(store.keys('processed')).toEqual(expect.arrayContaining(left));
    const { recipes } = await at(store, DAY + 1)();
    expect(recipes).toMatchObject({ files: 2, bytes: 2 });
    expect(store.keys('processed').filter((key) => left.includes(key))).toEqual([]);
    expect(store.keys('processed')).toEqual(expect.arrayContaining(foreign));
  });

  it('stays if a commit names it while the others are judged, and its version is gone by then', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    putRaw(store, KEY, ndjson([recipe(2)]));
    await extract(store, KEY, {}, { versionId: 'v2', sequencer: '12' });
    for (const part of store.keys('temp')) await transform(store, part);
    const [file = ''] = dataFiles(store).filter((key) => key.includes('/v2/'));
    const list: Maintenance['list'] = async function* (bucket, prefix) {
      if (prefix === 'recipes/data/') {
        await settle(store, { now: () => 5 * DAY });
        await put(store, 3, 5 * DAY);
      }
      for (const key of store.keys(bucket).filter((each) => each.startsWith(prefix)))
        yield { key, bytes: 1, modified: 0 };
    };
    await at(store, 5 * DAY, { list })();
    const [entry] = headsOf(store);
    expect(entry?.superseded).toEqual([]);
    expect((await readable(store)).flat()).toContain(file);
  });

  it('stays without the table: nobody can tell what it has', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    const before = store.contents();
    await at(store, 30 * DAY, { catalog: new MemoryStore().catalog })();
    expect(store.contents()).toEqual(before);
  });

  it('stays if the ledger entry of its object can’t be read, and the others go', async () => {
    const store = new MemoryStore();
    await put(store, 1, 0);
    await put(store, 2, 0, 'recipes/b.ndjson');
    const of = (key: string) => {
      const { objectId, version } = versionPath({ dataset: 'recipes', key, versionId: 'gone' });
      return `recipes/data/${objectId}/${version}/part-00000~code.parquet`;
    };
    const [a, b] = [of(KEY), of('recipes/b.ndjson')];
    for (const key of [a, b]) store.put({ bucket: 'processed', key, body: 'x', contentType: 'x' });
    const head = store.keys('ledger').find((key) => key.startsWith('heads/recipes/a')) ?? '';
    store.put({ bucket: 'ledger', key: head, body: '{', contentType: 'application/json' });
    await at(store, 2 * DAY)();
    expect(dataFiles(store)).toContain(a);
    expect(dataFiles(store)).not.toContain(b);
  });
});

it('of a dataset that is processed as CSV, the files of versions that are gone go, those of others stay', async () => {
  const store = new MemoryStore();
  const header = 'PassengerId,Survived,Pclass,Name,Sex,Age\r\n';
  putRaw(store, 'passengers/a.csv', `${header}2,1,1,"Cumings, Mrs.",female,38\r\n`);
  await runAll(store, 'passengers/a.csv');
  const [shown = ''] = dataFiles(store);
  const left = shown.replace('/v1/', '/v0/');
  expect(left).not.toBe(shown);
  store.put({ bucket: 'processed', key: left, body: 'late', contentType: 'text/csv' });
  const { passengers } = await at(store, 2 * DAY)();
  expect(passengers).toEqual({ snapshots: 0, files: 1, bytes: 4, compacted: nothing, finished: true });
  expect(store.keys('processed').sort()).toEqual([shown, csvTableKey(shown)].sort());
});

it('a dry run tells what would go, and changes nothing', async () => {
  const store = new MemoryStore();
  await put(store, 1, 0);
  await put(store, 2, DAY);
  store.put({ bucket: 'processed', key: 'recipes/metadata/late-m0.avro', body: 'x', contentType: 'x' });
  const before = store.contents();
  const { recipes } = await at(store, 9 * DAY)(true);
  expect(recipes).toEqual({ snapshots: 1, files: 1, bytes: 1, compacted: nothing, finished: true });
  expect(store.contents()).toEqual(before);
});

it('the trouble with one table is told, and does not stop the others', async () => {
  const store = new MemoryStore();
  await put(store, 1, 0);
  await put(store, 2, DAY);
  const remove = async () => {
    throw new Error('S3 is away.');
  };
  store.put({ bucket: 'processed', key: 'recipes/metadata/late-m0.avro', body: 'x', contentType: 'x' });
  const { recipes, ...others } = await at(storeWith(store, { remove }), 9 * DAY)();
  // Its snapshots are forgotten all the same.
  expect(recipes).toEqual({
    snapshots: 1,
    files: 0,
    bytes: 0,
    compacted: nothing,
    finished: false,
    error: 'S3 is away.',
  });
  expect(Object.values(others).every(({ finished, error }) => finished && error === undefined)).toBe(true);
});

it('a run whose time is over leaves the garbage to the next one, and still forgets snapshots', async () => {
  const store = new MemoryStore();
  await put(store, 1, 0);
  await put(store, 2, DAY);
  store.put({ bucket: 'processed', key: 'recipes/metadata/late-m0.avro', body: 'x', contentType: 'x' });
  const { recipes } = await at(store, 9 * DAY, { timeLeft: () => 179_000 })();
  expect(recipes).toEqual({ snapshots: 1, files: 0, bytes: 0, compacted: nothing, finished: false });
  expect(store.keys('processed')).toContain('recipes/metadata/late-m0.avro');
});
