import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { defineDataset } from '../../../domain/dataset.ts';
import { jsonOf } from '../../../domain/long.ts';
import { parseExactly } from '../../../domain/records/decoding/json/exact.ts';
import { fewDigits, isExact, isNumber } from '../../../domain/records/number-text.ts';
import { type Reject, renderReject } from '../../../domain/records/reject.ts';
import { readRecord, validate } from '../../../domain/records/validation.ts';
import { anyNumber, sameDecimal } from './any-number.ts';

function datasetOf(record: z.ZodType) {
  return defineDataset({
    name: 'readings',
    source: { prefix: 'readings/', format: 'json' },
    record,
    transform: () => ({ id: 1 }),
    row: z.object({ id: z.int() }),
    key: ['id'],
    partitionBy: [],
    onDelete: 'keep',
    onReject: 'keep',
  });
}

/** What becomes of the record: the valid record as JSON, or its reject. */
function outcome(record: z.ZodType, json: string): string | Reject {
  const bytes = Buffer.from(json);
  const raw = { bytes, length: bytes.length, unterminated: false };
  const validated = validate(datasetOf(record), readRecord(raw), 7);
  return 'value' in validated ? jsonOf(validated.value) : validated.reject;
}

const readings = z.object({ celsius: z.number(), list: z.array(z.number()).optional() });

