import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonOf, type Long, longOf, parseJson } from '../../../domain/long.ts';
import { ByteReader } from '../../../domain/records/decoding/avro/byte-reader.ts';
import { avroFile, readAvroFile } from '../../../formats/iceberg/avro/container.ts';
import { decoderOf } from '../../../formats/iceberg/avro/decode.ts';
import { ByteWriter } from '../../../formats/iceberg/avro/encode.ts';
import { type AvroSchema, parseAvroSchema } from '../../../formats/iceberg/avro/schema.ts';

interface Typed {
  readonly schema: AvroSchema;
  readonly values: fc.Arbitrary<unknown>;
}

const long: fc.Arbitrary<Long> = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(longOf);
const bytes = (size?: number) =>
  fc.uint8Array({ minLength: size ?? 0, maxLength: size ?? 9 }).map((each) => Buffer.from(each));

const leaves: Typed[] = [
  { schema: 'boolean', values: fc.boolean() },
  { schema: 'int', values: fc.integer() },
  { schema: { type: 'int', logicalType: 'date' }, values: fc.integer() },
  { schema: 'long', values: long },
  { schema: 'float', values: fc.float() },
  { schema: 'double', values: fc.double() },
  { schema: 'string', values: fc.string({ unit: 'grapheme' }) },
  { schema: 'bytes', values: bytes() },
  { schema: { type: 'fixed', name: 'four', size: 4 }, values: bytes(4) },
];

