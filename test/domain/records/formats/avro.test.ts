import { readFileSync } from 'node:fs';
import { crc32, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PermanentError } from '../../../../domain/errors.ts';
import { findCut } from '../../../../domain/records/decoding/cut.ts';
import { decode } from '../../../../domain/records/decoding/decode.ts';
import { readJson } from '../../../../domain/records/decoding/reading.ts';
import type { RawRecord } from '../../../../domain/records/decoding/record.ts';
import { type Source, sourceOfBytes } from '../../../../domain/records/decoding/source.ts';
import { avroFile } from '../../../../formats/iceberg/avro/container.ts';
import { ByteWriter } from '../../../../formats/iceberg/avro/encode.ts';
import { chunksOf } from '../decoded.ts';

const fixture = (name: string) => readFileSync(new URL(`fixtures/avro/${name}`, import.meta.url));
const format = { source: { prefix: '', format: 'avro' as const }, record: z.unknown() };

/** The records of an Avro file as texts, and how it ended. */
async function recordsOf(open: Source) {
  const records: string[] = [];
  try {
    for await (const batch of decode(format, open))
      for (const { bytes } of batch as readonly RawRecord[]) records.push(bytes.toString());
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { records, fault: error.code, message: error.message };
  }
  return { records, fault: undefined };
}

interface Block {
  readonly count: number;
  readonly bytes: Uint8Array;
  /** Said of it, if not its length. */
  readonly size?: number | bigint;
}

/** A file of these blocks, made by hand. */
function file(schema: unknown, blocks: readonly Block[], codec = 'null'): Buffer {
  const out = new ByteWriter();
  out.raw(Buffer.from('Obj\x01'));
  out.long(2);
  const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
  for (const [key, value] of Object.entries({ 'avro.schema': text, 'avro.codec': codec })) {
    out.bytes(Buffer.from(key));
    out.bytes(Buffer.from(value));
  }
  out.long(0);
  const sync = Buffer.alloc(16, 7);
  out.raw(sync);
  for (const { count, bytes, size = bytes.length } of blocks) {
    out.long(count);
    out.long(size);
    out.raw(bytes);
    out.raw(sync);
  }
  return out.take();
}

const record = (...fields: readonly (readonly [name: string, type: unknown])[]) => ({
  type: 'record',
  name: 'R',
  fields: fields.map(([name, type]) => ({ name, type })),
});
const bytes = (...all: readonly number[]) => Buffer.from(all);

