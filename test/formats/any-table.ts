import fc from 'fast-check';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { scaledBy } from '../../domain/decimal.ts';
import { longOf } from '../../domain/long.ts';
import type { Row } from '../../domain/records/transformation.ts';

export function listOf(element: ColumnType, nullable = false): ColumnType {
  return { kind: 'list', element, nullable };
}

type Values = { readonly type: ColumnType; readonly values: fc.Arbitrary<unknown> };

const day = fc
  .date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
/** With microseconds, in all years that have four digits. */
export const anyInstant = fc
  .tuple(
    fc.oneof(
      fc.date({
        min: new Date('0001-01-01T00:00:00Z'),
        max: new Date('9999-12-31T23:59:59.999Z'),
        noInvalidDate: true,
      }),
      fc
        .constantFrom(-62_135_596_800_000, -1, 0, 9_007_199_254_740, 253_402_300_799_999)
        .map((ms) => new Date(ms)),
    ),
    fc.oneof(fc.nat(999), fc.constantFrom(0, 1, 999)),
  )
  .map(([date, micros]) => date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`));
/** Now and then with what some decoders take for a byte-order mark and drop. */
export const anyText = fc
  .tuple(fc.constantFrom('', '', '\uFEFF', '\uFEFF\uFEFF'), fc.string({ unit: 'grapheme', maxLength: 20 }))
  .map((pieces) => pieces.join(''));
/** The types without lists and structs, each with its values. */
const leaves: Values[] = [
  { type: { kind: 'string' }, values: anyText },
  { type: { kind: 'int32' }, values: fc.integer() },
  {
    type: { kind: 'int64' },
    values: fc
      .oneof(
        fc.maxSafeInteger().map(BigInt),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n),
      )
      .map(longOf),
  },
  ...[
    [1, 0],
    [9, 2],
    [10, 10],
    [15, 3],
    [18, 2],
    [19, 0],
    [38, 10],
  ].map(([precision = 0, scale = 0]) => {
    const most = 10n ** BigInt(precision) - 1n;
    const whole = fc.oneof(fc.bigInt({ min: -most, max: most }), fc.constantFrom(0n, most, -most));
    return {
      type: { kind: 'decimal' as const, precision, scale },
      values: whole.map((value) => scaledBy(value, scale)),
    };
  }),
  { type: { kind: 'double' }, values: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { type: { kind: 'boolean' }, values: fc.boolean() },
  { type: { kind: 'date' }, values: day.map((text) => text.slice(0, 10)) },
  { type: { kind: 'timestamp' }, values: anyInstant },
  {
    type: { kind: 'binary' },
    values: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  },
];

/** hyparquet can't read the name of an object's prototype. */
const mapName = anyText.filter((name) => name !== '__proto__');

function typed(depth: number): fc.Arbitrary<Values> {
  const leaf = fc.constantFrom(...leaves);
  if (depth === 0) return leaf;
  const inner = typed(depth - 1);
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    {
      weight: 2,
      arbitrary: fc.tuple(inner, fc.boolean()).map(([{ type, values }, nullable]) => ({
        type: listOf(type, nullable),
        values: fc.array(nullable ? fc.option(values) : values, { maxLength: 4 }),
      })),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(inner, fc.boolean()).map(([{ type, values }, nullable]) => ({
        type: { kind: 'map' as const, value: type, nullable },
        values: fc.dictionary(mapName, nullable ? fc.option(values) : values, {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      })),
    },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(inner, fc.boolean()), { minLength: 1, maxLength: 3 }).map((fields) => ({
        type: {
          kind: 'struct' as const,
          fields: fields.map(([{ type }, nullable], i) => ({ name: `f${i}`, type, nullable })),
        },
        values: recordOf(fields, 'f'),
      })),
    },
  );
}

function recordOf(fields: readonly (readonly [Values, boolean])[], prefix: string): fc.Arbitrary<Row> {
  return fc.record(
    Object.fromEntries(
      fields.map(([{ values }, nullable], i) => [`${prefix}${i}`, nullable ? fc.option(values) : values]),
    ),
  );
}

function tableOf(types: fc.Arbitrary<Values>): fc.Arbitrary<{ columns: Column[]; rows: Row[] }> {
  return fc.array(fc.tuple(types, fc.boolean()), { minLength: 1, maxLength: 4 }).chain((fields) =>
    fc.record({
      columns: fc.constant<Column[]>(
        fields.map(([{ type }, nullable], i) => ({ name: `c${i}`, type, nullable })),
      ),
      rows: fc.array(recordOf(fields, 'c'), { maxLength: 12 }),
    }),
  );
}

/** Columns of any types, lists and structs among them, and rows of them. */
export const tables = tableOf(typed(2));

/** The same without lists and structs, and with the texts that are hard on CSV. */
export const flatTables = tableOf(
  fc.oneof(
    fc.constantFrom(...leaves),
    fc.constant<Values>({
      type: { kind: 'string' },
      values: fc.string({
        unit: fc.constantFrom('"', ',', '\r', '\n', ' ', 'a', '\\', '\0', '\uFEFF', '👩‍🍳'),
        maxLength: 8,
      }),
    }),
  ),
);