/** A schema of any depth with its values. Each record has a name of its own. */
function typed(depth: number): fc.Arbitrary<Typed> {
  const leaf = fc.constantFrom(...leaves);
  if (depth === 0) return leaf;
  const inner = typed(depth - 1);
  const name = fc.uuid().map((id) => `r${id.replaceAll('-', '')}`);
  return fc.oneof(
    leaf,
    inner
      .filter(({ schema }) => !Array.isArray(schema))
      .map(({ schema, values }) => ({ schema: ['null', schema], values: fc.option(values) })),
    inner.map(({ schema, values }) => ({
      schema: { type: 'array' as const, items: schema },
      values: fc.array(values, { maxLength: 4 }),
    })),
    inner.map(({ schema, values }) => ({
      schema: { type: 'map' as const, values: schema },
      values: fc.array(fc.tuple(fc.string(), values), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    })),
    fc.tuple(inner, name).map(([{ schema, values }, of]) => ({
      schema: {
        type: 'array' as const,
        logicalType: 'map',
        items: {
          type: 'record' as const,
          name: of,
          fields: [
            { name: 'key', type: 'int' },
            { name: 'value', type: schema },
          ],
        },
      },
      values: fc.array(fc.tuple(fc.integer(), values), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    })),
    fc.tuple(fc.array(inner, { maxLength: 3 }), name).map(([fields, of]) => ({
      schema: {
        type: 'record' as const,
        name: of,
        fields: [
          { name: 'n', type: 'int' },
          ...fields.map(({ schema }, i) => ({ name: `f${i}`, type: schema })),
        ],
      },
      values: fc.record({
        n: fc.integer(),
        ...Object.fromEntries(fields.map(({ values }, i) => [`f${i}`, values])),
      }),
    })),
  );
}

const files = typed(3).chain(({ schema, values }) =>
  fc.record({ schema: fc.constant(schema), records: fc.array(values, { maxLength: 20 }) }),
);

describe('an Avro file', () => {
  it('gives back every value of every type', () => {
    fc.assert(
      fc.property(files, ({ schema, records }) => {
        const read = readAvroFile(avroFile(schema, { content: 'dat\u00E4' }, records));
        expect(read.records).toEqual(records);
        expect(read.metadata['content']).toBe('dat\u00E4');
      }),
      { numRuns: 300 },
    );
  });

  it('keeps its records over many blocks', () => {
    const records = Array.from({ length: 20_000 }, (_, i) => ({ n: i, text: `record ${i}` }));
    const schema: AvroSchema = {
      type: 'record',
      name: 'r',
      fields: [
        { name: 'n', type: 'int' },
        { name: 'text', type: 'string' },
      ],
    };
    expect(readAvroFile(avroFile(schema, {}, records)).records).toEqual(records);
  });

  it('that is cut anywhere, or has any byte changed, is read or refused, and never fills the memory', () => {
    fc.assert(
      fc.property(files, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ schema, records }, at, by) => {
        const file = avroFile(schema, {}, records);
        const cut = outcome(file.subarray(0, at % file.length));
        // Cut at the end of a block, it is whole, with fewer records.
        if (!(cut instanceof Error)) expect(cut).toEqual(records.slice(0, cut.length));
        const changed = Buffer.from(file);
        changed[at % file.length] = (changed[at % file.length] as number) ^ by;
        const read = outcome(changed);
        if (!(read instanceof Error)) expect(read.length).toBeLessThanOrEqual(64 * file.length);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused if it promises more than it has: items, bytes, records, a fixed of no size', () => {
    const reader = (...content: number[]) => new ByteReader(Buffer.from(content));
    const huge = new ByteWriter();
    huge.long(2 ** 50);
    const length = [...huge.take()];
    expect(() => decoderOf({ type: 'array', items: 'null' })(reader(...length))).toThrow('items can');
    expect(() => decoderOf('bytes')(reader(...length))).toThrow('cut or damaged');
    expect(() => decoderOf('string')(reader(1))).toThrow('cut or damaged');
    expect(() => decoderOf({ type: 'fixed', name: 'f' })(reader(1))).toThrow('cut or damaged');
    expect(() => decoderOf('long')(reader(...Array(11).fill(0xff)))).toThrow('ten bytes');
    expect(() => decoderOf(['null', 'int'])(reader(8))).toThrow('no branch 4');
  });

  it('that would fill the memory when it is decompressed is refused', () => {
    const file = avroFile('bytes', {}, [Buffer.alloc(8)]);
    const head = file.subarray(0, file.lastIndexOf(file.subarray(-16), file.length - 17) + 16);
    const bomb = deflateRawSync(Buffer.alloc(65 * 1024 * 1024));
    const out = new ByteWriter();
    out.long(1);
    out.bytes(bomb);
    expect(() => readAvroFile(Buffer.concat([head, out.take(), file.subarray(-16)]))).toThrow('larger than');
  });

  it('of other writers is read by its own schema: sized blocks, unions, enums, names used again', () => {
    const schema = parseAvroSchema(
      JSON.stringify({
        type: 'record',
        name: 'top',
        namespace: 'a.b',
        fields: [
          { name: 'pair', type: { type: 'record', name: 'pair', fields: [{ name: 'x', type: 'int' }] } },
          { name: 'again', type: { type: 'array', items: 'pair' } },
          { name: 'full', type: 'a.b.pair' },
          { name: 'any', type: ['string', 'null', 'long'] },
          { name: 'kind', type: { type: 'enum', name: 'k', symbols: ['A', 'B'] } },
          { name: 'wrapped', type: { type: { type: 'string' } } },
        ],
      }),
    );
    // A block of two items with its size, then the end.
    const content = Buffer.from([2, 0x03, 4, 4, 6, 0, 8, 4, 10, 2, 2, 0x61]);
    expect(decoderOf(schema)(new ByteReader(content))).toEqual({
      pair: { x: 1 },
      again: [{ x: 2 }, { x: 3 }],
      full: { x: 4 },
      any: 5,
      kind: 'B',
      wrapped: 'a',
    });
  });

  it('does not hold what its schema does not allow', () => {
    const write = (schema: AvroSchema, value: unknown) => () => avroFile(schema, {}, [value]);
    expect(write('int', 2 ** 31)).toThrow('int');
    expect(write('long', 2 ** 53)).toThrow('long');
    expect(write('string', null)).toThrow('string');
    expect(write({ type: 'fixed', name: 'f', size: 2 }, Buffer.alloc(3))).toThrow('fixed[2]');
    expect(write({ type: 'record', name: 'r', fields: [{ name: 'a', type: 'int' }] }, {})).toThrow('a: ');
  });
});

describe('a long integer', () => {
  it('keeps its digits in JSON', () => {
    fc.assert(
      fc.property(fc.array(long), (longs) => {
        expect(parseJson(jsonOf({ longs }))).toEqual({ longs });
      }),
    );
    expect(parseJson('[9223372036854775807, 1.5, "9223372036854775807"]')).toEqual([
      9223372036854775807n,
      1.5,
      '9223372036854775807',
    ]);
  });
});

/** What a reader finds, or why it refuses. */
function outcome(file: Buffer): readonly unknown[] | Error {
  try {
    return readAvroFile(file).records;
  } catch (error) {
    return error as Error;
  }
}
