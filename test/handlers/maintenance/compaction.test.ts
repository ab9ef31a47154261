import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Column, tableColumns } from '../../../domain/columns.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { schemaAfter } from '../../../domain/tables/schema/schema-after.ts';
import {
  ledgerEntryKey,
  objectId,
  parseCompactedKey,
  parseDataKey,
} from '../../../domain/versions/key-layout.ts';
import { snapshotFiles } from '../../../formats/iceberg/metadata/expire.ts';
import { readParquetRows } from '../../../formats/parquet/read.ts';
import { type Maintenance, maintain } from '../../../handlers/maintenance/maintain.ts';
import { Commits } from '../../../handlers/stages/commit/commits.ts';
import { asTheyCome } from '../../../lake/compaction/plan.ts';
import { forgetFiles } from '../../../lake/forget-files.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';
import type { TableSchemas } from '../../../lake/table-schema.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../../store/memory-store.ts';
import {
  buckets,
  dataFiles,
  drain,
  extract,
  metadataOf,
  ndjson,
  putRaw,
  recipe,
  settle,
  tableFiles,
  wholePublications,
} from '../flow.ts';
import { maintenanceOf } from './memory-maintenance.ts';

const keyOf = (n: number) => `recipes/${n}.ndjson`;
const DAY = 86_400_000;

let store: MemoryStore;
beforeEach(() => {
  store = new MemoryStore();
});

/** Takes a version of an object to every sink: two records of each of two difficulties. */
async function put(n: number, version = 1, changes: Parameters<typeof drain>[1] = {}): Promise<void> {
  const records = [1, 9, 1, 9].map((directions) => recipe(100 * version + n, directions));
  putRaw(store, keyOf(n), ndjson(records));
  const at = { now: () => 10 * version + n, ...changes };
  await extract(store, keyOf(n), at, { versionId: `v${version}`, sequencer: `${10 + version}` });
  await drain(store, at);
}

async function putMany(count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await put(n);
}

async function remove(n: number): Promise<void> {
  await extract(store, keyOf(n), {}, { type: 'deleted', versionId: 'marker', sequencer: '99' });
  await settle(store);
}

async function compacted(changes: Partial<Maintenance> = {}) {
  const task = { compact: true, dataset: 'recipes' };
  const [table] = await maintain(maintenanceOf(store, 50, { uuid: randomUUID, ...changes }), task);
  return table;
}

async function rows(): Promise<Row[]> {
  const text = { type: { kind: 'string' }, nullable: true } as const;
  const columns: Column[] = ['_source', '_version', 'title'].map((name) => ({ name, ...text }));
  columns.push({ name: '_record', type: { kind: 'int64' }, nullable: false });
  columns.push({ name: '_loaded_at', type: { kind: 'timestamp' }, nullable: true });
  const found: Row[] = [];
  for (const key of await tableFiles(store))
    for await (const some of readParquetRows(columns, store.body('processed', key))) found.push(...some);
  return found;
}

