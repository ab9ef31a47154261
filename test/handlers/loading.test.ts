import { describe, expect, it } from 'vitest';
import { limits } from '../../domain/records/part.ts';
import { rejectLine } from '../../domain/records/reject.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import { loadingReceipt } from '../../domain/versions/receipt.ts';
import { MAX_REVISION, parseRevision, revisionName } from '../../domain/versions/revision.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { loadFile } from '../../handlers/stages/load-file.ts';
import { transformPart } from '../../handlers/stages/transform-part.ts';
import { type ObjectStore, untilDeadline } from '../../store/object-store.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../store/memory-store.ts';
import { buckets, extract, load, ndjson, putRaw, recipe, transform } from './flow.ts';

type Mysql = ReturnType<typeof calmMysql>;

const KEY = 'recipes/a.ndjson';

/** Takes up a version, or a revision of one (`v1!0001`), as far as the temp bucket. */
async function extractVersion(store: MemoryStore, name: string, sequencer: string, ...records: unknown[]) {
  putRaw(store, KEY, ndjson(records));
  await extract(store, KEY, {}, { ...parseRevision(name), sequencer });
}

async function transformVersion(store: MemoryStore, name: string): Promise<void> {
  for (const part of store.keys('temp').filter((key) => key.includes(`/${name}/`)))
    await transform(store, part);
}

const filesOf = (store: MemoryStore, name: string) =>
  store.keys('processed').filter((key) => key.includes(`~${name}~`));

async function loadVersion(store: MemoryStore, name: string, changes: Partial<StageContext>): Promise<void> {
  for (const file of filesOf(store, name)) await load(store, file, changes);
}

/** All the way. */
async function put(
  store: MemoryStore,
  mysql: Mysql,
  name: string,
  sequencer: string,
  ...records: unknown[]
): Promise<void> {
  await extractVersion(store, name, sequencer, ...records);
  await transformVersion(store, name);
  await loadVersion(store, name, { tables: mysql.tables });
}

const fileDeleted = (store: MemoryStore, file: string, mysql: Mysql) =>
  loadFile(
    { ...createdEvent('processed', file), type: 'deleted' },
    buckets,
    stageContextOf(store, { tables: mysql.tables }),
  );

/** Sequencers as the tables hold them: without zeros at the end. */
const rowsIn = ({ server }: Mysql) =>
  server.rows('recipes', objectHash(KEY)).map((row) => `${row['_record']} of ${row['_sequencer']}`);

/**
 * Puts the entry of the key back, as though what came after had not: as when that is deleted for good while
 * it is extracted.
 */
async function withHeadRestored(store: MemoryStore, work: () => Promise<void>): Promise<void> {
  const key = store.keys('ledger').find((each) => each.startsWith('heads/')) ?? '';
  const body = store.body('ledger', key);
  await work();
  store.put({ bucket: 'ledger', key, body, contentType: 'application/json' });
}

