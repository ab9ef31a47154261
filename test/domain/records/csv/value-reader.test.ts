import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { type Dataset, defineDataset } from '../../../../domain/dataset.ts';
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
  timestamp,
  yesNo,
} from '../../../../domain/fields.ts';
import { CsvRecord, csvReader } from '../../../../domain/records/decoding/csv/record.ts';
import type { Piece } from '../../../../domain/records/decoding/record.ts';
import { processByTexts, processRecord } from '../../../../domain/records/processing.ts';
import type { CsvFormat } from '../../../../domain/source-format.ts';

const types = {
  int32: int32(),
  int64: int64(),
  double: double(),
  flag: flag(),
  yesNo: yesNo({ yes: ['ja'] }),
  text: text(),
  short: text({ length: 5 }),
  date: date(),
  german: date('D.M.YYYY'),
  timestamp: timestamp({ zone: 'Europe/Berlin' }),
  epoch: timestamp({ format: 'epoch seconds' }),
  decimal: decimal(6, 2),
  comma: decimal(6, 2, { comma: true }),
  binary: binary(),
  json: json(),
  string: z.string(),
  nullish: z.string().nullish(),
  nullable: text().nullable(),
  size: z.enum(['S', 'M', '0']),
  // As TypeScript makes an enum of numbers, with one text.
  mixed: z.enum({ A: 0, 0: 'A', B: 'ja' }),
  word: z.literal(['ja', '1', 'male']),
  long: z.string().min(3).max(6),
  digits: z.string().regex(/^\d+$/),
  mail: z.email(),
  link: z.url(),
  day: z.iso.date(),
  positive: int32().check(z.positive()),
  half: double().check(z.multipleOf(0.5), z.lt(20)),
} satisfies Record<string, z.ZodType>;
type Name = keyof typeof types;
const names = Object.keys(types) as Name[];

/** Texts that somebody has, or wants to do harm with. */
const texts = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '7',
    '-0',
    '-0.0',
    '0.0',
    '+1',
    '007',
    '-7',
    '5.',
    '.5',
    '.',
    '-',
    '-.',
    '--1',
  ),
  fc.constantFrom('1e5', '1E-2', '1e400', '0x10', '1_000', '1,5', '1.2.3', 'NaN', 'Infinity', '١'),
  fc.constantFrom('2147483647', '2147483648', '-2147483648', '-2147483649', '9223372036854775807'),
  fc.constantFrom(
    '999999999999999',
    '9999999999999999',
    '0.1234567890123',
    '123456789012345678',
    '0.30000000000000004',
  ),
  fc.constantFrom(' 1', '1 ', '\t1', '1\u00a0', '\ufeff1', '\ufeff', ' ', '1\0', '\0'),
  fc.constantFrom('true', 'FALSE', 'yes', 'ja', 'No', '1.0', 'male', 'é', '食譜', '👩‍🍳', 'x'.repeat(40)),
  fc.constantFrom('2026-02-28', '2026-02-30', '1.2.2026', '2026-03-29T02:30', '2026-01-01T00:00:00Z'),
  fc.constantFrom('12.50', '12,50', 'SGk=', '{"a":[1]}', '"', '""', 'a "b" c', 'a,b', 'a\nb', 'NA', '\\N'),
  fc.double().map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc
    .tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: 0, max: 9_999_999_999 }))
    .map(([whole, fraction]) => `${whole}.${fraction}`),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

/** Texts that a field takes. */
const right: Readonly<Record<string, readonly string[]>> = {
  int32: ['12', '-5', '3.0', ' 4'],
  int64: ['12', '-5', '9223372036854775807'],
  double: ['12.5', '-0.25', '1e3'],
  flag: ['0', '1', 'true'],
  yesNo: ['ja', 'N'],
  text: ['Braund, Mr. Owen', 'é', 'say "hi"'],
  short: ['S', 'éé'],
  date: ['2026-01-31'],
  german: ['1.2.2026'],
  timestamp: ['2026-01-31T10:00:00Z', '2026-01-31 10:00'],
  epoch: ['1700000000'],
  decimal: ['12.5', '7'],
  comma: ['12,5', '7'],
  binary: ['SGk='],
  json: ['{"a":[1]}', '1'],
  string: ['x', ' '],
  nullish: ['x'],
  nullable: ['x'],
  size: ['S', 'M'],
  mixed: ['ja', 'A', '0'],
  word: ['ja', 'male'],
  long: ['abc', 'ééé'],
  digits: ['12'],
  mail: ['a@example.com'],
  link: ['https://example.com/a', ' https://example.com'],
  day: ['2026-01-31'],
  positive: ['1', '-1'],
  half: ['1.5', '0.25', '20'],
};

