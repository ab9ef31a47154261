import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { trialOf } from '../../../cli/trial/trial.ts';
import { defineDataset } from '../../../domain/dataset.ts';
import { binary, date, decimal, double, int32, int64, time, timestamp } from '../../../domain/fields.ts';
import { sourceOfBytes } from '../../../domain/records/decoding/source.ts';
import { Registry } from '../../../domain/registry.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { drain, extract, putRaw, tableFiles } from '../flow.ts';

const file = readFileSync(
  new URL('../../domain/records/formats/fixtures/avro/zstandard.avro', import.meta.url),
);

const fields = {
  id: int64(),
  n: int32().nullable(),
  text: z.string(),
  bytes: binary(),
  kind: z.enum(['RED', 'BLUE']),
  money: decimal(20, 2),
  day: date(),
  t_us: time(),
  at_us: timestamp(),
  local: timestamp({ zone: 'Europe/Berlin' }),
  tags: z.array(z.string().nullable()),
  by: z.record(z.string(), int64()),
  place: z.object({ x: double() }).nullable(),
};
const things = defineDataset({
  name: 'things',
  source: { prefix: 'things/', format: 'avro' },
  record: z.object(fields),
  row: z.object({ ...fields, local: timestamp() }),
  key: ['id'],
  partitionBy: ['month(at_us)'],
  onDelete: 'retract',
  onReject: 'keep',
  transform: (record) => record,
});

it('the fields of a dataset read every value of Avro with all its digits', async () => {
  const trial = await trialOf(things, sourceOfBytes(file), { key: 'things/a', rows: 2, rejects: 5 });
  expect(trial).toMatchObject({ format: 'Avro', compression: 'none', read: 60, written: 60, rejects: [] });
  expect(trial.rows[0]).toMatchObject({
    id: 2n ** 63n - 1n,
    n: 0,
    bytes: 'AP8A',
    kind: 'RED',
    money: '-123456789012345678.90',
    day: '1969-12-31',
    t_us: '23:59:59.999999',
    at_us: '2026-01-31T09:30:00.123456Z',
    local: '2026-01-31T08:30:00.000000Z',
    by: { k: 0n, ü: -1n },
    place: { x: 1.5 },
  });
  expect(trial.rows[1]).toMatchObject({
    id: -(2n ** 63n),
    n: null,
    text: 'é😀"\\\n',
    tags: [null],
    place: null,
  });
});

it('its records come into the table', async () => {
  const store = new MemoryStore();
  putRaw(store, 'things/a.avro', file);
  const options = { registry: new Registry([things]) };
  expect(await extract(store, 'things/a.avro', options)).toMatchObject({ result: 'done', read: 60 });
  await drain(store, options);
  expect(store.keys('failed')).toEqual([]);
  const [table = ''] = await tableFiles(store, 'things');
  expect(table).toContain('/at_us_month=2026-01/');
});

it('a file that breaks off is at fault', async () => {
  const store = new MemoryStore();
  putRaw(store, 'things/a.avro', file.subarray(0, 3000));
  const outcome = await extract(store, 'things/a.avro', { registry: new Registry([things]) });
  expect(outcome).toMatchObject({ result: 'failed', fault: { code: 'truncated' } });
});