describe('a file of the lake whose event comes before the receipt of its part', () => {
  it('is loaded as soon as the receipt exists', async () => {
    const store = new MemoryStore();
    await extractVersion(store, 'v1', '10', recipe(1));
    const isAwaited = Promise.withResolvers<void>();
    const late: ObjectStore = {
      ...untilDeadline(store, () => false),
      create: (object) => isAwaited.promise.then(() => store.create(object)),
    };
    const [part = ''] = store.keys('temp');
    const transformation = transform(store, part, { store: late });
    while (store.keys('processed').length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [file = ''] = store.keys('processed');
    const wait = async () => {
      isAwaited.resolve();
      await transformation;
    };
    expect(await load(store, file, { wait })).toMatchObject({ result: 'done', written: 1 });
  });

  it('does not wait for the receipt if its version is superseded, since it may never come', async () => {
    const store = new MemoryStore();
    await extractVersion(store, 'v1', '10', recipe(1));
    const [part = ''] = store.keys('temp');
    const dying: ObjectStore = {
      ...untilDeadline(store, () => false),
      create: () => Promise.reject(new Error('It was killed.')),
    };
    await expect(transform(store, part, { store: dying })).rejects.toThrow('killed');
    await extractVersion(store, 'v2', '20', recipe(2));
    const [file = ''] = filesOf(store, 'v1');
    const wait = () => Promise.reject(new Error('It waits.'));
    expect(await load(store, file, { wait })).toMatchObject({ result: 'stale' });
    expect(filesOf(store, 'v1')).toEqual([]);
  });
});

describe('a file that is removed from the lake', () => {
  it.each([
    { which: 'a later', revision: 1 },
    { which: 'the last possible', revision: MAX_REVISION },
  ])(
    'since $which revision was deleted for good has its rows removed, even without a receipt of their loading',
    async ({ revision }) => {
      const store = new MemoryStore();
      const mysql = calmMysql();
      const name = revisionName('v1', revision);
      await extractVersion(store, name, '10', recipe(1));
      await transformVersion(store, name);
      const [file = ''] = filesOf(store, name);
      const dying: ObjectStore = {
        ...untilDeadline(store, () => false),
        create: () => Promise.reject(new Error('It was killed.')),
      };
      await expect(load(store, file, { store: dying, tables: mysql.tables })).rejects.toThrow('killed');
      expect(rowsIn(mysql)).toEqual([`1 of ${revisionName('1', revision)}`]);
      const gone = { type: 'deleted', versionId: 'v1', sequencer: '20', permanent: true } as const;
      await extract(store, KEY, {}, gone);
      expect(filesOf(store, name)).toEqual([]);
      await fileDeleted(store, file, mysql);
      expect(rowsIn(mysql)).toEqual([]);
    },
  );

  it('by hand while its version is active stays in the other sinks', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1));
    const [file = ''] = store.keys('processed');
    await store.remove('processed', [file]);
    expect(await fileDeleted(store, file, mysql)).toMatchObject({ result: 'kept' });
    expect(store.keys('archive')).toEqual([file]);
    expect(rowsIn(mysql)).toEqual(['1 of 1']);
  });

  it('keeps its rows until the active version is complete', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1), recipe(2));
    const [first = ''] = store.keys('processed');
    await put(store, mysql, 'v2', '20', recipe(3), recipe(4));
    expect(store.keys('processed')).toEqual(filesOf(store, 'v2'));
    // The first file's deletion is still on its way when a third version takes effect.
    await extractVersion(store, 'v3', '30', recipe(5));
    await expect(fileDeleted(store, first, mysql)).rejects.toMatchObject({ code: 'in_progress' });
    expect(rowsIn(mysql)).toEqual(['1 of 2', '2 of 2']);
    await transformVersion(store, 'v3');
    await loadVersion(store, 'v3', { tables: mysql.tables });
    expect(await fileDeleted(store, first, mysql)).toMatchObject({ result: 'retracted' });
    expect(rowsIn(mysql)).toEqual(['1 of 3']);
  });
});

describe('a file of a version that never became active', () => {
  it('has only its own rows removed from MySQL', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1), recipe(2));
    await withHeadRestored(store, () => put(store, mysql, 'v2', '20', recipe(3)));
    expect(rowsIn(mysql)).toEqual(['1 of 2', '2 of 1']);
    await loadVersion(store, 'v2', { tables: mysql.tables });
    expect(rowsIn(mysql)).toContain('2 of 1');
    expect(rowsIn(mysql)).not.toContain('1 of 2');
  });

  it('has the rows of its own revision removed', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1), recipe(2));
    const revision = revisionName('v1', 1);
    await withHeadRestored(store, () => put(store, mysql, revision, '10', recipe(3), recipe(4)));
    expect(rowsIn(mysql)).toEqual(['1 of 1!0001', '2 of 1!0001']);
    await loadVersion(store, revision, { tables: mysql.tables });
    expect(rowsIn(mysql)).toEqual([]);
  });
});

