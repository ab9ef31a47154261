import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { columnsOf } from '../../../domain/columns.ts';
import { parseFast } from '../../../domain/fields/fast-record.ts';
import { fieldTypeOf } from '../../../domain/fields/field.ts';
import {
  binary,
  date,
  decimal,
  double,
  flag,
  int32,
  int64,
  text,
  time,
  yesNo,
} from '../../../domain/fields.ts';
import { matchesFast } from '../../../domain/records/schema-fast-path.ts';
import { problemsOf } from '../../../domain/records/validation.ts';
import { anyNumber, sameDecimal } from '../records/any-number.ts';

/** What the schema makes of it; of what it refuses, the code. */
function parse(schema: z.ZodType, input: unknown): unknown {
  const result = schema.safeParse(input);
  return result.success ? result.data : [problemsOf(result.error, input)[0].code];
}

function isRefused(declare: () => unknown): boolean {
  try {
    declare();
    return false;
  } catch {
    return true;
  }
}

describe('a field of CSV', () => {
  it.each([
    ['22', 22],
    ['  22 ', 22],
    ['\t-7\u00a0', -7],
    ['+1', 1],
    ['007', 7],
    ['3.0', 3],
    ['1e3', 1000],
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
    ['2147483648', ['too_large']],
    ['-2147483649', ['too_small']],
    ['9'.repeat(400), ['too_large']],
    ['2147483647.00000000000001', ['inexact_number']],
    ['0.99999999999999999', ['inexact_number']],
    ['1e-400', ['inexact_number']],
    ['1.5', ['wrong_type']],
    ['', ['wrong_type']],
    ['  ', ['wrong_type']],
    ['0x10', ['wrong_type']],
    ['1,000', ['wrong_type']],
    ['1 000', ['wrong_type']],
    ['one', ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be a whole number: %j', (input, expected) => {
    expect(parse(int32(), input)).toEqual(expected);
  });

  it.each([
    ['901656910939770881', 901656910939770881n],
    [' +7 ', 7n],
    ['3.0', 3n],
    ['-1e3', -1000n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9223372036854775808', ['too_large']],
    ['-9223372036854775809', ['too_small']],
    ['9'.repeat(400), ['too_large']],
    ['1e999999999', ['too_large']],
    ['0e999999999', 0n],
    ['0.5', ['wrong_type']],
    ['one', ['wrong_type']],
    ['', ['wrong_type']],
    [12, 12n],
    [9007199254740994, 9007199254740994n],
    [12345678901234567000, ['too_large']],
    [1.5, ['wrong_type']],
    [-0, 0n],
    [5n, 5n],
    [2n ** 63n, ['too_large']],
    [true, ['wrong_type']],
    [null, ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be a 64-bit integer: %s', (input, expected) => {
    expect(parse(int64(), input)).toEqual(expected);
  });

  it.each([
    ['12.5', '12.50'],
    [' 007 ', '7.00'],
    ['-.5', '-0.50'],
    ['-0.00', '0.00'],
    ['1.500', '1.50'],
    ['125e-2', '1.25'],
    ['0.0000001e7', '1.00'],
    ['999999.99', '999999.99'],
    ['1000000', ['too_large']],
    ['-1000000', ['too_small']],
    ['1e99', ['too_large']],
    ['0.001', ['inexact_number']],
    ['1e-999999999', ['inexact_number']],
    ['1,5', ['wrong_type']],
    ['1 000', ['wrong_type']],
    ['NaN', ['wrong_type']],
    [0.1, '0.10'],
    [1e21, ['too_large']],
    [3n, '3.00'],
    [Number.NaN, ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be a decimal of eight digits, two after the point: %s', (input, expected) => {
    expect(parse(decimal(8, 2), input)).toEqual(expected);
  });

  it('that is to be a decimal may have a comma, if the dataset says so, and no point then', () => {
    const field = decimal(8, 2, { comma: true });
    expect(['12,5', '12', '1.5', '1,5,0'].map((text) => parse(field, text))).toEqual([
      '12.50',
      '12.00',
      ['wrong_type'],
      ['wrong_type'],
    ]);
    expect(parse(field, '12.50')).toEqual(['wrong_type']);
    expect(parse(field, 12.5)).toBe('12.50');
  });

  it('that is to be exact has the value that was written, or says why not', () => {
    fc.assert(
      fc.property(anyNumber, fc.integer({ min: 1, max: 38 }), fc.nat(30), (written, precision, least) => {
        const scale = Math.min(least, precision);
        const schema = decimal(precision, scale);
        const read = parse(schema, written);
        if (typeof read === 'string') {
          expect(sameDecimal(read, written)).toBe(true);
          expect(read).toMatch(/^-?(0|[1-9]\d*)(\.\d+)?$/);
          expect(parse(schema, read)).toBe(read);
        } else expect(read).toEqual([expect.stringMatching(/^(inexact_number|too_large|too_small)$/)]);
        const whole = parse(int64(), written);
        if (typeof whole === 'bigint') expect(sameDecimal(String(whole), written)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [0, 0],
    [39, 2],
    [4, 5],
    [38, 31],
    [1.5, 0],
    [5, -1],
  ])('can not be a decimal(%d, %d), which no table has', (precision, scale) => {
    expect(() => decimal(precision, scale)).toThrow(`decimal(${precision},${scale}): the `);
  });

  it.each([
    ['7.25', 7.25],
    [' .5', 0.5],
    ['30.', 30],
    ['-1e-3', -0.001],
    ['NaN', ['wrong_type']],
    ['Infinity', ['wrong_type']],
    ['-inf', ['wrong_type']],
    ['1e999', ['inexact_number']],
    ['-1e-999', ['inexact_number']],
    ['9007199254740993', ['inexact_number']],
    ['12345678901234567890.12', ['inexact_number']],
    ['0e999', 0],
    ['100.00', 100],
    ['7,25', ['wrong_type']],
    ['.', ['wrong_type']],
    ['1_000', ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be a number: %j', (input, expected) => {
    expect(parse(double(), input)).toEqual(expected);
  });

  it.each([
    ['1', true],
    [' True ', true],
    ['0', false],
    ['FALSE', false],
    ['1.0', true],
    [' 0.0\t', false],
    ['0.', false],
    ['1.5', ['wrong_type']],
    ['10', ['wrong_type']],
    ['', ['wrong_type']],
    ['2', ['wrong_type']],
    ['yes', ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be a boolean: %j', (input, expected) => {
    expect(parse(flag(), input)).toEqual(expected);
  });

  it.each([
    ['YYYY-MM-DD', '2026-01-31', '2026-01-31'],
    ['YYYY-MM-DD', ' 2024-02-29 ', '2024-02-29'],
    ['YYYY-MM-DD', '0001-01-01', '0001-01-01'],
    ['YYYY-MM-DD', '9999-12-31', '9999-12-31'],
    ['YYYY-MM-DD', '2026-1-31', ['wrong_type']],
    ['YYYY-MM-DD', '2026-01-31T00:00:00Z', ['wrong_type']],
    ['YYYY-MM-DD', '2026-02-29', ['invalid_value']],
    ['YYYY-MM-DD', '1900-02-29', ['invalid_value']],
    ['YYYY-MM-DD', '2000-02-29', '2000-02-29'],
    ['YYYY-MM-DD', '2026-00-10', ['invalid_value']],
    ['YYYY-MM-DD', '2026-13-10', ['invalid_value']],
    ['YYYY-MM-DD', '2026-04-31', ['invalid_value']],
    ['YYYY-MM-DD', '0000-01-01', ['invalid_value']],
    ['YYYY-MM-DD', '', ['wrong_type']],
    ['YYYY-MM-DD', 20260131, ['wrong_type']],
    ['YYYY-MM-DD', undefined, ['missing_field']],
    ['DD.MM.YYYY', '31.01.2026', '2026-01-31'],
    ['DD.MM.YYYY', '2026-01-31', ['wrong_type']],
    ['DD.MM.YYYY', '31x01x2026', ['wrong_type']],
    ['D/M/YYYY', '1/2/2026', '2026-02-01'],
    ['M/D/YYYY', '12/31/2026', '2026-12-31'],
    ['YYYYMMDD', '20260131', '2026-01-31'],
  ])('that is to be a date as %s: %j', (format, input, expected) => {
    expect(parse(date(format), input)).toEqual(expected);
  });

  it('reads every day of the calendar, and no other', () => {
    const day = fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.nat(13), fc.nat(32));
    fc.assert(
      fc.property(day, ([year, month, of]) => {
        const [y, m, d] = [`${year}`.padStart(4, '0'), `${month}`.padStart(2, '0'), `${of}`.padStart(2, '0')];
        const at = new Date(0);
        at.setUTCFullYear(year, month - 1, of);
        const exists = at.getUTCMonth() === month - 1 && at.getUTCDate() === of;
        expect(parse(date('DD.MM.YYYY'), `${d}.${m}.${y}`)).toEqual(
          exists ? `${y}-${m}-${d}` : ['invalid_value'],
        );
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['', 'DD.MM', 'DD.MM.YY', 'YYYY-MM-DD-DD'])('can not be a date as %j', (format) => {
    expect(() => date(format)).toThrow('the format must have YYYY, MM and DD, each once.');
  });

  it.each([
    [undefined, '09:30', '09:30:00.000000'],
    [undefined, ' 23:59:59.999999 ', '23:59:59.999999'],
    [undefined, '00:00:00', '00:00:00.000000'],
    [undefined, '12:00:00.5', '12:00:00.500000'],
    [undefined, '12:00:00,25', '12:00:00.250000'],
    [undefined, '12:00:00.123456000', '12:00:00.123456'],
    [undefined, '12:00:00.1234567', ['invalid_value']],
    [undefined, '24:00', ['invalid_value']],
    [undefined, '12:60', ['invalid_value']],
    [undefined, '12:00:60', ['invalid_value']],
    [undefined, '9:30', ['wrong_type']],
    [undefined, '09:30Z', ['wrong_type']],
    [undefined, '09:30:00.', ['wrong_type']],
    [undefined, '2026-01-31T09:30', ['wrong_type']],
    [undefined, 930, ['wrong_type']],
    [undefined, '', ['wrong_type']],
    [undefined, undefined, ['missing_field']],
    ['H:mm', '9:30', '09:30:00.000000'],
    ['H:mm', '09:30:00.000000', ['wrong_type']],
    ['h:mm A', '12:05 AM', '00:05:00.000000'],
    ['h:mm A', '12:05 pm', '12:05:00.000000'],
    ['h:mm A', '13:05 PM', ['invalid_value']],
    ['HHmmssSSS', '093000250', '09:30:00.250000'],
  ])('that is to be a time as %s: %j', (format, input, expected) => {
    expect(parse(time(format), input)).toEqual(expected);
  });

  it.each(['', 'HH', 'mm', 'HH:mm A', 'hh:mm', 'HH:mm:mm', 'HH:mm.SSS'])(
    'can not be a time as %j',
    (format) => {
      expect(() => time(format)).toThrow('the format must have HH and mm, or hh, mm and A, each once');
    },
  );

  it('in a row has no form of its own', () => {
    expect(() => columnsOf(z.object({ at: time('H:mm') }))).toThrow('Use time().');
    expect(() => columnsOf(z.object({ day: date('DD.MM.YYYY') }))).toThrow('Column day: a row has no texts');
    expect(() => columnsOf(z.object({ n: decimal(8, 2, { comma: true }) }))).toThrow('Use decimal(8, 2).');
    expect(columnsOf(z.object({ day: date().nullable(), n: decimal(8, 2).refine(() => true) }))).toEqual([
      { name: 'day', type: { kind: 'date' }, nullable: true },
      { name: 'n', type: { kind: 'decimal', precision: 8, scale: 2 }, nullable: false },
    ]);
  });

  it.each([
    ['yes', true],
    [' Y ', true],
    ['ON', true],
    ['f', false],
    ['No', false],
    [1, true],
    [0, false],
    [false, false],
    ['ja', ['wrong_type']],
    ['', ['wrong_type']],
    [2, ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be yes or no: %j', (input, expected) => {
    expect(parse(yesNo(), input)).toEqual(expected);
  });

  it('that is to be yes or no may have words of its own', () => {
    const field = yesNo({ yes: ['Ja'], no: ['nein'] });
    expect(['JA', 'Nein', 'yes'].map((word) => parse(field, word))).toEqual([true, false, true]);
    expect(() => yesNo({ yes: ['0'] })).toThrow('"0" is both yes and no');
  });

  it.each([
    [' a ', ' a '],
    ['=1+1', '=1+1'],
    [' \t ', ['empty']],
    ['', ['empty']],
    ['\u00a0\ufeff\u2003', ['empty']],
    ['\u00a0a', '\u00a0a'],
    ['\x7f', '\x7f'],
    [undefined, ['missing_field']],
  ])('that is to be text: %j', (input, expected) => {
    expect(parse(text(), input)).toEqual(expected);
  });

  it.each([
    ['12345', '12345'],
    ['😀😀😀😀😀', '😀😀😀😀😀'],
    ['123456', ['too_large']],
    ['     6', ['too_large']],
    ['  ', ['empty']],
  ])('that is to be text of five characters: %j', (input, expected) => {
    const field = text({ length: 5 });
    expect(parse(field, input)).toEqual(expected);
    expect(parseFast(z.object({ field }), { field: input })?.['field']).toBe(
      typeof expected === 'string' ? expected : undefined,
    );
    expect(matchesFast(z.object({ field }), { field: input })).toBe(typeof expected === 'string');
    expect([0, 1.5, 15_001].every((length) => isRefused(() => text({ length })))).toBe(true);
  });

  it.each([
    [' AP8= ', 'AP8='],
    ['', ''],
    ['+/+/', '+/+/'],
    ['AP8', ['wrong_type']],
    ['AP9=', ['wrong_type']],
    ['-_-_', ['wrong_type']],
    ['AP8=\nAP8=', ['wrong_type']],
    ['A', ['wrong_type']],
    [7, ['wrong_type']],
    [undefined, ['missing_field']],
  ])('that is to be bytes: %j', (input, expected) => {
    expect(parse(binary(), input)).toEqual(expected);
  });

  it('reads back every number as JavaScript writes it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(parse(double(), String(value))).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it('that is to be a number has the value that was written, or is rejected as inexact', () => {
    fc.assert(
      fc.property(anyNumber, (written) => {
        const read = parse(double(), written);
        if (typeof read === 'number') expect(sameDecimal(String(read), written)).toBe(true);
        else expect(read).toEqual(['inexact_number']);
      }),
      { numRuns: 2000 },
    );
  });

  it('may be missing if it is optional', () => {
    expect(parse(int32().optional(), undefined)).toBe(undefined);
    expect(parse(double().optional(), 'none')).toEqual(['wrong_type']);
  });
});

describe('a record of such fields', () => {
  const schema = z.object({
    whole: int32(),
    number: double().optional(),
    yes: flag().optional(),
    name: text(),
    note: z.string().optional(),
  });

  it('is read by the fast path as the schema reads it, or not at all', () => {
    const content = fc.oneof(
      fc.constantFrom('1', '0', ' 2.5 ', 'true', '', ' ', '99999999999', 'NaN'),
      fc.string(),
    );
    const keys = ['whole', 'number', 'yes', 'name', 'note', '__proto__', 'other'];
    const record = fc.dictionary(
      fc.constantFrom(...keys),
      fc.oneof(content, content, fc.constant(undefined), fc.integer()),
    );
    fc.assert(
      fc.property(record, (value) => {
        const { success, data } = schema.safeParse(value);
        const plain = parseFast(schema, value);
        expect(plain !== undefined).toBe(success);
        if (success) expect(JSON.stringify(plain)).toBe(JSON.stringify(data));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['another kind of field', z.object({ a: z.int32() }), { a: 1 }],
    ['a check of its own', z.object({ a: text() }).check(() => {}), { a: 'b' }],
    ['a check of a field', z.object({ a: int32().refine((n) => n > 5) }), { a: '1' }],
    ['a format of its own', z.object({ a: z.stringFormat('any', () => true) }), { a: 'b' }],
    ['a change of a text', z.object({ a: z.string().trim() }), { a: 'b' }],
    ['any other field', z.looseObject({ a: text() }), { a: 'b', c: 'd' }],
    ['a list', z.array(z.string()), ['a']],
  ])('is left to the schema when that has %s', (_, each, value) => {
    expect(parseFast(each, value)).toBeUndefined();
  });

  it.each([
    ['optional', text().optional(), true],
    ['nullish', z.string().nullish(), true],
    ['nullable', text().nullable(), false],
    ['nullable text', z.string().nullable(), false],
    ['optional, and never undefined', z.exactOptional(text()), false],
  ])('has no value for a field that is %s only if the schema says so', (_, field, expected) => {
    const schema = z.object({ field });
    expect(schema.safeParse({ field: undefined }).success).toBe(expected);
    expect(parseFast(schema, { field: undefined }) !== undefined).toBe(expected);
    expect(parseFast(schema, { field: 'a' })).toEqual({ field: 'a' });
  });

  it('has no negative zero, in a row either', () => {
    expect(matchesFast(double(), -0)).toBe(false);
    expect(double().parse(-0)).toBe(0);
    expect(matchesFast(double(), 0)).toBe(true);
  });
});

it('a record has the fields of its schema, whatever their names are', () => {
  const odd = fc.constantFrom('', '"', '\\', '`', '];(', '\n', '\u2028', '\ud800', '7', 'values', 'é', '\0');
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(odd, fc.string({ unit: 'binary' }))), (names) => {
      const schema = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
      const record = Object.fromEntries(names.map((name, i) => [name, `${i}`]));
      const plain = parseFast(schema, record);
      // A name of every object's is left to the schema.
      if (plain === undefined) expect(names.some((name) => name in Object.prototype)).toBe(true);
      else expect(Object.entries(plain)).toEqual(Object.entries(schema.parse(record)));
    }),
    { numRuns: 200 },
  );
});

it('texts that zod checks are those that zod takes, or nothing is told of a record', () => {
  const schema = z.object({
    size: z.enum(['S', 'M']).nullish(),
    mixed: z.enum({ A: 0, 0: 'A', B: 'b' }).optional(),
    word: z.literal(['b', 1, null]).optional(),
    name: z.string().min(2).max(3).optional(),
    day: z.iso.date().optional(),
    link: z.url().nullable().optional(),
    whole: int32().check(z.positive()).optional(),
  });
  const value = fc.oneof(
    fc.constantFrom('S', 'M', 'A', 'b', '0', 0, 1, null, undefined, 'ab', 'abcd', '2026-01-31', '2026-02-30'),
    fc.constantFrom('https://example.com', ' https://example.com', '7', '-7', 7, -7, [], {}),
  );
  let told = 0;
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(schema.shape)), value), (record) => {
      const plain = parseFast(schema, record);
      if (plain === undefined) return;
      told += 1;
      const { data } = schema.safeParse(record);
      expect(plain).toEqual(data);
    }),
    { numRuns: 3000 },
  );
  expect(told).toBeGreaterThan(200);
});

it('a value is the same whether it is read from its bytes or from its text', () => {
  const number = fc
    .array(fc.constantFrom(...'00123456789.-+e '), { minLength: 1, maxLength: 20 })
    .map((all) => all.join(''));
  let told = 0;
  fc.assert(
    fc.property(fc.oneof(number, fc.constantFrom('-0', '-0.0', '2147483648', '3.0')), (text) => {
      for (const schema of [int32(), int64(), double(), flag()]) {
        const type = fieldTypeOf(schema);
        const value = type?.readBytes?.(Buffer.from(`1${text}1`), 1, 1 + text.length);
        if (value === undefined) continue;
        told += 1;
        expect(value).toBe(type?.read(text, (issue) => expect.fail(issue.message)));
      }
    }),
    { numRuns: 3000 },
  );
  expect(told).toBeGreaterThan(1000);
});
