import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { int32, json } from '../../../domain/fields.ts';
import { withJsonTexts } from '../../../domain/records/json-texts.ts';
import { problemsOf } from '../../../domain/records/validation.ts';

const schema = z.object({
  id: int32(),
  payload: json().nullable(),
  steps: z.array(z.object({ more: json(), 'a "b"': json().optional() })).optional(),
  by: z.record(z.string(), json()).optional(),
});
const read = (text: string) =>
  withJsonTexts({ source: { format: 'json' }, record: schema }, JSON.parse(text), () => text);

describe('a field of JSON', () => {
  it.each([
    ['{"id":1,"payload":{"x": 1.10}}', { id: 1, payload: '{"x": 1.10}' }],
    ['  {"payload" : "a\\"}" ,"id":1}', { id: 1, payload: '"a\\"}"' }],
    ['{"payload":1e2}', { payload: '1e2' }],
    ['{"payload":null,"id":"null"}', { id: 'null', payload: null }],
    ['{"pay\\u006coad":[]}', { payload: '[]' }],
    ['{"payload":{"a":1},"payload":{"b":2}}', { payload: '{"b":2}' }],
    ['{"steps":[{"more":1},{"more":2}],"steps":[{"x":[{"more":3}]}]}', { steps: [{ x: [{ more: 3 }] }] }],
    [
      '{"steps":[{"more":"\\\\"},{"a \\"b\\"":[1,{"]":0}], "more":{}}]}',
      { steps: [{ more: '"\\\\"' }, { 'a "b"': '[1,{"]":0}]', more: '{}' }] },
    ],
    [
      '{"by":{"a":1.0,"__proto__":[]},"other":{"payload":1}}',
      { by: JSON.parse('{"a":"1.0","__proto__":"[]"}'), other: { payload: 1 } },
    ],
    ['{"steps":{"more":1}}', { steps: { more: 1 } }],
    ['{"steps":7,"by":[1]}', { steps: 7, by: ['1'] }],
    ['[1]', [1]],
    ['{}', {}],
  ])('has the text of the input: %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('has the text of the input, whatever is around it', () => {
    const space = fc.constantFrom('', ' ', '\n\t', '\r\n');
    const value = fc.json({ maxDepth: 4 });
    const field = fc.record({
      before: space,
      name: fc.constantFrom('id', 'other', 'payload', 'more'),
      colon: space,
      value,
      after: space,
    });
    fc.assert(
      fc.property(fc.array(field, { maxLength: 6 }), space, (fields, start) => {
        const members = fields.map(
          (each) =>
            `${each.before}${JSON.stringify(each.name)}${each.colon}:${each.colon}${each.value}${each.after}`,
        );
        const text = `${start}{${members.join()}}${start}`;
        const last = fields.findLast(({ name }) => name === 'payload')?.value;
        const parsed = JSON.parse(text);
        const expected = last === undefined || last === 'null' ? parsed : { ...parsed, payload: last };
        expect(read(text)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [' {"a": 1}\n', '{"a": 1}'],
    ['12345678901234567890', '12345678901234567890'],
    ['"\\\\ud800"', '"\\\\ud800"'],
    ['"\\ud83d\\ude00"', '"\\ud83d\\ude00"'],
    ['"\\ud83d"', 'invalid_value: has half of a surrogate pair, which is not valid in UTF-8'],
    ['{a: 1}', 'invalid_value: is not JSON'],
    ['', 'invalid_value: is not JSON'],
    [7, 'wrong_type: is not a text of JSON'],
    [undefined, 'missing_field: '],
  ])('of CSV, or in a row, must be a text of JSON: %j', (input, expected) => {
    const result = json().safeParse(input);
    if (result.success) expect(result.data).toBe(expected);
    else {
      const [{ code, message }] = problemsOf(result.error, input);
      expect(`${code}: ${message}`).toContain(expected);
    }
  });

  it('of CSV is taken as it is', () => {
    const record = { id: '1', payload: '{"x":1}' };
    const found = withJsonTexts({ source: { format: 'csv' }, record: schema }, record, () => '"1,…"');
    expect(found).toEqual({ id: '1', payload: '{"x":1}' });
  });
});
