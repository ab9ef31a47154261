import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { registry } from '../../../datasets/index.ts';
import { defineDataset } from '../../../domain/dataset.ts';
import { EXCERPT_BYTES, MAX_RECORD_BYTES } from '../../../domain/records/decoding/record.ts';
import { type Reject, rejectLine, renderReject } from '../../../domain/records/reject.ts';
import { readRecord, renderPath, validate } from '../../../domain/records/validation.ts';
import { processorMs } from '../../../local-aws/test/processor-time.ts';

const recipes = registry.named('recipes');
if (recipes === undefined) throw new Error('There is no recipes dataset.');

const good = { title: 'Soup', ingredients: ['water', 'salt'], directions: ['Boil.'], tags: ['quick'] };

/** A dataset with every check that zod has a code for. */
const checks = defineDataset({
  name: 'checks',
  source: { prefix: 'checks/', format: 'json' },
  record: z.looseObject({
    count: z.int().min(3).max(5).optional(),
    word: z.string().min(3).max(5).optional(),
    name: z.string().min(1).optional(),
    list: z.array(z.string()).min(1).max(2).optional(),
    pair: z.array(z.string()).min(2).optional(),
    size: z.enum(['S', 'M']).optional(),
    day: z.iso.date().optional(),
    'odd name': z.object({ inner: z.array(z.object({ x: z.number() })) }).optional(),
    trap: z
      .string()
      .refine(() => {
        throw new Error('sprung');
      })
      .optional(),
  }),
  transform: () => ({ id: 1 }),
  row: z.object({ id: z.int() }),
  key: ['id'],
  partitionBy: [],
  onDelete: 'keep',
  onReject: 'keep',
});

function rejectOf(
  dataset: Parameters<typeof validate>[0],
  text: string | Buffer,
  unterminated = false,
): Reject {
  const bytes = Buffer.from(text);
  const validated = validate(dataset, readRecord({ bytes, length: bytes.length, unterminated }), 7);
  if (!('reject' in validated)) throw new Error(`It is valid: ${JSON.stringify(validated.value)}`);
  return validated.reject;
}

function validValue(dataset: Parameters<typeof validate>[0], text: string): unknown {
  const bytes = Buffer.from(text);
  const validated = validate(dataset, readRecord({ bytes, length: bytes.length, unterminated: false }), 7);
  if ('reject' in validated) throw new Error(JSON.stringify(validated.reject));
  return validated.value;
}

