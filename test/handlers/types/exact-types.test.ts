import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { loadDuckDb } from '../../../cli/lake/lake.ts';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { scaledBy } from '../../../domain/decimal.ts';
import { decimal, int64, text } from '../../../domain/fields.ts';
import { jsonOf } from '../../../domain/long.ts';
import { Registry } from '../../../domain/registry.ts';
import { csvTableKey } from '../../../domain/versions/key-layout.ts';
import { readLakeFile } from '../../../formats/lake-file.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { dataFiles, extract, putRaw, runAll, tableFiles } from '../flow.ts';

const fields = {
  id: int64(),
  parent: int64().nullable(),
  price: decimal(9, 2),
  amount: decimal(18, 4).nullable(),
  total: decimal(38, 10),
};

const row = z.object({ ...fields, currency: text() });

function payments(format: 'json' | 'csv', processedAs: 'parquet' | 'csv'): Dataset {
  const common = {
    name: 'payments',
    transform: (record: z.output<typeof row>) => record,
    row,
    key: ['id'],
    partitionBy: ['currency'],
    processedAs,
    onDelete: 'retract',
    onReject: 'replace',
  } as const;
  return format === 'json'
    ? defineDataset({ ...common, source: { prefix: 'payments/', format }, record: row })
    : defineDataset({
        ...common,
        source: { prefix: 'payments/', format },
        record: row.extend({ parent: int64().optional(), amount: decimal(18, 4).optional() }),
        transform: ({ parent = null, amount = null, ...record }) => ({ ...record, parent, amount }),
      });
}

type Payment = z.output<typeof row>;

const exact = (precision: number, scale: number) => {
  const most = 10n ** BigInt(precision) - 1n;
  return fc
    .oneof(fc.bigInt({ min: -most, max: most }), fc.constantFrom(0n, most, -most))
    .map((whole) => scaledBy(whole, scale));
};
const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 53n + 1n),
);
const payment: fc.Arbitrary<Payment> = fc.record({
  id: long,
  parent: fc.option(long),
  price: exact(9, 2),
  amount: fc.option(exact(18, 4)),
  total: exact(38, 10),
  currency: fc.constantFrom('EUR', 'CHF'),
});

/** As JSON that has numbers, with all of their digits. */
const jsonLine = ({ price, amount, total, ...record }: Payment) => {
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  const numbers = { price: rawJSON(price), amount: amount && rawJSON(amount), total: rawJSON(total) };
  return jsonOf({ ...record, ...numbers });
};

const csvOf = (records: readonly Payment[]) =>
  [
    'id,parent,price,amount,total,currency',
    ...records.map((each) =>
      [each.id, each.parent, each.price, each.amount, each.total, each.currency].join(),
    ),
  ].join('\n');

const cases = (['json', 'csv'] as const).flatMap((format) =>
  (['parquet', 'csv'] as const).map((processedAs) => [format, processedAs] as const),
);

describe.each(cases)('64-bit integers and decimals, from %s to files of %s,', (format, processedAs) => {
  const dataset = payments(format, processedAs);
  const changes = { registry: new Registry([dataset]) };
  const key = `payments/all.${format}`;

  async function stored(records: readonly Payment[]): Promise<MemoryStore> {
    const store = new MemoryStore();
    putRaw(store, key, format === 'csv' ? csvOf(records) : records.map(jsonLine).join('\n'));
    await runAll(store, key, changes);
    return store;
  }

  it('have every digit in the lake and in the archive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(payment, { minLength: 1, maxLength: 8 }), async (records) => {
        const store = await stored(records);
        const origin = processedAs === 'parquet' && { _source: key, _version: 'v1' };
        const expected = records.map((record, i) => ({ ...plain(record), _record: i + 1, ...origin }));
        expect(await rowsOf(dataset, store, 'processed')).toEqual(expected);
        expect(await rowsOf(dataset, store, 'archive')).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('are what another program reads', async () => {
    const records: Payment[] = [
      {
        id: 901656910939770881n,
        parent: -(2n ** 63n),
        price: '-0.01',
        amount: '99999999999999.9999',
        total: '0.0000000001',
        currency: 'EUR',
      },
      {
        id: 2n ** 63n - 1n,
        parent: null,
        price: '9999999.99',
        amount: null,
        total: `-${'9'.repeat(28)}.${'9'.repeat(10)}`,
        currency: 'EUR',
      },
    ];
    const store = await stored(records);
    const [file = ''] =
      processedAs === 'csv' ? dataFiles(store).map(csvTableKey) : await tableFiles(store, 'payments');
    const folder = await mkdtemp(join(tmpdir(), 'sluice-exact-'));
    const path = join(folder, `file.${processedAs}`);
    await writeFile(path, store.body('processed', file));
    const { DuckDBInstance } = await loadDuckDb();
    const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
    const from = processedAs === 'csv' ? `read_csv('${path}', all_varchar = true)` : `'${path}'`;
    const names = ['id', 'parent', 'price', 'amount', 'total'] as const;
    const read = await duckdb.runAndReadAll(
      `select ${names.map((name) => `${name}::varchar`).join()} from ${from} order by _record`,
    );
    duckdb.closeSync();
    await rm(folder, { recursive: true });
    expect(read.getRows()).toEqual(
      records.map((record) => names.map((name) => (record[name] === null ? null : `${record[name]}`))),
    );
  });
});

it('a number that a column has no room for is rejected, with its digits', async () => {
  const store = new MemoryStore();
  const good = { id: 1, parent: null, price: '1', amount: null, total: '1', currency: 'EUR' };
  const lines = [
    jsonOf(good),
    jsonOf({ ...good, id: 2n ** 63n }),
    jsonOf({ ...good, price: 0.125 }),
    jsonOf({ ...good, price: 12345678.9 }),
    jsonOf({ ...good, total: 12345678901234567890123456789n }),
  ];
  putRaw(store, 'payments/bad.json', lines.join('\n'));
  await extract(store, 'payments/bad.json', { registry: new Registry([payments('json', 'parquet')]) });
  const [file = ''] = store.keys('failed');
  const rejects = store.body('failed', file).toString().trim().split('\n');
  expect(rejects.map((line) => /"path":"(\w+)","code":"(\w+)"/.exec(line)?.slice(1))).toEqual([
    ['id', 'too_large'],
    ['price', 'inexact_number'],
    ['price', 'too_large'],
    ['total', 'too_large'],
  ]);
  expect(rejects.map((line) => line.slice(line.indexOf('"record":') + 9, -1))).toEqual(lines.slice(1));
});

/** The rows of files, in the order of their records; 64-bit integers as bigints. */
async function rowsOf(dataset: Dataset, store: MemoryStore, bucket: 'processed' | 'archive') {
  const keys =
    bucket === 'archive'
      ? store.keys('archive')
      : dataset.processedAs === 'csv'
        ? dataFiles(store).map(csvTableKey)
        : await tableFiles(store, dataset.name);
  const rows: Record<string, unknown>[] = [];
  for (const file of keys) {
    const partitionPath = /currency=[^/]*\//.exec(file)?.[0] ?? '';
    const extension = file.slice(file.lastIndexOf('.') + 1);
    for await (const batch of readLakeFile(dataset, { extension, partitionPath }, store.body(bucket, file)))
      rows.push(...batch);
  }
  return rows.map(plain).sort((a, b) => Number(a['_record']) - Number(b['_record']));
}

/** A row in which it is all the same how a whole number is written. */
function plain(of: object): Record<string, unknown> {
  const { id, parent, ...others } = of as Record<string, unknown>;
  return { ...others, id: String(id), parent: parent === null ? null : String(parent) };
}
