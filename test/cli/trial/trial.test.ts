import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import * as z from 'zod';
import { type TrialOptions, trialOf } from '../../../cli/trial/trial.ts';
import { registry } from '../../../datasets/index.ts';
import { passengers } from '../../../datasets/passengers.ts';
import { recipes } from '../../../datasets/recipes.ts';
import { type Dataset, defineDataset, filtered } from '../../../domain/dataset.ts';
import { int32, text } from '../../../domain/fields.ts';
import { limits } from '../../../domain/records/part.ts';
import { Registry } from '../../../domain/registry.ts';
import { receipt, type Tally } from '../../../domain/versions/receipt.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { extract, headsOf, ndjson, putRaw, recipe, transform } from '../../handlers/flow.ts';
import { MemoryStore } from '../../store/memory-store.ts';

/** In chunks, as a file comes. */
const sourceOf = (body: string | Uint8Array) =>
  async function* () {
    const bytes = Buffer.from(body);
    for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
  };

const tried = (dataset: Dataset, body: string | Uint8Array, options: Partial<TrialOptions> = {}) =>
  trialOf(dataset, sourceOf(body), {
    key: `${dataset.source.prefix}file`,
    rows: 2,
    rejects: 2,
    ...options,
  });

const example = (name: string) => readFileSync(join('examples', name));

const things = defineDataset({
  name: 'things',
  source: { prefix: 'things/', format: 'json' },
  record: z.object({
    id: z.int32(),
    kind: z.string().nullable(),
    at: z.iso.datetime({ offset: true }).optional(),
    parts: z.array(z.object({ name: z.string() })).optional(),
    extra: z.looseObject({}).optional(),
  }),
  transform({ id, kind, at }) {
    if (kind === 'left out') return filtered('is left out');
    return { id, kind, at: at ?? null };
  },
  row: z.object({
    id: z.int32().max(100),
    kind: z.string().nullable(),
    at: z.iso.datetime({ offset: true }).nullable(),
  }),
  key: ['id'],
  partitionBy: [],
  onDelete: 'retract',
  onReject: 'keep',
});

const thing = (id: number, others: object = {}) => ({ id, kind: 'a', ...others });

/** What the stages' receipts say of a file, in the words of a trial. */
async function receiptsOf(key: string, body: Uint8Array, changes: Partial<StageContext> = {}) {
  const store = new MemoryStore();
  putRaw(store, key, body);
  await extract(store, key, changes);
  for (const part of store.keys('temp')) await transform(store, part, changes);
  const takesEffect = headsOf(store).some(({ current }) => current !== undefined);
  const counts = { read: 0, written: 0, filtered: {} as Tally, codes: {} as Tally };
  const add = (to: Tally, name: string, n: number) => {
    to[name] = (to[name] ?? 0) + n;
  };
  let fault: unknown;
  for (const name of store.keys('ledger').filter((each) => each.startsWith('receipts/'))) {
    const found = receipt.parse(JSON.parse(store.body('ledger', name).toString()));
    const rejected = 'rejected' in found ? found.rejected : {};
    for (const [code, n] of Object.entries(rejected)) add(counts.codes, `${found.stage} ${code}`, n);
    if (found.stage === 'extraction') {
      counts.read = found.read;
      fault = found.fault;
    } else if (found.stage === 'transformation') {
      counts.written += found.written;
      for (const [reason, n] of Object.entries(found.filtered)) add(counts.filtered, reason, n);
    }
  }
  return { ...counts, fault, takesEffect };
}

function asReceipts({
  read,
  written,
  filtered,
  codes,
  fault,
  takesEffect,
}: Awaited<ReturnType<typeof tried>>) {
  const rejected = codes.filter(({ stage }) => stage !== 'loading');
  return {
    read,
    written,
    filtered,
    codes: Object.fromEntries(rejected.map(({ code, stage, records }) => [`${stage} ${code}`, records])),
    fault,
    takesEffect,
  };
}

