import { icebergRead } from 'icebird';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Column, ColumnType } from '../../../domain/columns.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { comparable } from '../../formats/parquet-rows.ts';
import { everyOperation } from './operations.ts';
import { comparing, type Shown } from './pipeline-table.ts';

/** It finds a column by its present name alone, whatever ids the files have. */
const beyondIt = new Set(['renamed', 'with fewer columns', 'with another column of an old name']);
const names = [
  'appended',
  'overwritten',
  'deleted',
  'widened',
  'committed at once',
  'renamed',
  'compacted',
  'taken out of compacted files',
  'with fewer columns',
  'with another column of an old name',
  'compacted again',
  'expired',
];

const DIGITS_OF_DOUBLE = 14;

let tables: Shown[] = [];

beforeAll(async () => {
  tables = await everyOperation('required');
  const files = new Map(tables.flatMap((table) => [...table.files]));
  vi.stubGlobal('fetch', async (url: string, { headers }: RequestInit = {}) => {
    const bytes = files.get(url.replace('https://processed.s3.amazonaws.com/', 's3://processed/'));
    if (bytes === undefined) return new Response(null, { status: 404 });
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(new Headers(headers).get('range') ?? '') ?? [];
    if (from === undefined) return new Response(new Uint8Array(bytes));
    const range = bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    return new Response(new Uint8Array(range), { status: 206 });
  });
});
afterAll(() => vi.unstubAllGlobals());

it('every operation has its table', () => expect(tables.map(({ name }) => name)).toEqual(names));

it.each(names.filter((name) => !beyondIt.has(name)))(
  'icebird reads the rows that the pipeline has put into a table: %s',
  async (name) => {
    const { path, files, columns, rows } = tables.find((each) => each.name === name) as Shown;
    const metadata = JSON.parse(String(files.get(path)));
    const found = await icebergRead({ tableUrl: metadata.location, metadata });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const read = found.map((row) => comparable(asItReads(row, columns), columns, base64));
    const expected = rows.map((row) => comparable(asItReads(row, columns), columns));
    expect(read.toSorted(comparing)).toEqual(expected);
  },
);

/**
 * It gives back what is not there as `undefined`, makes doubles of decimals, and drops byte-order marks and
 * microseconds.
 */
function asItReads(row: Row, columns: readonly Column[]): Row {
  return Object.fromEntries(columns.map(({ name, type }) => [name, valueAsItReads(row[name], type)]));
}

function valueAsItReads(value: unknown, type: ColumnType): unknown {
  if (value === null || value === undefined) return null;
  if (type.kind === 'string') return String(value).replace(/^\uFEFF/, '');
  if (type.kind === 'timestamp' && typeof value === 'string') return value.replace(/(\.\d{3})\d+/, '$1');
  if (type.kind === 'decimal') return Number(value).toPrecision(DIGITS_OF_DOUBLE);
  if (type.kind === 'list') return (value as unknown[]).map((each) => valueAsItReads(each, type.element));
  return type.kind === 'struct' ? asItReads(value as Row, type.fields) : value;
}
