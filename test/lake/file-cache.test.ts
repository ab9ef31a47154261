import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deployedDatasets } from '../../datasets/index.ts';
import { parseMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { FileCache } from '../../lake/file-cache.ts';
import { IcebergTable } from '../../lake/iceberg-table.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import layouts from '../../mysql/migrations/lake.json' with { type: 'json' };
import { MemoryStore } from '../store/memory-store.ts';

it('a cache of files has those that came last, as long as all fit together', () => {
  const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 50 });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const cache = new FileCache(100);
      const files = lengths.map((length, i) => [`s3://lake/${i}`, Buffer.alloc(length, i)] as const);
      for (const [uri, file] of files) cache.put(uri, file);
      let bytes = 0;
      for (const [uri, file] of files.toReversed()) {
        bytes += file.length;
        expect(cache.get(uri)).toBe(bytes <= 100 ? file : undefined);
      }
    }),
  );
});

it('a file that is larger than the cache takes the place of none', () => {
  const cache = new FileCache(10);
  cache.put('s3://lake/small', Buffer.alloc(10));
  cache.put('s3://lake/large', Buffer.alloc(11));
  expect(cache.get('s3://lake/small')).toHaveLength(10);
  expect(cache.get('s3://lake/large')).toBeUndefined();
});

it('a cache has the metadata of the tables that were committed to last, not of all', async () => {
  const cache = new FileCache();
  const own = tableOf(new MemoryStore());
  await own.commit(undefined, { removed: [] });
  const state = await own.read();
  const table = state?.metadata ?? expect.fail('There is no table.');
  const tables = Array.from({ length: 100 }, (_, n) => `s3://lake/t${n}`);
  for (const location of ['s3://lake/t0', ...tables.slice(0, 12), 's3://lake/t0', ...tables.slice(12, 27)])
    cache.putMetadata(location, { path: `${location}/1`, metadata: table });
  const kept = tables.filter((location) => cache.metadata(location, `${location}/1`) === table);
  expect(kept).toEqual(['s3://lake/t0', ...tables.slice(12, 27)]);
  expect(cache.metadata('s3://lake/t0', 's3://lake/t0/2')).toBeUndefined();
});

/** A table over the same files, as one more function has it. */
function tableOf(store: MemoryStore, cache?: FileCache): IcebergTable {
  const dataset = deployedDatasets.find(({ name }) => name === 'recipes');
  if (dataset === undefined) throw new Error('There is no dataset recipes.');
  const schema = recordedSchemas(layouts)(dataset);
  const of = { dataset, schema, bucket: 'processed', store, catalog: store.catalog, now: () => 1 };
  return new IcebergTable({ ...of, ...(cache && { cache }) });
}

async function commitTo(table: IcebergTable, n: number): Promise<void> {
  const key = `recipes/data/a~0/v${n}/difficulty=easy/part-00000~x.parquet`;
  const added = [{ key, records: n, bytes: n, statistics: { splitOffsets: [4], columns: {} } }];
  await table.commit(await table.read(), { added, removed: [], summary: { 'sluice.committed': String(n) } });
}

it('the metadata that a table remembers is what a reader finds in its file, and no longer that when another one commits', async () => {
  const store = new MemoryStore();
  const [own, other] = [tableOf(store, new FileCache()), tableOf(store)];
  await own.commit(undefined, { removed: [] });
  for (let n = 1; n <= 5; n += 1) {
    await commitTo(n === 4 ? other : own, n);
    const known = await own.read();
    const found = await other.read();
    expect(known).toEqual(found);
    expect(known?.metadata.snapshots).toHaveLength(n);
    const bytes = Buffer.from(JSON.stringify(known?.metadata));
    expect(parseMetadata(bytes)).toEqual(known?.metadata);
  }
});

it('a commit does not read the metadata of the one before again', async () => {
  const store = new MemoryStore();
  const table = tableOf(store, new FileCache(0));
  await table.commit(undefined, { removed: [] });
  await commitTo(table, 1);
  expect(store.calls.filter((call) => /^bytes .*metadata.json/.test(call))).toEqual([]);
});