const examples = ['recipes', 'passengers'].flatMap((folder) =>
  readdirSync(join('examples', folder), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice('examples/'.length)),
);

describe('a trial counts what the receipts of the stages count', () => {
  it.each(examples)('of examples/%s', async (key) => {
    const dataset = registry.of(key) as Dataset;
    const body = example(key);
    expect(asReceipts(await tried(dataset, body, { key }))).toEqual(await receiptsOf(key, body));
  });

  it('of more partitions than a part may have, of which the next part has as many again', async () => {
    const dataset = { ...recipes, partitionBy: ['title'] };
    const titles = [
      ...Array.from({ length: limits.partRecords }, (_, i) => i % 1002),
      ...Array.from({ length: 1005 }, (_, i) => 2000 + i),
    ];
    const body = Buffer.from(ndjson(titles.map((title) => recipe(title))));
    const changes = { registry: new Registry([dataset]) };
    const found = asReceipts(await tried(dataset, body, { key: 'recipes/a.ndjson' }));
    expect(found).toEqual(await receiptsOf('recipes/a.ndjson', body, changes));
    expect(found.codes).toEqual({ 'transformation invalid_row': expect.any(Number) });
  });
});

test('of each code the first rejects are kept, with what was sent, and all are counted', async () => {
  const { codes, rejects } = await tried(recipes, example('recipes/with-mistakes.json'), { rejects: 1 });
  expect(codes).toEqual([
    { code: 'wrong_type', stage: 'transformation', records: 4 },
    { code: 'empty', stage: 'transformation', records: 3 },
    { code: 'missing_field', stage: 'transformation', records: 1 },
    { code: 'malformed_json', stage: 'transformation', records: 1 },
    { code: 'unpaired_surrogate', stage: 'transformation', records: 1 },
  ]);
  expect(rejects.map(({ recordNumber, code }) => [recordNumber, code])).toEqual([
    [2, 'missing_field'],
    [4, 'wrong_type'],
    [5, 'empty'],
    [10, 'malformed_json'],
    [14, 'unpaired_surrogate'],
  ]);
  expect(rejects[0]).toEqual({
    stage: 'transformation',
    recordNumber: 2,
    path: 'title',
    code: 'missing_field',
    message: 'expected string, found nothing',
    text: '{"ingredients":["700 g chickpeas","1 lemon"],"directions":["Heat the oven to 200 °C and line a tray."]}',
  });
});

test('of a long reject the beginning is kept', async () => {
  const { rejects } = await tried(recipes, JSON.stringify({ title: 'x'.repeat(1000) }));
  expect(rejects[0]?.text).toBe(`{"title":"${'x'.repeat(490)}…`);
});

test('a line of CSV with a mistake is told as it was sent, and the rows are those of the table', async () => {
  const { rows, rejects, read, written } = await tried(passengers, example('passengers/with-mistakes.csv'));
  expect({ read, written }).toEqual({ read: 11, written: 3 });
  expect(rows).toMatchObject([
    { _record: 1, passenger_id: 1, name: "O'Dwyer, Miss. Laina", cabin: 'C46' },
    { _record: 2, passenger_id: 2, age: 22, cabin: null },
  ]);
  expect(rejects[0]).toMatchObject({ recordNumber: 3, path: 'Age', code: 'wrong_type' });
  expect(JSON.parse(rejects[0]?.text ?? '')).toBe(
    '3,1,3,"Sjöstedt, Mr. Owen Harris",male,about thirty,2,2,256784,"7,25",,S',
  );
});

