import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Dataset, defineDataset } from '../../../../domain/dataset.ts';
import { int32, json, text } from '../../../../domain/fields.ts';
import { namedIn } from '../../../../domain/records/contracts/named-fields.ts';
import { type UnknownFields, unknownFields } from '../../../../domain/records/contracts/unknown-fields.ts';
import { readerOf } from '../../../../domain/records/decoding/decode.ts';
import { processRecord } from '../../../../domain/records/processing.ts';
import { readRecord } from '../../../../domain/records/validation.ts';

const rawOf = (input: string) => {
  const bytes = Buffer.from(input);
  return { bytes, length: bytes.length, unterminated: false };
};

function unknownIn(record: z.ZodType, input: string): UnknownFields | undefined {
  const reading = readRecord(rawOf(input));
  if (!('value' in reading)) throw new Error(reading.message);
  return unknownFields({ name: 'things', record }, rawOf(input), reading);
}

const item = z.object({ name: z.string() });
const record = z.object({
  id: int32(),
  items: z.array(item).nullable().optional(),
  place: z.object({ town: text() }).readonly().prefault({ town: 'x' }),
  by: z.record(z.string(), item).optional(),
  payload: json().optional(),
  open: z.looseObject({ a: z.string() }).catch({ a: '' }),
  either: z.union([item, z.object({ code: z.string() }), z.string()]).nonoptional(),
  piped: z.object({ a: z.string() }).transform(({ a }) => a),
});

const direct = z.object({
  kind: z.string(),
  get next(): z.ZodOptional {
    return z.optional(direct);
  },
});
const lazy = z.object({ kind: z.string(), next: z.lazy((): z.ZodOptional => z.optional(lazy)) });
const either: z.ZodType = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('a'), next: z.lazy(() => either).optional() }),
  z.object({ kind: z.literal('b'), next: z.lazy(() => either).optional() }),
]);
const madeAnew = (): z.ZodType => z.object({ kind: z.string(), next: z.lazy(madeAnew).optional() });

