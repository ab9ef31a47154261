import { describe, expect, it, vi } from 'vitest';
import { limits } from '../../domain/records/part.ts';
import { rejectLine } from '../../domain/records/reject.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import { archiveKey } from '../../domain/versions/key-layout.ts';
import { ledgerEntry } from '../../domain/versions/ledger.ts';
import { loadingReceipt } from '../../domain/versions/receipt.ts';
import { MAX_REVISION, parseRevision, revisionName } from '../../domain/versions/revision.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { createdEvent, MemoryStore, stageContextOf, storeWith } from '../store/memory-store.ts';
import {
  buckets,
  commit,
  dataFiles,
  extract,
  load,
  ndjson,
  publications,
  putRaw,
  recipe,
  transform,
} from './flow.ts';

type Mysql = ReturnType<typeof calmMysql>;

const KEY = 'recipes/a.ndjson';
/** Each record is a part. */
const single = { limits: { ...limits, partRecords: 1 } };

/** Takes up a version, or a revision of one (`v1!0001`), as far as the temp bucket. */
async function extractVersion(store: MemoryStore, name: string, sequencer: string, ...records: unknown[]) {
  putRaw(store, KEY, ndjson(records));
  await extract(store, KEY, single, { ...parseRevision(name), sequencer });
}

async function transformVersion(store: MemoryStore, name: string): Promise<void> {
  for (const part of of(store.keys('temp'), name)) await transform(store, part);
}

const of = (keys: readonly string[], name: string) => keys.filter((key) => key.includes(`/${name}/`));

/** What the archive has of a version that was published. */
const archiveOf = (store: MemoryStore, name: string) =>
  of(dataFiles(store), name)
    .map(archiveKey)
    .filter((key) => store.keys('archive').includes(key));

async function loadVersion(store: MemoryStore, name: string, changes: Partial<StageContext>): Promise<void> {
  for (const key of of(publications(store), name)) await load(store, key, changes);
}

/** As far as MySQL and the archive. */
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

/** Sequencers as the tables hold them: without zeros at the end. */
const rowsIn = ({ server }: Mysql) =>
  server.rows('recipes', objectHash(KEY)).map((row) => `${row['_record']} of ${row['_sequencer']}`);

function loadedIn(store: MemoryStore): string | undefined {
  const [key = ''] = store.keys('ledger').filter((each) => each.startsWith('heads/'));
  return ledgerEntry.parse(JSON.parse(store.body('ledger', key).toString())).loaded?.versionId;
}

/** But for how many rows of a part were found to be there already. */
const contentsOf = (store: MemoryStore) =>
  Object.entries(store.contents()).map(([key, content]) =>
    key.includes('/loading/') ? key : [key, content],
  );

const killed = () => Promise.reject(new Error('It was killed.'));

it.each([1, 2])('MySQL is told when a version of %i parts was taken up', async (parts) => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  const taken = { ...single, now: () => Date.UTC(2026, 10, 27, 20) };
  putRaw(store, KEY, ndjson(Array.from({ length: parts }, (_, n) => recipe(n))));
  await extract(store, KEY, taken);
  await transformVersion(store, 'v1');
  await loadVersion(store, 'v1', { tables: mysql.tables });
  const noted = [...mysql.server.versions('recipes', objectHash(KEY)).values()];
  expect(noted).toMatchObject([{ version: 'v1', loadedAt: '2026-11-27 20:00:00.000000' }]);
});