describe('the format and the compression are those of the content', () => {
  const array = JSON.stringify([thing(1)]);
  const csv = example('passengers/titanic.csv');
  it.each([
    ['JSON array', 'none', things, `\ufeff \n${array}`],
    ['JSON array', 'gzip', things, gzipSync(array)],
    ['JSON objects', 'zstd', things, zstdCompressSync(ndjson([thing(1), thing(2)]))],
    ['CSV', 'gzip', passengers, gzipSync(csv)],
    [
      'CSV',
      'zip',
      passengers,
      readFileSync(new URL('../../domain/records/formats/fixtures/zip/infozip.zip', import.meta.url)),
    ],
    [
      undefined,
      'bzip2',
      things,
      readFileSync(new URL('../../domain/records/formats/fixtures/bzip2/empty.bz2', import.meta.url)),
    ],
    [undefined, 'none', things, '<html>'],
    [undefined, 'none', things, ''],
    ['CSV', 'none', passengers, ''],
  ] as const)('%s, %s', async (format, compression, dataset, body) => {
    expect(await tried(dataset, body)).toMatchObject({ compression, ...(format && { format }) });
    expect((await tried(dataset, body)).format).toBe(format);
  });
});

describe('fields that the dataset does not name', () => {
  it('are counted by path, of a list once for a record, also in records that are rejected', async () => {
    const records = [
      thing(1, {
        colour: 'red',
        parts: [
          { name: 'a', size: 1 },
          { name: 'b', size: 2 },
        ],
      }),
      thing(2, { colour: null, 'a b': 1, extra: { anything: 1 } }),
      { kind: 'a', Id: 3 },
    ];
    const { unknown, otherUnknown } = await tried(things, ndjson(records));
    expect(unknown).toEqual([
      { field: 'colour', records: 2 },
      { field: 'parts[*].size', records: 1 },
      { field: '["a b"]', records: 1 },
      { field: 'Id', records: 1 },
    ]);
    expect(otherUnknown).toBe(0);
  });

  it('are columns of a header, counted where a record has a value', async () => {
    const source = { prefix: 'few/', format: 'csv', columns: 'ignore-additional' } as const;
    const few = defineDataset({
      ...{ name: 'few', source, record: z.object({ id: int32(), name: text() }) },
      transform: (record) => record,
      row: z.object({ id: z.int32(), name: z.string() }),
      ...{ key: ['id'], partitionBy: [], onDelete: 'retract', onReject: 'keep' },
    });
    const { unknown, read } = await tried(few, 'id,colour,name,size\n1,red,A,\n2,blue,B,\n3,,C,5\n4,x,y\n');
    expect(read).toBe(4);
    expect(unknown).toEqual([
      { field: 'colour', records: 2 },
      { field: 'size', records: 1 },
    ]);
  });

  it('are counted together beyond a thousand names', async () => {
    const records = Array.from({ length: 1500 }, (_, i) => thing(1, { [`field${i}`]: 1 }));
    const { unknown, otherUnknown } = await tried(things, ndjson(records));
    expect(unknown).toHaveLength(1000);
    expect(otherUnknown).toBe(500);
  });
});

test('a column has its nulls, its distinct values, and the least and the greatest', async () => {
  const records = [
    thing(9, { at: '2026-01-01T12:00:00+02:00' }),
    thing(10, { kind: null, at: '2026-01-01T11:00:00Z' }),
    thing(9, { kind: 'b' }),
    thing(50, { kind: 'left out' }),
  ];
  const { columns } = await tried(things, ndjson(records));
  expect(columns).toEqual([
    { name: 'id', type: 'int32', nulls: 0, distinct: 2, min: 9, max: 10 },
    { name: 'kind', type: 'string', nulls: 1, distinct: 2, min: 'a', max: 'b' },
    {
      name: 'at',
      type: 'timestamp',
      nulls: 1,
      distinct: 2,
      min: '2026-01-01T12:00:00+02:00',
      max: '2026-01-01T11:00:00Z',
    },
  ]);
});

test('a thousand distinct values are counted, and no more', async () => {
  const kinds = (n: number) =>
    ndjson(Array.from({ length: n }, (_, i) => thing(1, { kind: `${'k'.repeat(50)}${i}` })));
  const distinctOf = async (n: number) =>
    (await tried(things, kinds(n))).columns.find(({ name }) => name === 'kind')?.distinct;
  expect(await distinctOf(1000)).toBe(1000);
  expect(await distinctOf(1001)).toBeUndefined();
});

