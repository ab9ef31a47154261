import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { trialOf } from '../../../cli/trial/trial.ts';
import { defineDataset } from '../../../domain/dataset.ts';
import { binary, date, decimal, double, int32, int64, json, timestamp } from '../../../domain/fields.ts';
import { sourceOfBytes } from '../../../domain/records/decoding/source.ts';
import { Registry } from '../../../domain/registry.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { drain, extract, putRaw, tableFiles } from '../flow.ts';

const file = readFileSync(
  new URL('../../domain/records/formats/fixtures/parquet/v2-zstd.parquet', import.meta.url),
);

const fields = {
  i64: int64().nullable(),
  u32: int64().nullable(),
  money: decimal(9, 2).nullable(),
  d38: decimal(38, 10).nullable(),
  day: date('YYYY-MM-DD').nullable(),
  at: timestamp().nullable(),
  local: timestamp({ zone: 'Europe/Berlin' }).nullable(),
  bytes: binary().nullable(),
  text: z.string().nullable(),
  flag: z.boolean().nullable(),
  ids: z.array(int64().nullable()).nullable(),
  thing: json().nullable(),
  map: z.record(z.string(), int64().nullable()).nullable(),
  f16: double().nullable(),
  must: int32(),
};
const row = z.object({ ...fields, local: timestamp().nullable(), day: z.iso.date().nullable() });
const things = defineDataset({
  name: 'things',
  source: { prefix: 'things/', format: 'parquet' },
  record: z.object(fields),
  row,
  key: ['must'],
  partitionBy: [],
  onDelete: 'retract',
  onReject: 'keep',
  transform: (record) => record,
});

it('the fields of a dataset read every value of Parquet with all its digits', async () => {
  const options = { key: 'things/a', rows: 5, rejects: 5 };
  const trial = await trialOf(things, sourceOfBytes(file), options);
  expect(trial).toMatchObject({ format: 'Parquet', compression: 'none', read: 40, written: 40, rejects: [] });
  expect(trial.rows[1]).toMatchObject({
    i64: 2n ** 63n - 1n,
    u32: 4_294_967_295n,
    money: '9999999.99',
    d38: '9999999999999999999999999999.9999999999',
    day: '9999-12-31',
    at: expect.stringMatching(/^20\d\d-\d\d-\d\dT09:30:00\.123457Z$/),
    local: expect.stringMatching(/^20\d\d-\d\d-\d\dT0[78]:30:00\.123457Z$/),
    bytes: 'AP8B',
    text: 'é𝄞👩‍🍳',
    flag: false,
    ids: [1n],
    thing: '{"a":null,"b":null,"c":null}',
    map: { a: 1n },
    f16: 1.25,
    must: 1,
  });
  expect(trial.rows[2]).toMatchObject({ text: '\ufeffbom', ids: [null, 2n, 2n ** 62n] });
  expect(trial.rows[3]).toMatchObject({ i64: null, money: null, at: null, ids: null, map: null, must: 3 });
});

it('a row group is extracted by ranges of the raw object, and its rows come into the table', async () => {
  const store = new MemoryStore();
  putRaw(store, 'things/a.parquet', file);
  const options = { registry: new Registry([things]) };
  const outcome = await extract(store, 'things/a.parquet', options);
  expect(outcome).toMatchObject({ result: 'done', read: 40, outputs: 1 });
  // One for the footer, and one for each column.
  expect(store.calls.filter((call) => call.startsWith('read raw')).length).toBeLessThanOrEqual(60);
  await drain(store, options);
  expect(await tableFiles(store, 'things')).toHaveLength(1);
});

it('a file that breaks off is at fault, and an older version stays', async () => {
  const store = new MemoryStore();
  putRaw(store, 'things/a.parquet', file.subarray(0, 9000));
  const outcome = await extract(store, 'things/a.parquet', { registry: new Registry([things]) });
  expect(outcome).toMatchObject({ result: 'failed', read: 0, fault: { code: 'truncated' } });
});
