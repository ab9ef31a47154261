import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { defineDataset } from '../../../domain/dataset.ts';
import { readPart } from '../../../domain/records/part.ts';
import { Registry } from '../../../domain/registry.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { extract, putRaw } from '../flow.ts';

const things = defineDataset({
  name: 'things',
  source: { prefix: 'things/', format: 'csv' },
  record: z.object({ id: z.string(), name: z.string() }),
  row: z.object({ id: z.string(), name: z.string() }),
  key: ['id'],
  partitionBy: [],
  onDelete: 'retract',
  onReject: 'keep',
  transform: (record) => record,
});

it('the records of a zip archive are numbered over its files, and a part has those of one header', async () => {
  const store = new MemoryStore();
  putRaw(
    store,
    'things/a.zip',
    readFileSync(new URL('../../domain/records/formats/fixtures/zip/python.zip', import.meta.url)),
  );
  const outcome = await extract(store, 'things/a.zip', { registry: new Registry([things]) });
  expect(outcome).toMatchObject({ result: 'done', read: 60, outputs: 2 });
  const parts = store.keys('temp').map((key) => {
    const part = readPart(zstdDecompressSync(store.body('temp', key)), { bucket: 'temp', key });
    return { first: part?.header.first, columns: part?.header.columns, records: part?.records };
  });
  expect(parts).toEqual([
    { first: 1, columns: ['id', 'name'], records: 40 },
    { first: 41, columns: ['name', 'id'], records: 20 },
  ]);
});