test('what MySQL can not hold is told, and is written all the same', async () => {
  const late = thing(1, { at: '9999-12-31T23:59:59-05:00' });
  const { written, codes, rejects } = await tried(things, ndjson([late]));
  expect(written).toBe(1);
  expect(codes).toEqual([{ code: 'not_storable', stage: 'loading', records: 1 }]);
  expect(rejects[0]).toMatchObject({ stage: 'loading', recordNumber: 1, path: 'at' });
});

describe('whether a file takes effect', () => {
  const bad = { id: 'x', kind: 'a' };
  const faultOf = async (body: string | Uint8Array, changes: Partial<Dataset> = {}) => {
    const { takesEffect, usable, fault, read } = await tried({ ...things, ...changes }, body);
    return { takesEffect, usable, fault: fault?.code, read };
  };

  it('it does with one usable record, be it filtered', async () => {
    expect(await faultOf(ndjson([bad, thing(1, { kind: 'left out' })]))).toEqual({
      takesEffect: true,
      usable: true,
      fault: undefined,
      read: 2,
    });
  });

  it('without a usable record, onReject decides; a record that the transform refuses is none', async () => {
    const body = ndjson([bad, thing(101)]);
    const of = { usable: false, fault: undefined, read: 2 };
    expect(await faultOf(body)).toEqual({ ...of, takesEffect: false });
    expect(await faultOf(body, { onReject: 'replace' })).toEqual({ ...of, takesEffect: true });
  });

  it('with more rejects than maxRejected allows, onReject decides', async () => {
    const body = ndjson([thing(1), bad, bad, thing(2)]);
    const maxRejected = { records: 1 };
    const of = { usable: true, fault: 'too_many_rejects', read: 4 };
    expect(await faultOf(body, { maxRejected })).toEqual({ ...of, takesEffect: false });
    expect(await faultOf(body, { maxRejected, onReject: 'replace' })).toEqual({ ...of, takesEffect: true });
    expect(await faultOf(body, { maxRejected: { share: 0.4 } })).toMatchObject(of);
  });

  it('with a fault, it does if there are usable records before', async () => {
    const whole = gzipSync(ndjson(Array.from({ length: 5000 }, (_, i) => thing(i % 50, { kind: `${i}` }))));
    const { takesEffect, fault, read } = await faultOf(whole.subarray(0, whole.length - 2000));
    expect({ takesEffect, fault }).toEqual({ takesEffect: true, fault: 'truncated' });
    expect(read).toBeGreaterThan(100);
    expect(await faultOf('')).toEqual({ takesEffect: false, usable: false, fault: 'empty_file', read: 0 });
  });
});

test('what is thrown between batches ends a trial', async () => {
  const stop = new Error('stop');
  const onRead = () => {
    throw stop;
  };
  await expect(tried(things, ndjson([thing(1)]), { onRead })).rejects.toBe(stop);
});

describe('the rules of a dataset about whole files', () => {
  const sale = (id: number) => thing(id);
  const codeOf = async (rules: Partial<Dataset>, records: readonly unknown[], before?: number) => {
    const of = await tried({ ...things, ...rules }, ndjson(records), before === undefined ? {} : { before });
    return [of.fault?.code, of.takesEffect];
  };

  it('are tried as the pipeline decides by them', async () => {
    const twice = [sale(1), sale(2), sale(1)];
    expect(await codeOf({ unique: ['id'] }, twice)).toEqual(['duplicate_keys', false]);
    expect(await codeOf({ unique: ['id'], onReject: 'replace' }, twice)).toEqual(['duplicate_keys', true]);
    expect(await codeOf({ unique: ['id'] }, twice.slice(0, 2))).toEqual([undefined, true]);
    expect(await codeOf({ minRecords: 4 }, twice)).toEqual(['too_few_records', false]);
    expect(await codeOf({ maxShrink: 0.5 }, twice, 7)).toEqual(['shrunk', false]);
    expect(await codeOf({ maxShrink: 0.5 }, twice)).toEqual([undefined, true]);
  });
});