describe('the last part of a version that is loaded, in whatever order,', () => {
  it.each([[[0, 1, 2]], [[2, 1, 0]], [[1, 2, 0]]])(
    'removes what MySQL and the archive have of the version before: parts %j',
    async (order) => {
      const store = new MemoryStore();
      const mysql = calmMysql();
      await put(store, mysql, 'v1', '10', ...[1, 2, 3, 4].map((n) => recipe(n)));
      await extractVersion(store, 'v2', '20', ...[5, 6, 7].map((n) => recipe(n)));
      await transformVersion(store, 'v2');
      const parts = of(publications(store), 'v2');
      for (const part of order.slice(0, -1)) await load(store, parts[part] ?? '', { tables: mysql.tables });
      expect(rowsIn(mysql)).toContain('4 of 1');
      expect(archiveOf(store, 'v1')).toHaveLength(4);
      expect(loadedIn(store)).toBe('v1');
      await load(store, parts[order.at(-1) ?? 0] ?? '', { tables: mysql.tables });
      expect(rowsIn(mysql)).toEqual(['1 of 2', '2 of 2', '3 of 2']);
      expect(store.keys('archive')).toEqual(archiveOf(store, 'v2'));
      expect(store.keys('archive')).toHaveLength(3);
      expect(loadedIn(store)).toBe('v2');
    },
  );

  it('does so when its message comes again, after an attempt that was killed at any call', async () => {
    const prepared = async () => {
      const store = new MemoryStore();
      const mysql = calmMysql();
      await put(store, mysql, 'v1', '10', ...[1, 2, 3].map((n) => recipe(n)));
      await extractVersion(store, 'v2', '20', recipe(4), recipe(5));
      await transformVersion(store, 'v2');
      const [first = '', last = ''] = of(publications(store), 'v2');
      await load(store, first, { tables: mysql.tables });
      store.calls.length = 0;
      return { store, mysql, last };
    };
    const undisturbed = await prepared();
    await load(undisturbed.store, undisturbed.last, { tables: undisturbed.mysql.tables });
    const calls = undisturbed.store.calls.length;
    expect(calls).toBeGreaterThan(13);
    for (const afterEffect of [false, true])
      for (let call = 1; call <= calls; call += 1) {
        const { store, mysql, last } = await prepared();
        store.crash = { call, afterEffect };
        await expect(load(store, last, { tables: mysql.tables })).rejects.toThrow('killed');
        await new Promise((resolve) => setImmediate(resolve));
        store.crash = undefined;
        await load(store, last, { tables: mysql.tables, receives: 2 });
        const killedAt = `killed at call ${call}`;
        expect(contentsOf(store), killedAt).toEqual(contentsOf(undisturbed.store));
        expect(rowsIn(mysql), killedAt).toEqual(['1 of 2', '2 of 2']);
      }
  });

  it('does so even if it has no rows', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1));
    const directions = Array.from({ length: 2 }, () => 'Wait 99999 hours, then 99999 hours. '.repeat(9));
    await extractVersion(store, 'v2', '20', recipe(2), { ...recipe(3), directions });
    const [first = '', last = ''] = of(store.keys('temp'), 'v2');
    await transform(store, first);
    expect(of(publications(store), 'v2')).toEqual([]);
    expect(await transform(store, last)).toMatchObject({ written: 0, rejected: { invalid_row: 1 } });
    expect(of(publications(store), 'v2')).toHaveLength(2);
    const [whole = '', empty = ''] = of(publications(store), 'v2');
    await load(store, whole, { tables: mysql.tables });
    expect(archiveOf(store, 'v1')).toHaveLength(1);
    expect(await load(store, empty, { tables: mysql.tables })).toMatchObject({ result: 'done', written: 0 });
    expect(store.keys('archive')).toEqual(archiveOf(store, 'v2'));
  });
});

it('a version without parts empties MySQL and the archive by its one document', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  await put(store, mysql, 'v1', '10', recipe(1));
  await extractVersion(store, 'v2', '20');
  putRaw(store, KEY, '[]');
  await extract(store, KEY, single, { versionId: 'v3', sequencer: '30' });
  await loadVersion(store, 'v3', { tables: mysql.tables });
  expect(rowsIn(mysql)).toEqual([]);
  expect(store.keys('archive')).toEqual([]);
  expect(loadedIn(store)).toBe('v3');
});

describe('a deletion', () => {
  it.each([
    { which: 'a later', revision: 1 },
    { which: 'the last possible', revision: MAX_REVISION },
  ])(
    'for good of $which revision removes its rows, even if there is no receipt of their loading',
    async ({ revision }) => {
      const store = new MemoryStore();
      const mysql = calmMysql();
      const name = revisionName('v1', revision);
      await extractVersion(store, name, '10', recipe(1));
      await transformVersion(store, name);
      const [part = ''] = publications(store);
      const dying = { store: storeWith(store, { create: killed }), tables: mysql.tables };
      await expect(load(store, part, dying)).rejects.toThrow('killed');
      expect(rowsIn(mysql)).toEqual([`1 of ${revisionName('1', revision)}`]);
      expect(store.keys('archive')).toHaveLength(1);
      const gone = { type: 'deleted', versionId: 'v1', sequencer: '20', permanent: true } as const;
      await extract(store, KEY, {}, gone);
      const [deletion = ''] = publications(store).filter((key) => key.endsWith('/deleted.whole.json'));
      expect(await load(store, deletion, { tables: mysql.tables })).toMatchObject({ result: 'retracted' });
      expect(rowsIn(mysql)).toEqual([]);
      expect(store.keys('archive')).toEqual([]);
    },
  );

  it('that was overtaken by a newer version removes nothing', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1));
    await extract(store, KEY, {}, { type: 'deleted', versionId: 'marker', sequencer: '20' });
    await put(store, mysql, 'v3', '30', recipe(2));
    const [deletion = ''] = of(publications(store), 'marker');
    expect(await load(store, deletion, { tables: mysql.tables })).toMatchObject({ result: 'stale' });
    expect(rowsIn(mysql)).toEqual(['1 of 3']);
  });
});