/** The objects that the table shows, with their versions, and how many rows of them it has. */
async function shown(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { _source, _version } of await rows()) {
    const name = `${_source} ${_version}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const ofMany = (numbers: readonly number[]) => Object.fromEntries(numbers.map((n) => [`${keyOf(n)} v1`, 4]));

describe('compaction', () => {
  it('makes one file of all small ones of a partition, with the rows of each object together', async () => {
    await putMany(6);
    const before = (await rows()).map((row) => JSON.stringify(row)).sort();
    const snapshots = metadataOf(store)?.snapshots.length ?? 0;
    expect(await compacted()).toMatchObject({ compacted: { files: 12, into: 2 }, finished: true });
    const files = await tableFiles(store);
    expect(files.map((key) => parseCompactedKey(key)?.partitionPath)).toEqual([
      'difficulty=easy/',
      'difficulty=medium/',
    ]);
    const after = await rows();
    expect(after.map((row) => JSON.stringify(row)).sort()).toEqual(before);
    const order = after.map(({ _source, _record }) => `${_source} ${_record}`);
    expect(order.slice(0, 12)).toEqual(order.slice(0, 12).toSorted());
    const metadata = metadataOf(store);
    expect(metadata?.snapshots.slice(snapshots).map(({ summary }) => summary.operation)).toEqual([
      'replace',
      'replace',
    ]);
  });

  it('leaves few small files to a later run, and what it made is compacted again with others', async () => {
    await putMany(2);
    const now = () => maintain(maintenanceOf(store, 0), { dataset: 'recipes' });
    expect(await now()).toMatchObject([{ compacted: { files: 0, into: 0 } }]);
    await compacted();
    await put(3);
    expect(await compacted()).toMatchObject({ compacted: { files: 4, into: 2 } });
    expect(await shown()).toEqual(ofMany([1, 2, 3]));
    expect(await tableFiles(store)).toHaveLength(2);
  });

  it('only tells what it would do, if asked', async () => {
    await putMany(3);
    const before = store.contents();
    const [table] = await maintain(maintenanceOf(store, 0), {
      compact: true,
      dryRun: true,
      dataset: 'recipes',
    });
    expect(table).toMatchObject({ compacted: { files: 6, into: 2 } });
    expect(store.contents()).toEqual(before);
  });

  it('begins nothing when its time is nearly over, and says so', async () => {
    await putMany(2);
    expect(await compacted({ timeLeft: () => 1000 })).toMatchObject({
      compacted: { files: 0, into: 0 },
      finished: false,
    });
  });

  it('knows the object of older files by their footer', async () => {
    const old: TableSchemas = (dataset) =>
      schemaAfter(
        undefined,
        tableColumns(dataset).filter(({ inRuns }) => inRuns === undefined),
      );
    await put(1, 1, { tableSchema: old });
    await put(2, 1, { tableSchema: old });
    expect(metadataOf(store)?.schemas).toHaveLength(1);
    const tableSchema: TableSchemas = (dataset) => schemaAfter(old(dataset), tableColumns(dataset));
    await compacted({ tableSchema });
    expect(await shown()).toEqual(ofMany([1, 2]));
    expect(await tableFiles(store)).toHaveLength(2);
  });

  it('keeps when each object was taken up, and rows from before that was told have nothing there', async () => {
    const old: TableSchemas = (dataset) =>
      schemaAfter(
        undefined,
        tableColumns(dataset).filter(({ name }) => name !== '_loaded_at'),
      );
    await put(1, 1, { tableSchema: old });
    const before = metadataOf(store)?.schemas.length;
    const tableSchema: TableSchemas = (dataset) => schemaAfter(old(dataset), tableColumns(dataset));
    await put(2, 1, { tableSchema });
    await put(3, 1, { tableSchema });
    expect([before, metadataOf(store)?.schemas.length]).toEqual([1, 2]);
    const times = { 1: null, 2: '1970-01-01T00:00:00.012000Z', 3: '1970-01-01T00:00:00.013000Z' };
    const expected = Object.entries(times).flatMap(([n, at]) => Array(4).fill(`recipes/${n}.ndjson ${at}`));
    await compacted({ tableSchema });
    expect(await tableFiles(store)).toHaveLength(2);
    const shownTimes = async () =>
      (await rows()).map(({ _source, _loaded_at }) => `${_source} ${_loaded_at}`).sort();
    expect(await shownTimes()).toEqual(expected);
    await put(4, 1, { tableSchema });
    await compacted({ tableSchema });
    expect((await shownTimes()).slice(0, 12)).toEqual(expected);
  });

  it('is tried again while others commit', async () => {
    await putMany(3);
    let interrupted = false;
    const catalog = store.catalog.moving(async (table, from, metadata) => {
      if (!interrupted) {
        interrupted = true;
        await put(4);
      }
      return store.catalog.move(table, from, metadata);
    });
    expect(await compacted({ catalog })).toMatchObject({ compacted: { files: 6, into: 2 } });
    expect(await shown()).toEqual(ofMany([1, 2, 3, 4]));
  });

  it('keeps what it wrote if the answer to its commit was lost, and a repeat of the call meets a conflict', async () => {
    await putMany(3);
    const before = await shown();
    const catalog = store.catalog.moving(async (table, from, metadata) => {
      await store.catalog.move(table, from, metadata);
      return false;
    });
    expect(await compacted({ catalog })).toMatchObject({ compacted: { files: 6, into: 2 } });
    expect(await shown()).toEqual(before);
    expect(await tableFiles(store)).toHaveLength(2);
  });

  it('leaves a group to the next run if one of its files has left the table, and what it wrote goes', async () => {
    await putMany(3);
    let interrupted = false;
    const catalog = store.catalog.moving(async (table, from, metadata) => {
      if (!interrupted) {
        interrupted = true;
        await remove(2);
      }
      return store.catalog.move(table, from, metadata);
    });
    await compacted({ catalog });
    expect(await shown()).toEqual(ofMany([1, 3]));
    const keys = store.keys('processed').filter((key) => parseCompactedKey(key) !== undefined);
    const live = await tableFiles(store);
    expect(keys.filter((key) => !live.includes(key))).toEqual([]);
    await compacted();
    expect(await shown()).toEqual(ofMany([1, 3]));
    expect(await tableFiles(store)).toHaveLength(2);
  });

  it('that was killed before its commit leaves garbage alone', async () => {
    await putMany(3);
    const before = await shown();
    const files = await tableFiles(store);
    for (let call = 1; ; call += 1) {
      store.crash = { call: store.calls.length + call, afterEffect: call % 2 === 0 };
      const table = await compacted();
      store.crash = undefined;
      expect(await shown()).toEqual(before);
      if (table?.error === undefined) break;
    }
    expect(await tableFiles(store)).not.toEqual(files);
    await maintain(maintenanceOf(store, 40 * DAY), { dataset: 'recipes' });
    await maintain(maintenanceOf(store, 41 * DAY), { dataset: 'recipes' });
    const live = await tableFiles(store);
    const keys = store.keys('processed').filter((key) => parseCompactedKey(key) !== undefined);
    expect(keys.sort()).toEqual(live);
  });
});

describe('an object whose rows lie in compacted files', () => {
  beforeEach(async () => {
    await putMany(4);
    await compacted();
  });

  it('leaves them in the snapshot that shows its new version', async () => {
    const before = metadataOf(store)?.snapshots.length ?? 0;
    await put(2, 2);
    expect(await shown()).toEqual({ ...ofMany([1, 3, 4]), [`${keyOf(2)} v2`]: 4 });
    expect(metadataOf(store)?.snapshots).toHaveLength(before + 1);
    expect(metadataOf(store)?.snapshots.at(-1)?.summary.operation).toBe('overwrite');
    await compacted();
    await put(2, 3);
    expect(await shown()).toEqual({ ...ofMany([1, 3, 4]), [`${keyOf(2)} v3`]: 4 });
  });

  it('leaves them when it is deleted, and the last one takes the file with it', async () => {
    for (const n of [1, 2, 3]) await remove(n);
    expect(await shown()).toEqual(ofMany([4]));
    await remove(4);
    expect(await tableFiles(store)).toEqual([]);
  });

  it('is not committed again when no snapshot remembers its commit, nor the ledger', async () => {
    await maintain(maintenanceOf(store, 40 * DAY), { dataset: 'recipes' });
    const left = metadataOf(store)?.snapshots ?? [];
    expect(left.map(({ summary }) => summary.operation)).toEqual(['replace']);
    const head = ledgerEntryKey({ dataset: 'recipes', objectId: objectId(keyOf(3)) });
    const { committed: _, ...entry } = JSON.parse(String(store.body('ledger', head)));
    store.put({ bucket: 'ledger', key: head, body: JSON.stringify(entry), contentType: 'application/json' });
    const document = wholePublications(store).find((key) => key.includes(objectId(keyOf(3)))) ?? '';
    const event = { ...createdEvent('ledger', document), time: new Date(0).toISOString() };
    await new Commits(buckets).commit(event, stageContextOf(store));
    expect(await shown()).toEqual(ofMany([1, 2, 3, 4]));
  });

  it('leaves no snapshot that names its rows when it is erased', async () => {
    const origin = keyOf(3);
    await forgetFiles({
      table: 'recipes',
      bucket: 'processed',
      store,
      catalog: store.catalog,
      now: () => 0,
      isForgotten: (key) => parseDataKey(key)?.objectId === objectId(origin),
      isGone: ({ source }) => source === origin,
    });
    expect(await shown()).toEqual(ofMany([1, 2, 4]));
    const metadata = metadataOf(store);
    if (metadata === undefined) throw new Error('The table is gone.');
    const { data } = await snapshotFiles(metadata, async (uri) =>
      store.body('processed', parseS3Uri(uri).key),
    );
    const columns = [{ name: '_source', type: { kind: 'string' }, nullable: true }] as const;
    for (const uri of data)
      for await (const some of readParquetRows(columns, store.body('processed', parseS3Uri(uri).key)))
        expect(some.map((row) => row['_source'])).not.toContain(origin);
  });
});

describe('the small files of an active version', () => {
  let now: number;
  beforeEach(() => {
    now = 50;
  });
  /** Each commit has a time of its own: of two of the same time, one does not expire without the other. */
  const inTurn = { now: () => now++ };

  /** Forgets the snapshots that name them; what nobody names goes with the run after that. */
  const maintained = async (day: number) => {
    await maintain(maintenanceOf(store, day * DAY), { dataset: 'recipes' });
    now = (day + 2) * DAY;
    return maintain(maintenanceOf(store, (day + 1) * DAY), { dataset: 'recipes' });
  };

  it('go when their rows lie in compacted files and no snapshot names them, and the version can still go', async () => {
    await putMany(4);
    await compacted(inTurn);
    expect(dataFiles(store)).toHaveLength(8);
    expect(await maintained(40)).toMatchObject([{ finished: true }]);
    expect(dataFiles(store)).toEqual([]);
    expect(await shown()).toEqual(ofMany([1, 2, 3, 4]));
    await put(2, 2, inTurn);
    await remove(3);
    expect(await shown()).toEqual({ ...ofMany([1, 4]), [`${keyOf(2)} v2`]: 4 });
    await compacted(inTurn);
    await maintained(80);
    expect(dataFiles(store)).toEqual([]);
    expect(await shown()).toEqual({ ...ofMany([1, 4]), [`${keyOf(2)} v2`]: 4 });
  });

  it('go with those of the same version that a dead attempt by other code has left', async () => {
    await putMany(2);
    const [file = ''] = dataFiles(store);
    const left = file.replace('~test.', '~other.');
    store.put({ bucket: 'processed', key: left, body: 'left', contentType: 'x' });
    await maintained(20);
    expect(dataFiles(store)).toContain(left);
    await compacted(inTurn);
    await maintained(40);
    expect(dataFiles(store)).toEqual([]);
  });

  it('cost no look at their ledger entries once they are gone', async () => {
    await putMany(3);
    await compacted(inTurn);
    await maintained(40);
    store.calls.length = 0;
    await maintained(50);
    expect(store.calls.filter((call) => call.includes('ledger/'))).toEqual([]);
  });

  it('stay while a sink does not show the version, or the table does not', async () => {
    await putMany(3);
    await compacted(inTurn);
    const files = dataFiles(store);
    const heads = store.keys('ledger').filter((key) => key.startsWith('heads/'));
    for (const key of heads) {
      const { loaded: _, ...entry } = JSON.parse(String(store.body('ledger', key)));
      store.put({ bucket: 'ledger', key, body: JSON.stringify(entry), contentType: 'application/json' });
    }
    await maintained(40);
    expect(dataFiles(store)).toEqual(files);

    await settle(store);
    const another = new MemoryStore();
    store = Object.assign(store, { catalog: another.catalog });
    await put(4);
    await maintained(50);
    expect(dataFiles(store)).toEqual(expect.arrayContaining(files));
  });
});

it('compaction by the schedule waits for six small files', () => {
  expect(asTheyCome.least).toBe(6);
});