it('a row that no table can hold is counted and has a line in the failed bucket', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  const reject = { recordNumber: 2, path: 'title', code: 'not_storable', message: 'is too long' } as const;
  mysql.tables.load = async () => ({ written: 1, unchanged: 0, rejected: [reject] });
  await put(store, mysql, 'v1', '10', recipe(1), recipe(2));
  const [failed = ''] = store.keys('failed');
  expect(failed).toMatch(/^rejects\/.*\/loading-00000-00000~test\.ndjson$/);
  expect(rejectLine.parse(JSON.parse(store.body('failed', failed).toString()))).toEqual(reject);
  const [receipt = ''] = store.keys('ledger').filter((key) => key.includes('/loading/'));
  expect(loadingReceipt.parse(JSON.parse(store.body('ledger', receipt).toString()))).toMatchObject({
    tables: { written: 1, rejected: { not_storable: 1 } },
    rejects: [{ key: failed, records: 1 }],
  });
});

it('a part that is removed while it is read, since its version is superseded, is not at fault', async () => {
  const store = new MemoryStore();
  await extractVersion(store, 'v1', '10', recipe(1));
  const [part = ''] = store.keys('temp');
  const overtaken: ObjectStore = {
    ...untilDeadline(store, () => false),
    read: async (address) => {
      await extractVersion(store, 'v2', '20', recipe(2));
      await store.remove('temp', [part]);
      return store.read(address);
    },
  };
  const outside = stageContextOf(store, { store: overtaken });
  expect(await transformPart(createdEvent('temp', part), buckets, outside)).toMatchObject({
    result: 'stale',
  });
});

it('a file that is archived while its version is removed is not left in the archive', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  await extractVersion(store, 'v1', '10', recipe(1));
  await transformVersion(store, 'v1');
  const [file = ''] = store.keys('processed');
  const body = store.body('processed', file);
  const slow: ObjectStore = {
    ...untilDeadline(store, () => false),
    // It has been read, and is written when the file is gone from the lake and its deletion is dealt with.
    copy: async (_, to) => {
      await put(store, mysql, 'v2', '20', recipe(2));
      await fileDeleted(store, file, mysql);
      return store.write({ ...to, body, contentType: '' });
    },
  };
  expect(await load(store, file, { store: slow })).toMatchObject({ result: 'stale' });
  expect(store.keys('archive')).toEqual(filesOf(store, 'v2'));
});

it('a last part without any rows completes its version', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  await put(store, mysql, 'v1', '10', recipe(1));
  const directions = Array.from({ length: 2 }, () => 'Wait 99999 hours, then 99999 hours. '.repeat(9));
  putRaw(store, KEY, ndjson([recipe(2), { ...recipe(3), directions }]));
  await extract(store, KEY, { limits: { ...limits, partRecords: 1 } }, { versionId: 'v2', sequencer: '20' });
  const [first = '', last = ''] = store.keys('temp').filter((key) => key.includes('/v2/'));
  await transform(store, first);
  await loadVersion(store, 'v2', { tables: mysql.tables });
  expect(filesOf(store, 'v1')).toHaveLength(1);
  expect(await transform(store, last)).toMatchObject({ written: 0, rejected: { invalid_row: 1 } });
  expect(store.keys('processed')).toEqual(filesOf(store, 'v2'));
});

it('a file whose version is superseded just after its loading stays until the new version is complete', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  await extractVersion(store, 'v1', '10', recipe(1));
  await transformVersion(store, 'v1');
  const create = store.create.bind(store);
  store.create = async (object) => {
    store.create = create;
    const created = await create(object);
    await extractVersion(store, 'v2', '20', recipe(2));
    return created;
  };
  await loadVersion(store, 'v1', { tables: mysql.tables });
  for (const bucket of ['processed', 'archive']) expect(store.keys(bucket)).toEqual(filesOf(store, 'v1'));
  expect(filesOf(store, 'v1')).toHaveLength(1);
  expect(rowsIn(mysql)).toEqual(['1 of 1']);
});