describe('a part of a version that was overtaken', () => {
  it('is not loaded, and leaves nothing', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await extractVersion(store, 'v1', '10', recipe(1), recipe(2));
    await transformVersion(store, 'v1');
    const [first = '', second = ''] = of(publications(store), 'v1');
    await load(store, first, { tables: mysql.tables });
    await put(store, mysql, 'v2', '20', recipe(3));
    for (const part of [first, second])
      expect(await load(store, part, { tables: mysql.tables })).toMatchObject({ result: 'stale' });
    expect(rowsIn(mysql)).toEqual(['1 of 2']);
    expect(store.keys('archive')).toEqual(archiveOf(store, 'v2'));
  });

  it('while it is archived is not left in the archive', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await extractVersion(store, 'v1', '10', recipe(1));
    await transformVersion(store, 'v1');
    const [part = ''] = publications(store);
    const [file = ''] = dataFiles(store);
    const body = store.body('processed', file);
    const slow = storeWith(store, {
      // It has been read, and is written when its successor is in every sink.
      copy: async (_, to) => {
        await put(store, mysql, 'v2', '20', recipe(2));
        return store.write({ ...to, body, contentType: '' });
      },
    });
    expect(await load(store, part, { store: slow })).toMatchObject({ result: 'stale' });
    expect(store.keys('archive')).toEqual(archiveOf(store, 'v2'));
  });

  it('is not at fault if its file is removed while it is archived', async () => {
    const store = new MemoryStore();
    await extractVersion(store, 'v1', '10', recipe(1));
    await transformVersion(store, 'v1');
    const [part = ''] = publications(store);
    const overtaken = storeWith(store, {
      copy: async (from, to) => {
        // Its successor is not loaded yet.
        await extractVersion(store, 'v2', '20', recipe(2));
        await transformVersion(store, 'v2');
        await store.remove('processed', [from.key]);
        return store.copy(from, to);
      },
    });
    expect(await load(store, part, { store: overtaken })).toMatchObject({ result: 'stale' });
    expect(store.keys('archive')).toEqual([]);
  });

  it('leaves nothing if it is deleted for good, and from the sinks, while it is archived', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await extractVersion(store, 'v1', '10', recipe(1));
    await transformVersion(store, 'v1');
    const [part = ''] = publications(store);
    const slow = storeWith(store, {
      copy: async (from, to) => {
        const copied = await store.copy(from, to);
        const deletion = { type: 'deleted', versionId: 'v1', sequencer: '20', permanent: true } as const;
        await extract(store, KEY, {}, deletion);
        for (const key of publications(store).filter((each) => each.includes('deleted')))
          for (const stage of [load, commit]) await stage(store, key, { tables: mysql.tables });
        await store.copy(from, to);
        return copied;
      },
    });
    expect(await load(store, part, { tables: mysql.tables, store: slow })).toMatchObject({ result: 'stale' });
    expect(store.keys('archive')).toEqual([]);
    expect(rowsIn(mysql)).toEqual([]);
  });

  it('while it is loaded leaves the rows of the one before until its successor is loaded', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await put(store, mysql, 'v1', '10', recipe(1), recipe(2));
    await extractVersion(store, 'v2', '20', recipe(3));
    await transformVersion(store, 'v2');
    const overtaken = storeWith(store, {
      copy: async (from, to) => {
        await extractVersion(store, 'v3', '30', recipe(4));
        await transformVersion(store, 'v3');
        return store.copy(from, to);
      },
    });
    await loadVersion(store, 'v2', { tables: mysql.tables, store: overtaken });
    expect(rowsIn(mysql)).toEqual(['1 of 2', '2 of 1']);
    await loadVersion(store, 'v3', { tables: mysql.tables });
    expect(rowsIn(mysql)).toEqual(['1 of 3']);
  });

  it('just after its loading stays until its successor is loaded', async () => {
    const store = new MemoryStore();
    const mysql = calmMysql();
    await extractVersion(store, 'v1', '10', recipe(1));
    await transformVersion(store, 'v1');
    const create: MemoryStore['create'] = async (object) => {
      const isFirst = await store.create(object);
      await extractVersion(store, 'v2', '20', recipe(2));
      await transformVersion(store, 'v2');
      return isFirst;
    };
    await loadVersion(store, 'v1', { tables: mysql.tables, store: storeWith(store, { create }) });
    expect(publications(store)).toHaveLength(2);
    expect(archiveOf(store, 'v1')).toHaveLength(1);
    expect(rowsIn(mysql)).toEqual(['1 of 1']);
    await loadVersion(store, 'v2', { tables: mysql.tables });
    expect(rowsIn(mysql)).toEqual(['1 of 2']);
    expect(store.keys('archive')).toEqual(archiveOf(store, 'v2'));
  });
});