describe('a number of JSON', () => {
  it('has the value that was written, or its record is rejected as inexact', () => {
    fc.assert(
      fc.property(anyNumber, fc.constantFrom('', ' ', '\n'), (written, space) => {
        const found = outcome(readings, `{"celsius":${space}${written}${space}}`);
        if (typeof found === 'string') {
          const [, stored = ''] = /^\{"celsius":([^}]*)\}$/.exec(found) ?? [];
          expect(sameDecimal(stored, written), `${written} became ${stored}`).toBe(true);
        } else {
          expect(found).toMatchObject({ code: 'inexact_number', path: 'celsius' });
          expect(found.message).toContain(written.slice(0, 50));
          expect(sameDecimal(String(Number(written)), written)).toBe(false);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    '0.1',
    '0.10',
    '100.00',
    '1e2',
    '1.0E+2',
    '-0',
    '0e999',
    '0.000e-999',
    '1e0000000000000000000002',
    '12345678901234567000',
    '9007199254740992',
    '5e-324',
    '1.7976931348623157e308',
    `1${'0'.repeat(300)}`,
  ])('is kept when it is written as %s', (written) => {
    expect(outcome(readings, `{"celsius":${written}}`)).toBe(
      `{"celsius":${JSON.stringify(Number(written))}}`,
    );
  });

  it.each([
    ['901656910939770881', 'it would become 901656910939770900'],
    ['-9007199254740993', 'it would become -9007199254740992'],
    ['12345678901234567890.12', 'more digits'],
    ['0.1234567890123456789', 'more digits'],
    ['1.00000000000000001', 'it would become 1.'],
    ['4e-324', 'it would become 5e-324'],
    ['1e-400', 'it would become 0'],
    ['1e400', 'beyond the range'],
    [`1${'0'.repeat(400)}`, 'beyond the range'],
  ])('that is written as %s is rejected, with its path, its text and what helps', (written, why) => {
    const found = outcome(readings, `{"list":[1,${written}],"celsius":2}`);
    expect(found).toMatchObject({ code: 'inexact_number', path: 'list[1]', recordNumber: 7 });
    const { message } = found as Reject;
    expect(message).toContain(written.slice(0, 50));
    expect(message).toContain(why);
    expect(message).toContain('Make the field an int64() or a decimal()');
    expect(renderReject(found as Reject)).toContain(`"record":{"list":[1,${written}],"celsius":2}`);
  });

  const long = '901656910939770881';
  it.each([
    ['a text', `{"celsius":1,"list":[],"name":"id: ${long}"}`],
    ['a field that the dataset does not read', `{"celsius":1,"other":{"id":[${long},1e999]}}`],
    ['a key', `{"celsius":1,"${long}":2}`],
    ['a field that stands there once more', `{"celsius":${long},"celsius":1}`],
  ])('does no harm in %s', (_, json) => {
    expect(typeof outcome(readings, json)).toBe('string');
  });

  it.each([
    ['z.int()', z.int()],
    ['z.string()', z.string()],
    ['z.boolean()', z.boolean()],
    ['z.unknown()', z.unknown()],
    ['z.any()', z.any()],
    ['z.json()', z.json()],
    ['z.object()', z.object({})],
    ['z.looseObject()', z.looseObject({})],
    ['an object of what the marker has', z.object({ text: z.string().optional(), length: z.number() })],
    ['z.record()', z.record(z.string(), z.unknown())],
    ['z.array()', z.array(z.unknown())],
    ['z.union()', z.union([z.string(), z.number()])],
    ['z.coerce.bigint()', z.coerce.bigint()],
    ['z.coerce.date()', z.coerce.date()],
    ['z.custom()', z.custom<number>()],
    ['arithmetic of its own', z.any().transform((value) => value * 2)],
    ['a comparison of its own', z.any().refine((value) => value > 2)],
    ['z.nullable()', z.number().nullable()],
  ])('is never changed by %s', (_, field) => {
    const record = z.object({ deep: z.array(z.object({ id: field })) });
    expect(outcome(record, `{"deep":[{"id":${long}}]}`)).toMatchObject({
      code: 'inexact_number',
      path: 'deep[0].id',
    });
  });

  it.each([
    ['at', z.object({ at: z.coerce.number() })],
    ['at', z.object({ fine: z.number(), at: z.coerce.number().min(1).nullable().default(3) })],
    ['at.deep', z.object({ at: z.array(z.object({ deep: z.union([z.string(), z.coerce.number()]) })) })],
    ['at', z.object({ at: z.string().pipe(z.coerce.number()) })],
    ['at', z.object({ at: z.record(z.string(), z.tuple([z.coerce.number()])) })],
    ['its record', z.coerce.number()],
  ])(
    'is made of no text by zod itself: a dataset is refused that has a z.coerce.number(), %s',
    (where, record) => {
      expect(() => datasetOf(record)).toThrow(`${where} is a z.coerce.number()`);
    },
  );

  it('keeps its last digit in a field that converts it to text', () => {
    expect(outcome(z.object({ id: z.coerce.string() }), `{"id":${long}}`)).toBe(`{"id":"${long}"}`);
  });

  it('is found in records with several fields as in those with one', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(long, '1e999', '\\', '"1.5"', `, ${long}`, `[${long}`),
    );
    const plain = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(fc.array(plain), anyNumber, fc.array(plain), (before, written, after) => {
        const items = [
          ...before.map((each) => JSON.stringify(each)),
          written,
          ...after.map((each) => JSON.stringify(each)),
        ];
        const found = outcome(z.array(z.unknown()), `[${items.join(',')}]`);
        expect(typeof found === 'string').toBe(isExact(written));
        if (typeof found === 'string')
          expect(JSON.parse(found)).toEqual(JSON.parse(JSON.stringify(JSON.parse(`[${items.join(',')}]`))));
        else expect(found).toMatchObject({ code: 'inexact_number', path: `[${before.length}]` });
      }),
      { numRuns: 500 },
    );
  });

  it('may be extremely long, and its record extremely deep', () => {
    const zeros = '0'.repeat(500_000);
    expect(outcome(readings, `{"celsius":1${zeros}1${zeros}}`)).toMatchObject({ code: 'inexact_number' });
    expect(outcome(readings, `{"celsius":0.${zeros}1e500001}`)).toBe('{"celsius":1}');
    const deep = `{"celsius":${long},"list":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(outcome(readings, deep)).toMatchObject({ code: 'invalid_value' });
  });
});

it.each([
  '{"a":01234567890123456789}',
  '{ 12345678901234567890 :1}',
  '{"a" 12345678901234567890}',
  '{"a":1 12345678901234567890}',
  '{"a":12345678901234567890.}',
  '{"a":-}',
  '[12345678901234567890 12345678901234567890]',
  '{"a":+12345678901234567890}',
  '{"a":"b"12345678901234567890}',
])('%s is not JSON, however its numbers are read', (json) => {
  expect(() => JSON.parse(json)).toThrow(SyntaxError);
  expect(() => parseExactly(json)).toThrow(SyntaxError);
});

it('an inexact number is found beside any text, and in any depth', () => {
  const number = '901656910939770881';
  const texts = ['"', '\\', '\\"', ': 901656910939770881,', '\0', '\u0000901656910939770881', '__proto__'];
  for (const text of texts) {
    const json = `{"t":${JSON.stringify(text)},"a":[ ${number} ,{"b":${number}}],${JSON.stringify(text)}:1, "c" : ${number} }`;
    const { t, a, c } = parseExactly(json).value as Record<string, unknown>;
    expect([t, String((a as unknown[])[0]), String((a as { b: unknown }[])[1]?.b), String(c)]).toEqual([
      text,
      number,
      number,
      number,
    ]);
  }
});

it('a number of few digits is the one that JavaScript reads, with and without a minus and a point', () => {
  const read = (text: string) => fewDigits(Buffer.from(`9${text}9`), 1, 1 + Buffer.byteLength(text));
  const digits = fc
    .array(fc.constantFrom(...'0123456789.'), { maxLength: 17 })
    .map((all) => all.join(''))
    .chain((text) => fc.constantFrom(text, `-${text}`));
  let told = 0;
  fc.assert(
    fc.property(fc.oneof(digits, fc.double().map(String), fc.string({ maxLength: 4 })), (written) => {
      const value = read(written);
      if (value === undefined) return;
      told += 1;
      expect([isNumber(written), isExact(written)]).toEqual([true, true]);
      expect(value).toBe(Number(written));
    }),
    { numRuns: 5000 },
  );
  expect(told).toBeGreaterThan(500);
  expect(['12.5', '.5', '5.', '0', '-7', '-1.25', '999999999999999'].map(read)).toEqual([
    12.5, 0.5, 5, 0, -7, -1.25, 999_999_999_999_999,
  ]);
  for (const none of [
    '',
    '.',
    '-',
    '-.',
    '--1',
    '-0',
    '-0.0',
    '1.2.3',
    '+1',
    '1e2',
    ' 1',
    '1234567890123456',
  ])
    expect(read(none), none).toBeUndefined();
});