describe('a record', () => {
  it('that is valid keeps the fields that the dataset knows, and no others', () => {
    expect(validValue(recipes, JSON.stringify({ ...good, extra: 1 }))).toEqual(good);
    const { tags: _, ...untagged } = good;
    expect(validValue(recipes, ` \n${JSON.stringify(untagged)}\r`)).toEqual(untagged);
  });

  it('keeps the last of duplicate keys, as JSON.parse does', () => {
    expect(validValue(recipes, `{"title":"A",${JSON.stringify(good).slice(1)}`)).toEqual(good);
  });

  it('takes nothing from a key called __proto__', () => {
    const text = `{"__proto__":{"tags":["x"]},${JSON.stringify(good).slice(1)}`;
    expect(validValue(recipes, text)).toEqual(good);
    expect(rejectOf(recipes, `{"__proto__":${JSON.stringify(good)}}`)).toMatchObject({
      path: 'title',
      code: 'missing_field',
    });
  });

  it.each<[unknown, string, string]>([
    [{ ...good, title: undefined }, 'missing_field', 'title'],
    [{ ...good, title: null }, 'wrong_type', 'title'],
    [{ ...good, title: 5 }, 'wrong_type', 'title'],
    [{ ...good, title: '' }, 'empty', 'title'],
    [{ ...good, title: ' \n\u00a0' }, 'empty', 'title'],
    [{ ...good, ingredients: undefined }, 'missing_field', 'ingredients'],
    [{ ...good, ingredients: null }, 'wrong_type', 'ingredients'],
    [{ ...good, ingredients: 'water' }, 'wrong_type', 'ingredients'],
    [{ ...good, ingredients: { 0: 'water', length: 1 } }, 'wrong_type', 'ingredients'],
    [{ ...good, ingredients: [] }, 'empty', 'ingredients'],
    [{ ...good, ingredients: ['water', 2] }, 'wrong_type', 'ingredients[1]'],
    [{ ...good, ingredients: ['water', null] }, 'wrong_type', 'ingredients[1]'],
    [{ ...good, ingredients: ['water', ' '] }, 'empty', 'ingredients[1]'],
    [{ ...good, directions: undefined }, 'missing_field', 'directions'],
    [{ ...good, directions: [] }, 'empty', 'directions'],
    [{ ...good, tags: 'quick' }, 'wrong_type', 'tags'],
    [{ ...good, tags: null }, 'wrong_type', 'tags'],
    [{ ...good, tags: [['quick']] }, 'wrong_type', 'tags[0]'],
    [[], 'wrong_type', ''],
    [null, 'wrong_type', ''],
    ['text', 'wrong_type', ''],
    [{}, 'missing_field', 'title'],
  ])('%j is rejected as %s at %j', (value, code, path) => {
    const json = JSON.stringify(value);
    expect(rejectOf(recipes, json)).toMatchObject({ recordNumber: 7, code, path, json });
  });

  it.each<[unknown, string, string]>([
    [{ count: 2 }, 'too_small', 'count'],
    [{ count: 6 }, 'too_large', 'count'],
    [{ count: 3.5 }, 'wrong_type', 'count'],
    [{ count: '4' }, 'wrong_type', 'count'],
    [{ word: 'ab' }, 'too_small', 'word'],
    [{ word: 'abcdef' }, 'too_large', 'word'],
    [{ name: '' }, 'empty', 'name'],
    [{ list: [] }, 'empty', 'list'],
    [{ list: ['a', 'b', 'c'] }, 'too_large', 'list'],
    [{ pair: ['a'] }, 'too_small', 'pair'],
    [{ size: 'L' }, 'invalid_value', 'size'],
    [{ day: '2026-02-30' }, 'invalid_value', 'day'],
    [{ 'odd name': { inner: [{ x: 1 }, { x: '1' }] } }, 'wrong_type', '["odd name"].inner[1].x'],
    [{ 'odd name': { inner: [{}] } }, 'missing_field', '["odd name"].inner[0].x'],
    [{ trap: 'x' }, 'invalid_value', ''],
  ])('%j is rejected by what zod checks as %s at %j', (value, code, path) => {
    expect(rejectOf(checks, JSON.stringify(value))).toMatchObject({ code, path });
  });

  it('that is nested too deeply to be printed is rejected alone', () => {
    const deep = `{"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const bytes = Buffer.from(deep);
    const validated = validate(checks, readRecord({ bytes, length: bytes.length, unterminated: false }), 1);
    if ('reject' in validated) expect(validated.reject.code).toBe('invalid_value');
    else expect(JSON.stringify(validated.value)).toBe(deep);
  });

  it('is rejected with up to nine further problems', () => {
    const { further, ...first } = rejectOf(
      recipes,
      JSON.stringify({ title: 1, ingredients: Array(50).fill(1), tags: [' '] }),
    );
    expect(first).toMatchObject({ path: 'title', code: 'wrong_type' });
    expect(further).toHaveLength(9);
    expect(further?.[0]).toMatchObject({ path: 'ingredients[0]', code: 'wrong_type' });
  });

  it('with hundreds of thousands of wrong items is rejected quickly', () => {
    const text = `{"title":"x","ingredients":[${'1,'.repeat(500_000)}1],"directions":["x"]}`;
    const took = processorMs(() =>
      expect(rejectOf(recipes, text)).toMatchObject({ path: 'ingredients[0]', code: 'wrong_type' }),
    );
    expect(took).toBeLessThan(10_000);
  });

  it.each([
    ['no JSON', 'garbage', false, 'malformed_json'],
    ['nothing', '', false, 'malformed_json'],
    ['two values', '{} {}', false, 'malformed_json'],
    ['a byte-order mark', '\uFEFF{}', false, 'malformed_json'],
    ['NaN', '{"title":NaN}', false, 'malformed_json'],
    ['the beginning of one', '{"title":"So', true, 'truncated'],
    ['one and a comment', '{"a":"b"}#', true, 'malformed_json'],
    ['one and a brace too many', '{}}', true, 'malformed_json'],
    ['one and another comment', '{"a":"b"}/**/', true, 'malformed_json'],
    ['the beginning of something else', '{"a":nil', true, 'malformed_json'],
    ['the beginning of an escape that there is not', '{"a":"\\x', true, 'malformed_json'],
    ['a text with a tab that breaks off', '{"a":"\t', true, 'malformed_json'],
  ])('that is %s shows how it begins', (_, text, unterminated, code) => {
    const reject = rejectOf(recipes, text, unterminated);
    expect(reject).toMatchObject({ code, path: '', excerpt: text });
    expect(reject.json).toBeUndefined();
  });

  it('that ends with the file is truncated at every byte, and malformed if it could not continue as JSON', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { minKeys: 1, maxKeys: 3 }),
        fc.nat(2),
        (value, indent) => {
          const whole = Buffer.from(JSON.stringify(value, null, indent).replaceAll('é', '\\u00e9'));
          for (let length = 1; length < whole.length; length += 1)
            expect(rejectOf(checks, whole.subarray(0, length), true).code, `${length} bytes`).toBe(
              'truncated',
            );
          for (const wrong of ['}', '#', '{', 'é', '"'])
            expect(rejectOf(checks, Buffer.concat([whole, Buffer.from(wrong)]), true).code).toBe(
              'malformed_json',
            );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('that breaks off within a character is truncated only if it is the last one', () => {
    const text = Buffer.from('{"a":"é');
    expect(rejectOf(checks, text.subarray(0, -1), true).code).toBe('truncated');
    expect(rejectOf(checks, text.subarray(0, -1), false).code).toBe('invalid_utf8');
    expect(rejectOf(checks, Buffer.concat([text.subarray(0, -1), Buffer.from('x')]), true).code).toBe(
      'invalid_utf8',
    );
  });

  it('that is not UTF-8 is rejected', () => {
    for (const bytes of [
      Buffer.from('{"title":"é"}', 'latin1'),
      Buffer.from([0xc0, 0x80]),
      Buffer.from([0xed, 0xa0, 0x80]),
    ]) {
      expect(rejectOf(recipes, bytes).code).toBe('invalid_utf8');
    }
  });

  it('with half of a surrogate pair is rejected, but not one that only looks like that', () => {
    const withTitle = (title: string) =>
      `{"title":"${title}",${JSON.stringify(good).slice(1).replace('"title":"Soup",', '')}`;
    for (const half of ['\\ud83d', '\\uDE00', 'x\\\\\\ud83d', '\\ude00\\ud83d']) {
      expect(rejectOf(recipes, withTitle(half)).code).toBe('unpaired_surrogate');
    }
    for (const [written, title] of [
      ['\\ud83d\\ude00', '😀'],
      ['\\\\ud83d', '\\ud83d'],
      ['\\\\\\\\ud83d', '\\\\ud83d'],
    ] as const) {
      expect(validValue(recipes, withTitle(written))).toEqual({ ...good, title });
    }
  });

  it('that is too large is rejected with its beginning', () => {
    const bytes = Buffer.alloc(EXCERPT_BYTES, '"');
    const validated = validate(
      recipes,
      readRecord({ bytes, length: MAX_RECORD_BYTES + 1, unterminated: false }),
      3,
    );
    expect(validated).toMatchObject({
      reject: { code: 'record_too_large', recordNumber: 3, excerpt: bytes.toString() },
    });
  });
});

describe('the line of a reject', () => {
  it('is one line of JSON with the record as it was sent', () => {
    const spaced = fc
      .tuple(fc.jsonValue(), fc.constantFrom(0, 2, '\t'))
      .map(([value, indent]) => JSON.stringify({ value }, null, indent));
    fc.assert(
      fc.property(spaced, fc.constantFrom('', '\r\n', '\n '), (text, around) => {
        const reject = rejectOf(recipes, around + text + around);
        const line = renderReject(reject);
        expect(line).not.toMatch(/[\r\n]/);
        const parsed: unknown = JSON.parse(line);
        expect(rejectLine.parse(parsed).record).toEqual(JSON.parse(text));
        expect(line).toContain(text.replace(/[\r\n]/g, ' '));
      }),
    );
  });

  it('is one line of JSON with the beginning of an unreadable record', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const buffer = Buffer.from([0x7b, ...bytes]);
        fc.pre(!isJson(buffer.toString()));
        const line = renderReject(rejectOf(recipes, buffer));
        expect(line).not.toMatch(/[\r\n]/);
        expect(rejectLine.parse(JSON.parse(line)).excerpt).toBe(buffer.toString('utf8'));
      }),
    );
  });

  it('keeps duplicate keys, numbers and escapes as they were written', () => {
    const text = '{"a":1,"a":2.50,"b":12345678901234567890,"c":"\\u00e9\\/"}';
    expect(renderReject(rejectOf(recipes, text))).toContain(`"record":${text}}`);
  });
});

describe('a path', () => {
  it('is written as in JavaScript', () => {
    expect(renderPath([])).toBe('');
    expect(renderPath(['steps', 2, 'a b', 'c'])).toBe('steps[2]["a b"].c');
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