it('a message that comes again is not done again, if only the ledger was not told', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  await extractVersion(store, 'v1', '10', recipe(1));
  await transformVersion(store, 'v1');
  const dying = { store: storeWith(store, { replace: killed }), tables: mysql.tables };
  await expect(loadVersion(store, 'v1', dying)).rejects.toThrow('killed');
  expect(loadedIn(store)).toBeUndefined();
  const [part = ''] = publications(store);
  store.calls.length = 0;
  expect(await load(store, part, { tables: mysql.tables, receives: 2 })).toMatchObject({
    result: 'duplicate',
  });
  expect(loadedIn(store)).toBe('v1');
  expect(store.calls.filter((call) => call.startsWith('copy'))).toEqual([]);
});

it('a row that no table can hold is counted and has a line in the failed bucket', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  const reject = { recordNumber: 2, path: 'title', code: 'not_storable', message: 'is too long' } as const;
  mysql.tables.load = async () => ({ written: 1, unchanged: 0, rejected: [reject] });
  await put(store, mysql, 'v1', '10', recipe(1));
  const [failed = ''] = store.keys('failed');
  expect(failed).toMatch(/^rejects\/.*\/loading-00000-00000~test\.ndjson$/);
  expect(rejectLine.parse(JSON.parse(store.body('failed', failed).toString()))).toEqual(reject);
  const [receipt = ''] = store.keys('ledger').filter((key) => key.includes('/loading/'));
  expect(loadingReceipt.parse(JSON.parse(store.body('ledger', receipt).toString()))).toMatchObject({
    tables: { written: 1, rejected: { not_storable: 1 } },
    rejects: [{ key: failed, records: 1 }],
  });
});

it('the files of a part are loaded into MySQL as one, and its receipt names them all', async () => {
  const store = new MemoryStore();
  const mysql = calmMysql();
  const loads = vi.spyOn(mysql.tables, 'load');
  putRaw(store, KEY, ndjson([recipe(1), recipe(2, 8), recipe(3, 13)]));
  await extract(store, KEY);
  await transformVersion(store, 'v1');
  const [part = ''] = publications(store);
  expect(await load(store, part, { tables: mysql.tables })).toMatchObject({
    result: 'done',
    read: 3,
    written: 3,
  });
  expect(loads).toHaveBeenCalledTimes(1);
  expect(rowsIn(mysql)).toHaveLength(3);
  const [key = ''] = store.keys('ledger').filter((each) => each.endsWith('/loading/00000.json'));
  const receipt = loadingReceipt.parse(JSON.parse(store.body('ledger', key).toString()));
  expect(receipt.files.map((file) => file.key).sort()).toEqual(dataFiles(store));
  expect(receipt.files.map(({ archive }) => archive.key).sort()).toEqual(store.keys('archive'));
  expect(receipt.tables).toMatchObject({ written: 3 });
});

it('a part that is removed while it is read, since its version is superseded, is not at fault', async () => {
  const store = new MemoryStore();
  await extractVersion(store, 'v1', '10', recipe(1));
  const [part = ''] = store.keys('temp');
  const overtaken = storeWith(store, {
    read: async (address) => {
      await extractVersion(store, 'v2', '20', recipe(2));
      await transformVersion(store, 'v2');
      await store.remove('temp', [part]);
      return store.read(address);
    },
  });
  const outside = stageContextOf(store, { store: overtaken });
  expect(await transformPart(createdEvent('temp', part), buckets, outside)).toMatchObject({
    result: 'stale',
  });
});
