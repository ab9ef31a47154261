import fc from 'fast-check';
import * as z from 'zod';
import { scaledBy } from '../../../domain/decimal.ts';
import {
  binary,
  date,
  decimal,
  double,
  flag,
  int32,
  int64,
  json,
  text,
  time,
  timestamp,
  yesNo,
} from '../../../domain/fields.ts';
import { anyInstant } from '../../formats/any-table.ts';

/** A type of `domain/fields.ts`, and how its values are written. */
export interface TestedType {
  readonly record: z.ZodType;
  readonly row: z.ZodType;
  /** What a row has. */
  readonly values: fc.Arbitrary<unknown>;
  /** As the input has a value: JSON, or the text of a field of CSV. By default `String`. */
  readonly json?: (value: never) => string;
  readonly csv?: (value: never) => string;
  /** Makes the `String` of a value of DuckDB's text. */
  readonly read?: (text: string) => string;
  /** How DuckDB is asked for that text, if not by a cast. */
  readonly sql?: (column: string) => string;
  /** Whether no field of CSV can have it. */
  readonly isNested?: true;
}

const exact = (precision: number, scale: number) => {
  const most = 10n ** BigInt(precision) - 1n;
  return fc
    .oneof(fc.bigInt({ min: -most, max: most }), fc.constantFrom(0n, most, -most))
    .map((whole) => scaledBy(whole, scale));
};
const quoted = (value: string) => JSON.stringify(value);
const inCsv = (value: string) => `"${value.replaceAll('"', '""')}"`;
const same = <Type extends z.ZodType>(type: Type) => ({ record: type, row: type });

/** With numbers that no double holds, two fields of one name, escapes and white space. */
const anyJson = fc.oneof(
  fc.json({ maxDepth: 3 }).filter((value) => value !== 'null' && !/\\ud[89a-f]/i.test(value)),
  fc.constantFrom(
    '{"id": 901656910939770881, "price":1.10,"rate":0.1234567890123456789, "big":1e400}',
    '[ 1.0, -0, 1E2 ,{"a":1,"a":2} ]',
    '"\\u00e9\\"\\\\"',
    '12345678901234567890123456789',
    'true',
    '{"__proto__":{"a":null},"quo\\"te":"}]"}',
  ),
);

/** The boundary values of each are among its values. */
export const types: Readonly<Record<string, TestedType>> = {
  int32: {
    ...same(int32()),
    values: fc.oneof(fc.integer(), fc.constantFrom(0, 2 ** 31 - 1, -(2 ** 31))),
  },
  int64: {
    ...same(int64()),
    values: fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 53n + 1n),
    ),
  },
  decimal9: { ...same(decimal(9, 2)), values: exact(9, 2), json: String },
  decimal18: {
    record: decimal(18, 4, { comma: true }),
    row: decimal(18, 4),
    values: exact(18, 4),
    json: String,
    csv: (value: string) => `"${value.replace('.', ',')}"`,
  },
  decimal38: { ...same(decimal(38, 10)), values: exact(38, 10), json: String },
  double: {
    ...same(double()),
    values: fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fc.constantFrom(0.1, Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324),
    ),
    read: (text) => String(Number(text)),
  },
  text: {
    ...same(text()),
    values: fc
      .oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
        fc.constantFrom('\uFEFFa', ' a ', '\'\\"', 'a\r\nb', 'NULL', '😀'),
      )
      .filter((value) => value.trim() !== ''),
    json: quoted,
    csv: inCsv,
  },
  title: {
    ...same(text({ length: 20 })),
    values: fc.oneof(
      fc
        .string({ unit: 'grapheme', minLength: 1 })
        .map((value) => [...value].slice(0, 20).join(''))
        .filter((value) => value.trim() !== ''),
      fc.constantFrom('😀'.repeat(20), 'x'.repeat(20)),
    ),
    json: quoted,
    csv: inCsv,
  },
  json: { ...same(json()), values: anyJson, json: String, csv: inCsv },
  binary: {
    ...same(binary()),
    values: fc
      .oneof(
        fc.uint8Array({ minLength: 1, maxLength: 70 }),
        fc.constantFrom(Uint8Array.of(0), Uint8Array.of(0xff, 0xfe)),
      )
      .map((bytes) => Buffer.from(bytes).toString('base64')),
    json: quoted,
    sql: (column) => `base64("${column}")`,
  },
  map: {
    ...same(z.record(z.string(), z.object({ n: int64(), at: timestamp().nullable() }).nullable())),
    values: fc.dictionary(
      fc
        .oneof(fc.string({ unit: 'grapheme', maxLength: 5 }), fc.constantFrom('1', 'B', 'a', ''))
        .filter((name) => name !== '__proto__'),
      fc.option(fc.record({ n: fc.constantFrom(0n, 2n ** 63n - 1n), at: fc.option(anyInstant) })),
      { maxKeys: 4, noNullPrototype: true },
    ),
    isNested: true,
  },
  flag: { ...same(flag()), values: fc.boolean() },
  yes_no: { record: yesNo({ yes: ['ja'], no: ['nein'] }), row: yesNo(), values: fc.boolean() },
  date: {
    record: date('DD.MM.YYYY'),
    row: date(),
    values: fc
      .oneof(anyInstant, fc.constantFrom('0001-01-01', '1582-10-10', '2024-02-29', '9999-12-31'))
      .map((value) => value.slice(0, 10)),
    json: (value: string) => quoted(value.split('-').reverse().join('.')),
    csv: (value: string) => value.split('-').reverse().join('.'),
  },
  time: {
    record: time('HHmmssSSSSSS'),
    row: time(),
    values: fc
      .oneof(anyInstant, fc.constantFrom('T00:00:00.000000Z', 'T23:59:59.999999Z'))
      .map((value) => value.split('T')[1]?.slice(0, -1)),
    json: (value: string) => quoted(value.replace(/[:.]/g, '')),
    csv: (value: string) => value.replace(/[:.]/g, ''),
  },
  timestamp: {
    ...same(timestamp()),
    values: anyInstant,
    json: quoted,
    read: instant,
  },
  epoch: {
    record: timestamp({ format: 'epoch seconds' }),
    row: timestamp(),
    values: anyInstant,
    json: epochSeconds,
    csv: epochSeconds,
    read: instant,
  },
};

/** `2026-01-31 10:30:00.5` */
function instant(text: string): string {
  const [day, time = ''] = text.split(' ');
  const [seconds, fraction = ''] = time.split('.');
  return `${day}T${seconds}.${fraction.padEnd(6, '0')}Z`;
}

function epochSeconds(value: string): string {
  const micros = BigInt(Date.parse(value)) * 1000n + BigInt(value.slice(23, 26));
  return scaledBy(micros, 6);
}