describe('Avro', () => {
  const expected = fixture('expected.ndjson').toString().trimEnd().split('\n');

  it.each(['null', 'deflate', 'snappy', 'zstandard'])(
    'gives every value exactly, as fastavro wrote it: %s',
    async (codec) => {
      const content = fixture(`${codec}.avro`);
      expect(await recordsOf(sourceOfBytes(content))).toEqual({ records: expected, fault: undefined });
      for (const sizes of [[1], [777], [3, 4096]])
        expect(await recordsOf(chunksOf(content, ...sizes))).toEqual({ records: expected, fault: undefined });
    },
  );

  it('is read from a compressed object too', async () => {
    const content = gzipSync(fixture('snappy.avro'));
    expect(await recordsOf(sourceOfBytes(content))).toEqual({ records: expected, fault: undefined });
  });

  it('has no records without blocks', async () => {
    const content = sourceOfBytes(fixture('no-records.avro'));
    expect(await recordsOf(content)).toEqual({ records: [], fault: undefined });
  });

  it('of any records gives them back', async () => {
    const schema = {
      type: 'record',
      name: 'row',
      fields: [
        { name: 'id', type: 'long' },
        { name: '__proto__', type: ['null', 'string'] },
        { name: 'list', type: { type: 'array', items: 'int' } },
      ],
    } as const;
    const rows = fc.array(
      fc.record({
        id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        text: fc.option(fc.string({ unit: 'binary' }).map((text) => text.toWellFormed())),
        list: fc.array(fc.integer(), { maxLength: 3 }),
      }),
      { maxLength: 1200 },
    );
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 5000 }), async (given, size) => {
        const content = avroFile(
          schema,
          {},
          given.map(({ id, text, list }) => ({ id, ['__proto__']: text, list })),
        );
        const { records, fault } = await recordsOf(chunksOf(content, size));
        expect(fault).toBeUndefined();
        expect(records).toEqual(
          given.map(
            ({ id, text, list }) =>
              `{"id":${id},"__proto__":${JSON.stringify(text)},"list":${JSON.stringify(list)}}`,
          ),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('keeps the digits below the microsecond, and finds a named type wherever it is defined', async () => {
    const schema = {
      type: 'record',
      name: 'a.b.R',
      fields: [
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-nanos' } },
        { name: 'e', type: { type: { type: 'enum', name: 'E', symbols: ['X"'] } } },
        { name: 'f', type: 'E' },
        { name: 'g', type: 'a.b.E' },
        { name: 'u', type: { type: 'fixed', name: 'c.U', size: 16, logicalType: 'uuid' } },
        { name: 'lists', type: { type: 'array', items: { type: 'array', items: 'c.U' } } },
      ],
    };
    // A block of items with their size in bytes, as some writers make them.
    const lists = [3, 40, 2, ...Array(16).fill(0xff), 0, 0, 0];
    const values = bytes(3, 0, 0, 0, ...Array(16).fill(0x11), ...lists);
    expect(await recordsOf(sourceOfBytes(file(schema, [{ count: 1, bytes: values }])))).toEqual({
      records: [
        '{"at":"1969-12-31T23:59:59.999999998Z","e":"X\\"","f":"X\\"","g":"X\\"","u":"11111111-1111-1111-1111-111111111111","lists":[["ffffffff-ffff-ffff-ffff-ffffffffffff"],[]]}',
      ],
      fault: undefined,
    });
  });

  it('leaves bytes that are not UTF-8 as they are, so that the record is rejected', async () => {
    const content = file(record(['t', 'string']), [{ count: 2, bytes: bytes(4, 0xff, 0x61, 2, 0x62) }]);
    const found: RawRecord[] = [];
    for await (const batch of decode(format, sourceOfBytes(content))) found.push(...(batch as RawRecord[]));
    expect(found.map((each) => readJson(each))).toEqual([
      expect.objectContaining({ code: 'invalid_utf8' }),
      expect.objectContaining({ value: { t: 'b' } }),
    ]);
  });

  const one = record(['a', 'long']);
  const whole = fixture('null.avro');
  it.each([
    ['empty_file', Buffer.alloc(0), 'empty'],
    ['unknown_format', Buffer.from('id,name\n1,a\n'), 'is not Avro'],
    ['unknown_format', Buffer.from('Obj'), 'is not Avro'],
    ['corrupt_file', whole.subarray(0, 100), 'are left'],
    ['truncated', whole.subarray(0, -1), 'breaks off'],
    ['corrupt_file', Buffer.concat([whole.subarray(0, -1), bytes(0)]), 'one of them has no end'],
    ['unsupported_compression', file(one, [], 'xz'), '"xz"; null, deflate, zstandard, snappy are read'],
    ['corrupt_file', file('{', []), 'in its header'],
    ['corrupt_file', file(one, [{ count: -1, bytes: bytes() }]), 'fewer than no records'],
    ['corrupt_file', file(one, [{ count: 1, bytes: bytes(), size: -1 }]), 'fewer than no records'],
    ['corrupt_file', file(one, [{ count: 1, bytes: bytes(), size: 2n ** 62n }]), 'is no length'],
    ['unsupported_layout', file(one, [{ count: 1, bytes: bytes(), size: 2 ** 40 }]), 'smaller blocks'],
    ['corrupt_file', file(one, [{ count: 2, bytes: bytes(2) }]), '1 bytes are wanted and 0 are left'],
    ['corrupt_file', file(one, [{ count: 1, bytes: bytes(2, 2) }]), '1 bytes more than its records'],
    ['corrupt_file', file(one, [{ count: 1, bytes: bytes(...Array(11).fill(0xff)) }]), 'more than ten bytes'],
    ['corrupt_file', file(one, [{ count: 1, bytes: bytes(1, 2, 3) }], 'deflate'), 'in its blocks'],
    [
      'unsupported_layout',
      file(one, [{ count: 1, bytes: deflateRawSync(Buffer.alloc(65 * 1024 * 1024)) }], 'deflate'),
      'smaller blocks',
    ],
    [
      'unsupported_layout',
      file(one, [{ count: 1, bytes: zstdCompressSync(Buffer.alloc(65 * 1024 * 1024)) }], 'zstandard'),
      'smaller blocks',
    ],
    [
      'unsupported_layout',
      file(one, [{ count: 1, bytes: bytes(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0) }], 'snappy'),
      'smaller blocks',
    ],
    [
      'corrupt_file',
      file(one, [{ count: 1, bytes: bytes(1, 0, 2, 0, 0, 0, 0) }], 'snappy'),
      'checksum is another',
    ],
    ['corrupt_file', file(record(['u', ['null', 'int']]), [{ count: 1, bytes: bytes(4) }]), 'no branch 2'],
    ['corrupt_file', file(record(['b', 'bytes']), [{ count: 1, bytes: bytes(0x7e) }]), 'are left'],
    ['unknown_format', file(record(['a', 'strange']), []), 'there is no type "strange"'],
    ['unknown_format', file(record(['a', 5]), []), '"5" is no type'],
    ['unknown_format', file({ type: 'record', name: 'R' }, []), 'a record has no fields'],
    ['unknown_format', file(record(['a', 'int'], ['a', 'int']), []), 'two fields "a"'],
    ['unknown_format', file(record(['a', { type: 'fixed', name: 'F', size: 1e300 }]), []), 'no size'],
    [
      'corrupt_file',
      file(record(['a', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 1e9 }]), []),
      'has 1000000000 digits after the point',
    ],
    ['unknown_format', file(`${'['.repeat(100_000)}${']'.repeat(100_000)}`, []), 'nested too deeply'],
    [
      'unknown_format',
      file(record(['self', ['null', 'R']]), [{ count: 1, bytes: Buffer.alloc(10_000, 2) }]),
      'nested too deeply',
    ],
  ])('is refused as %s, with the reason: %#', async (code, content, message) => {
    const { fault, message: text } = await recordsOf(sourceOfBytes(content));
    expect([fault, text]).toEqual([code, expect.stringContaining(message)]);
  });

  it('keeps the records of the blocks before a damaged one', async () => {
    const content = file(one, [
      { count: 2, bytes: bytes(2, 4) },
      { count: 2, bytes: bytes(6, 0x80) },
    ]);
    expect(await recordsOf(sourceOfBytes(content))).toMatchObject({
      records: ['{"a":1}', '{"a":2}', '{"a":3}'],
      fault: 'corrupt_file',
    });
  });

  it('of records and items without any bytes has an end', async () => {
    const nothing = record(['nothing', 'null']);
    const many = file(nothing, [{ count: Number.MAX_SAFE_INTEGER, bytes: bytes() }]);
    let total = 0;
    const read = async () => {
      for await (const batch of decode(format, sourceOfBytes(many)))
        for (const { length } of batch as readonly RawRecord[]) total += length;
    };
    await expect(read()).rejects.toMatchObject({ code: 'compression_bomb' });
    expect(total).toBeLessThanOrEqual(256 * 1024 * 1024);
    const out = new ByteWriter();
    out.long(Number.MAX_SAFE_INTEGER);
    const list = record(['list', { type: 'array', items: 'null' }]);
    expect(await recordsOf(sourceOfBytes(file(list, [{ count: 1, bytes: out.take() }])))).toMatchObject({
      records: [],
      fault: 'unsupported_layout',
    });
  });

  it('has a checksum in each block of snappy', async () => {
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(bytes(2)));
    const content = file(one, [{ count: 1, bytes: Buffer.concat([bytes(1, 0, 2), checksum]) }], 'snappy');
    expect(await recordsOf(sourceOfBytes(content))).toEqual({ records: ['{"a":1}'], fault: undefined });
  });

  it('is not written again without a record', async () => {
    expect(await findCut(format, sourceOfBytes(whole), 1)).toEqual({ records: 60, reason: 'not_written' });
  });
});