describe('unknown fields', () => {
  it.each([
    ['{"id":1}', undefined, undefined],
    ['{"id":1,"colour":"red"}', ['colour'], '{"colour":"red"}'],
    [' {"a b" : 1.10 , "id":1} ', ['["a b"]'], '{"a b":1.10}'],
    ['{"items":[{"name":"a","size": 1e2},{"name":"b","size":2}]}', ['items[*].size'], null],
    ['{"items":[{"name":"a"},{"name":"b","x":[ ]},{}]}', ['items[*].x'], '{"items":[{},{"x":[ ]}]}'],
    ['{"items":[1,null,{"x":0}]}', ['items[*].x'], '{"items":[null,null,{"x":0}]}'],
    ['{"place":{"town":"a","zip":"01"}}', ['place.zip'], '{"place":{"zip":"01"}}'],
    ['{"by":{"k":{"name":"a","x":1}}}', ['by.k.x'], '{"by":{"k":{"x":1}}}'],
    ['{"payload":{"any":1},"open":{"a":"b","more":1}}', undefined, undefined],
    ['{"either":{"name":"a","code":"b"}}', undefined, undefined],
    ['{"either":{"name":"a","x":1}}', ['either.x'], '{"either":{"x":1}}'],
    ['{"piped":{"a":"b","x":1}}', ['piped.x'], '{"piped":{"x":1}}'],
    ['{"id":{"a":1},"items":{"a":1}}', undefined, undefined],
    ['{"x":1,"x":{"y": 2}}', ['x'], '{"x":{"y": 2}}'],
    ['{"place":{"zip":1},"place":{}}', undefined, undefined],
    ['{"__proto__":{"polluted":true},"constructor":1}', ['__proto__', 'constructor'], null],
    ['[{"x":1}]', undefined, undefined],
    ['7', undefined, undefined],
  ])('of %s', (input, names, rest) => {
    const found = unknownIn(record, input);
    expect(found && [...found.names]).toEqual(names);
    if (rest !== null) expect(found?.text()).toBe(rest);
    else expect(JSON.parse(found?.text() ?? '')).toEqual(expect.anything());
  });

  it('keep every number and text of the input as it is written', () => {
    const input = '{"id":1,"n":901656910939770881,"t":"\\u0041\\"","l":[1.0, {"a":null}]}';
    expect(unknownIn(record, input)?.text()).toBe(
      '{"n":901656910939770881,"t":"\\u0041\\"","l":[1.0, {"a":null}]}',
    );
  });

  it('are all of an object less what the schema names, whatever it has', () => {
    const names = fc.constantFrom('id', 'items', 'place', '__proto__', 'other', 'a b');
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.json({ maxDepth: 3 }))), (members) => {
        const input = `{${members.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(' , ')}}`;
        const shallow = z.object({ id: z.unknown(), items: z.unknown(), place: z.unknown() });
        const rest = new Map(members.filter(([name]) => !['id', 'items', 'place'].includes(name)));
        const found = unknownIn(shallow, input);
        expect(found?.text()).toBe(
          rest.size === 0
            ? undefined
            : `{${[...rest].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`,
        );
      }),
    );
  });

  it('are found in a schema that contains itself', () => {
    const node = z.object({
      name: z.string(),
      get children() {
        return z.array(node).optional();
      },
    });
    const found = unknownIn(node, '{"name":"a","children":[{"name":"b","children":[{"x":1}]}]}');
    expect([...(found?.names ?? [])]).toEqual(['children[*].children[*].x']);
    expect(namedIn(node)).toBe(namedIn(node));
    const deep = `${'{"children":['.repeat(20_000)}{"x":1}${']}'.repeat(20_000)}`;
    expect(() => unknownIn(node, deep)).not.toThrow();
  });

  it.each<[string, z.ZodType]>([
    ['is optional', direct],
    ['is lazy', lazy],
    ['is one of several', either],
    ['is made anew each time', madeAnew()],
  ])('are found in a schema within itself that %s', (_, schema) => {
    const known = '{"kind":"a","next":{"kind":"b","next":{"kind":"a"}}}';
    expect(unknownIn(schema, known)).toBeUndefined();
    const found = unknownIn(schema, '{"kind":"a","next":{"kind":"b","x":1,"next":{"kind":"a","y":[2]}}}');
    expect([...(found?.names ?? [])]).toEqual(['next.x', 'next.next.y']);
    expect(found?.text()).toBe('{"next":{"x":1,"next":{"y":[2]}}}');
  });

  it('are looked for where a hundred objects are within each other, and no deeper', () => {
    const nested = (depth: number): string =>
      depth === 0 ? '{"x":1}' : `{"kind":"a","next":${nested(depth - 1)}}`;
    expect([...(unknownIn(madeAnew(), nested(99))?.names ?? [])]).toEqual([`${'next.'.repeat(99)}x`]);
    expect(unknownIn(madeAnew(), nested(100))).toBeUndefined();
  });

  it('are found in the items of a tuple, each of which may have the fields of all', () => {
    const schema = z.object({
      pair: z.tuple([z.object({ a: z.string() }), z.string()], z.object({ b: z.string() })),
    });
    expect(unknownIn(schema, '{"pair":[{"a":"1"},"2",{"b":"3"}]}')).toBeUndefined();
    const found = unknownIn(schema, '{"pair":[{"a":"1","c":[]},"2"]}');
    expect([...(found?.names ?? [])]).toEqual(['pair[*].c']);
  });
});

const source = { prefix: 'things/', format: 'json' } as const;
const things = (unknown?: Dataset['unknown']) =>
  defineDataset({
    name: 'things',
    source,
    record: z.object({ id: int32(), name: text() }),
    transform: ({ id, name }) => ({ id, name }),
    row: z.object({ id: int32(), name: text(), others: json().optional() }),
    ...{ key: ['id'], partitionBy: [], onDelete: 'retract', onReject: 'keep' },
    ...(unknown !== undefined && { unknown: unknown as { rescue: 'others' } }),
  });
const processed = (unknown: Dataset['unknown'], input: string) =>
  processRecord(things(unknown), rawOf(input), { key: 'things/a', recordNumber: 3 });