/** How a field is written: plainly, in quotes, or in a way that may be wrong. */
const written = (name: string) =>
  fc
    .tuple(
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom('', ...(right[name] ?? [])) }, texts),
      fc.constantFrom('plain', 'plain', 'plain', 'quoted', 'quoted', 'spaced', 'broken'),
    )
    .map(([text, way]) => {
      const quoted = `"${text.replaceAll('"', '""')}"`;
      if (way === 'spaced') return `${quoted} `;
      if (way === 'broken') return `"${text}"x`;
      return way === 'quoted' || /[",\r\n]/.test(text) ? quoted : text;
    });

const encodings = fc.constantFrom('utf-8', 'latin1', 'windows-1252') satisfies fc.Arbitrary<
  CsvFormat['encoding']
>;

function datasetOf(
  fields: readonly (readonly [Name, boolean])[],
  format: Omit<CsvFormat, 'format'>,
): Dataset {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, optional] of fields) shape[name] = optional ? z.optional(types[name]) : types[name];
  return defineDataset({
    name: 'things',
    source: { prefix: 'things/', format: 'csv', ...format },
    record: z.object(shape) as z.ZodType,
    // So that the order of the fields, missing ones, signs of zero and the types of values all tell.
    transform: (record) => ({
      id: Object.entries(record as object)
        .map(([name, value]) => `${name}=${typeof value}:${Object.is(value, -0) ? '-0' : String(value)}`)
        .join(),
    }),
    row: z.object({ id: z.string() }),
    key: ['id'],
    partitionBy: [],
    onDelete: 'keep',
    onReject: 'keep',
  });
}

const cases = fc
  .tuple(
    fc.subarray(names, { minLength: 1, maxLength: 5 }),
    fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    fc.array(fc.constantFrom('other', 'more'), { maxLength: 2 }),
    encodings,
    fc.boolean(),
  )
  .chain(([fields, optional, others, encoding, hasNulls]) =>
    fc.record({
      fields: fc.constant(fields.map((name, i) => [name, optional[i] === true] as const)),
      header: fc.shuffledSubarray([...fields, ...new Set(others)], { minLength: 1 }),
      format: fc.constant({ encoding, ...(hasNulls && { nulls: ['NA', '\\N', '0', 'é'] }) }),
    }),
  )
  .chain(({ fields, header, format }) => {
    const line = fc.tuple(...header.map(written));
    const ragged = fc.array(written('text'), { maxLength: header.length + 1 });
    return fc.record({
      fields: fc.constant(fields),
      header: fc.constant(header),
      format: fc.constant(format),
      lines: fc.array(fc.oneof({ weight: 9, arbitrary: line }, ragged), { minLength: 1, maxLength: 8 }),
      odd: fc.option(fc.uint8Array({ minLength: 1, maxLength: 3 }), { freq: 8, nil: undefined }),
      isRun: fc.boolean(),
    });
  });

/** The lines as a part has them: in one run, or each by itself. */
function piecesOf(lines: readonly Buffer[], isRun: boolean): Piece[] {
  if (!isRun) return lines.map((bytes) => ({ bytes, length: bytes.length, unterminated: false }));
  let end = -1;
  const ends = lines.map(({ length }) => (end += length + 1));
  const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')])).subarray(0, -1);
  return [{ bytes, newline: '\n', ends }];
}

it('what is read from the bytes is what the texts and the schema make of a record', () => {
  const found = { plain: 0, rows: 0, rejects: 0 };
  fc.assert(
    fc.property(cases, ({ fields, header, format, lines, odd, isRun }) => {
      const dataset = datasetOf(fields, { ...format, columns: 'ignore-additional' });
      const encoded = lines.map((line) =>
        Buffer.from(line.join(','), format.encoding === 'utf-8' ? 'utf8' : 'latin1'),
      );
      if (odd !== undefined) encoded[0] = Buffer.concat([encoded[0] ?? Buffer.alloc(0), odd]);
      const read = csvReader({ format: 'csv', ...format }, dataset.record, header);
      for (const [i, record] of read(piecesOf(encoded, isRun)).entries()) {
        const origin = { key: 'things/a', recordNumber: i + 1 };
        const expected = processByTexts(dataset, record, origin);
        expect(processRecord(dataset, record, origin)).toEqual(expected);
        const plain = record.value();
        if (plain !== undefined) {
          found.plain += 1;
          const reading = record.read();
          // The way by texts has a shortcut too: the schema alone is the judge of both.
          const judged = 'value' in reading ? dataset.record.safeParse(reading.value) : undefined;
          expect(judged).toEqual({ success: true, data: plain });
        }
        if ('row' in expected) found.rows += 1;
        if ('reject' in expected) found.rejects += 1;
      }
    }),
    { numRuns: 2000 },
  );
  expect(found.plain).toBeGreaterThan(1000);
  expect(found.rejects).toBeGreaterThan(1000);
  // Most of what is right is plain.
  expect(found.plain).toBeGreaterThan(0.7 * found.rows);
});

it('a record is not read from its bytes if only the schema knows what it is', () => {
  const read = (record: z.ZodObject) => {
    const bytes = Buffer.from('1');
    const [found] = csvReader(
      { format: 'csv' },
      record,
      Object.keys(record.shape),
    )([{ bytes, length: 1, unterminated: false }]);
    return found instanceof CsvRecord ? found.value() : 'none';
  };
  expect(read(z.object({ a: int32() }))).toEqual({ a: 1 });
  for (const record of [
    z.object({ a: z.string().trim() }),
    z.object({ a: z.string().refine(() => true) }),
    z.object({ a: z.stringFormat('any', () => true) }),
    z.object({ a: z.string().default('b') }),
    z.object({ constructor: int32() }),
    z.object({ a: int32() }).strict(),
    z.object({ a: int32() }).refine(() => true),
  ])
    expect(read(record)).toBeUndefined();
});
