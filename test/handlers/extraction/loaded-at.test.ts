import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Column } from '../../../domain/columns.ts';
import { limits } from '../../../domain/records/part.ts';
import { readParquetRows } from '../../../formats/parquet/read.ts';
import type { NewObject } from '../../../store/object-store.ts';
import { MemoryStore, storeWith } from '../../store/memory-store.ts';
import { drain, extract, ndjson, putRaw, recipe, runAll, tableFiles, transform } from '../flow.ts';

const KEY = 'recipes/a.ndjson';
const BEGUN = Date.UTC(2026, 10, 27, 20);
const LATER = BEGUN + 3_600_000;

function storeWithFive(): MemoryStore {
  const store = new MemoryStore();
  putRaw(store, KEY, ndjson([1, 2, 3, 4, 5].map((n) => recipe(n))));
  return store;
}

const columns: Column[] = [
  { name: '_version', type: { kind: 'string' }, nullable: true },
  { name: '_loaded_at', type: { kind: 'timestamp' }, nullable: true },
];

/** What the rows of the table say, each once. */
async function shown(store: MemoryStore): Promise<unknown[]> {
  const found = new Set<string>();
  for (const key of await tableFiles(store))
    for await (const rows of readParquetRows(columns, store.body('processed', key)))
      for (const { _version, _loaded_at } of rows) found.add(`${_version} ${_loaded_at}`);
  return [...found];
}

describe('_loaded_at', () => {
  it('is when the revision was taken up, whenever its parts are transformed and committed', async () => {
    const store = storeWithFive();
    await extract(store, KEY, { now: () => BEGUN, limits: { ...limits, partRecords: 2 } });
    await drain(store, { now: () => LATER });
    expect(await shown(store)).toEqual(['v1 2026-11-27T20:00:00.000000Z']);
  });

  it('is the same in all rows if the extraction died after some of its parts were transformed', async () => {
    const store = storeWithFive();
    const small = { limits: { ...limits, partRecords: 2 }, deadline: BEGUN + 1 };
    const write = (object: NewObject) =>
      object.key.includes('part-00002') ? Promise.reject(new Error('It was killed.')) : store.write(object);
    const dying = { ...small, now: () => BEGUN, store: storeWith(store, { write }) };
    await expect(extract(store, KEY, dying)).rejects.toThrow('killed');
    const parts = store.keys('temp');
    expect(parts).toHaveLength(2);
    for (const part of parts) await transform(store, part, { now: () => BEGUN });
    await extract(store, KEY, { ...small, now: () => LATER, deadline: LATER + 1, invocation: 'second' });
    await drain(store, { now: () => LATER });
    expect(await shown(store)).toEqual(['v1 2026-11-27T20:00:00.000000Z']);
  });

  it('is a new one in a version that is reprocessed', async () => {
    const store = storeWithFive();
    await runAll(store, KEY, { now: () => BEGUN });
    await extract(store, KEY, { now: () => LATER }, { revision: 1 });
    await drain(store, { now: () => LATER });
    expect(await shown(store)).toEqual(['v1!0001 2026-11-27T21:00:00.000000Z']);
  });

  it('is unknown of a part that older code cut, without which it is transformed all the same', async () => {
    const store = storeWithFive();
    await extract(store, KEY, { now: () => BEGUN });
    const [key = ''] = store.keys('temp');
    const [header = '', ...rest] = zstdDecompressSync(store.body('temp', key)).toString().split('\n');
    const { loadedAt, ...older } = JSON.parse(header);
    expect(loadedAt).toBe('2026-11-27T20:00:00.000000Z');
    const body = zstdCompressSync([JSON.stringify(older), ...rest].join('\n'));
    store.put({ bucket: 'temp', key, body, contentType: '' });
    await drain(store);
    expect(await shown(store)).toEqual(['v1 null']);
  });
});