describe('a record with unknown fields', () => {
  it('becomes a row without them, unless its dataset says something else', () => {
    const input = '{"id":1,"name":"a","colour":"red"}';
    for (const unknown of [undefined, 'count'] as const)
      expect(processed(unknown, input)).toMatchObject({ row: { id: 1, name: 'a' } });
    expect(processed('count', input)).not.toHaveProperty('row.others');
  });

  it('has them in the column that is to rescue them', () => {
    expect(processed({ rescue: 'others' }, '{"id":1,"x": 1.0,"name":"a"}')).toMatchObject({
      row: { id: 1, name: 'a', others: '{"x":1.0}' },
    });
    expect(processed({ rescue: 'others' }, '{"id":1,"name":"a"}')).toEqual({
      row: { id: 1, name: 'a' },
      record: { id: 1, name: 'a' },
    });
    // As every json() column, it holds no text that is not valid in UTF-8.
    expect(processed({ rescue: 'others' }, '{"id":1,"name":"a","x":"\\ud800"}')).toMatchObject({
      reject: { code: 'invalid_row', path: 'others' },
    });
  });

  it('is rejected with field, place and cure, if its dataset says so', () => {
    const message =
      "is a field that the things record does not name. Leave it out, add it to the record’s schema, or declare unknown: 'count'.";
    expect(processed('reject', '{"id":1,"name":"a","x":1,"y":2}')).toEqual({
      reject: {
        ...{ recordNumber: 3, path: 'x', code: 'unknown_field', message },
        further: [{ path: 'y', code: 'unknown_field', message }],
        json: '{"id":1,"name":"a","x":1,"y":2}',
      },
    });
    expect(processed('reject', '{"id":1,"nmae":"a"}')).toMatchObject({
      reject: {
        ...{ path: 'name', code: 'missing_field' },
        further: [{ path: 'nmae', code: 'unknown_field' }],
      },
    });
    expect(processed('reject', '{"id":1,"name":"a"}')).toMatchObject({ row: { id: 1 } });
    const hostile = JSON.stringify({ id: 1, name: 'a', ['\u001b[2J'.repeat(99_999)]: 1 });
    const { reject } = processed('reject', hostile) as { reject: { path: string } };
    expect(reject.path).toHaveLength(201);
  });
});

describe('columns of CSV that the record does not name', () => {
  const csv = (unknown: Dataset['unknown']) => ({
    ...things(unknown),
    source: { ...source, format: 'csv', columns: 'ignore-additional', nulls: ['NA'] } as const,
  });
  const rows = (unknown: Dataset['unknown'], line: string) => {
    const read = readerOf(csv(unknown), ['id', 'a "b"', 'name', 'size']);
    const bytes = Buffer.from(line);
    const [only] = read([{ bytes, length: bytes.length, unterminated: false }]);
    if (only === undefined) throw new Error('There is no record.');
    return processRecord(csv(unknown), only, { key: 'things/a', recordNumber: 1 });
  };

  it('are rescued or rejected where they have a value', () => {
    const rescue = { rescue: 'others' } as const;
    expect(rows(rescue, '1,"x ""y""",n,5')).toMatchObject({
      row: { others: '{"a \\"b\\"":"x \\"y\\"","size":"5"}' },
    });
    expect(rows(rescue, '1,,n,NA')).not.toHaveProperty('row.others');
    expect(rows('reject', '1,,n,5')).toMatchObject({ reject: { code: 'unknown_field', path: 'size' } });
    expect(rows('reject', '1,,n,NA')).toMatchObject({ row: { id: 1 } });
  });
});

describe('a dataset', () => {
  it('does not start with a column that can’t rescue anything', () => {
    expect(() => things({ rescue: 'colour' })).toThrow(
      'Dataset "things": unknown: colour is not a column of its row. Add it: colour: json().optional().',
    );
    expect(() => things({ rescue: 'name' })).toThrow('unknown: name must be json().optional() in its row.');
  });

  it('does not start if no record of its CSV can have what it speaks of', () => {
    const exact = { ...things('reject'), source: { prefix: 'things/', format: 'csv' } } as const;
    expect(() => defineDataset(exact as never)).toThrow(
      "Declare columns: 'ignore-additional' in its source.",
    );
  });
});
