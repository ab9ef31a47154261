import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PermanentError } from '../../../../domain/errors.ts';
import { findCut } from '../../../../domain/records/decoding/cut.ts';
import { decode } from '../../../../domain/records/decoding/decode.ts';
import { readJson } from '../../../../domain/records/decoding/reading.ts';
import type { RawRecord } from '../../../../domain/records/decoding/record.ts';
import { type ByteRange, type Source, sourceOfBytes } from '../../../../domain/records/decoding/source.ts';
import { chunksOf } from '../decoded.ts';

const fixture = (name: string) => readFileSync(new URL(`fixtures/parquet/${name}`, import.meta.url));
const parquet = (name: string) => fixture(`${name}.parquet`);

/** The records of a Parquet file as texts, and how it ended. */
async function recordsOf(open: Source) {
  const records: string[] = [];
  try {
    const format = { source: { prefix: '', format: 'parquet' as const }, record: z.unknown() };
    for await (const batch of decode(format, open))
      for (const { bytes } of batch as readonly RawRecord[]) records.push(bytes.toString('latin1'));
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { records: records.map(utf8), fault: error.code, message: error.message };
  }
  return { records: records.map(utf8), fault: undefined };
}

const utf8 = (latin1: string) => Buffer.from(latin1, 'latin1').toString();

/** What pyarrow says of each field: its name, and its text of JSON or the double that it is. */
type Expected = readonly (readonly [name: string, text: string | null, double: number | '-0' | null])[];

const everyType: readonly string[] = (
  JSON.parse(fixture('every-type.expected.json').toString()) as readonly Expected[]
).map(
  (fields) =>
    `{${fields.map(([name, text, double]) => `${JSON.stringify(name)}:${text ?? String(double)}`).join()}}`,
);

describe('Parquet', () => {
  it.each([
    'snappy',
    'plain',
    'v2-zstd',
    'small-pages-gzip',
    'v2-small-pages-brotli',
    'page-index',
    'deltas',
  ])('gives every value exactly, as pyarrow wrote it: %s', async (name) => {
    const { records, fault } = await recordsOf(sourceOfBytes(parquet(name)));
    expect(fault).toBeUndefined();
    const fields = (text: string) => text.split(/,(?="\w+":)/);
    expect(records.map(fields)).toEqual(everyType.map(fields));
    expect(records).toEqual(everyType);
    expect(await recordsOf(chunksOf(parquet(name), 777))).toEqual({ records, fault });
  });

  it('written by DuckDB is read as DuckDB reads it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-parquet-'));
    const connection = await (await DuckDBInstance.create()).connect();
    try {
      for (const options of ['', ', codec zstd, row_group_size 2048', ', parquet_version v2, codec brotli']) {
        const file = join(folder, 'a.parquet');
        await connection.run(`
          copy (
            select i as id, i * 1801439850948199 as big, (i / 7)::decimal(18, 6) as money, 'text ' || i as name,
              date '2026-01-01' + i::integer as day, timestamptz '2026-01-01 10:00:00.123456+00' + to_seconds(i) as at,
              case when i % 3 = 0 then null else [i, null, i + 1] end as ids,
              {a: i, b: case when i % 2 = 0 then null else 'x' || i end} as thing,
              map {'k' || i: i::double} as by_name, i % 2 = 0 as flag
            from range(5000) of_i(i)
          ) to '${file}' (format parquet${options})`);
        const { records, fault } = await recordsOf(sourceOfBytes(readFileSync(file)));
        expect(fault).toBeUndefined();
        expect(records).toHaveLength(5000);
        const reader = await connection.runAndReadAll(`select * from '${file}'`);
        const expected = reader.getRowObjectsJson().map(({ ids, at, by_name, ...row }) => ({
          ...row,
          at: new Date(`${String(at).replace(' ', 'T')}:00`).toISOString().slice(0, 19),
          ids,
          by_name: (by_name as { key: string; value: number }[]).map(({ key, value }) => [key, value]),
        }));
        const found = records.map((text) => {
          const {
            at,
            ids,
            by_name: byName,
            big,
            id,
            money,
            thing,
            ...row
          } = JSON.parse(text.replace(/"(id|big|money)":(-?[\d.]+)/g, '"$1":"$2"'));
          return {
            ...row,
            id,
            big,
            money: Number(money).toFixed(6),
            thing: { ...thing, a: String(thing.a) },
            at: at.slice(0, 19),
            ids: ids?.map((each: number | null) => (each === null ? null : String(each))) ?? null,
            by_name: Object.entries(byName),
          };
        });
        expect(found).toEqual(expected);
      }
    } finally {
      connection.closeSync();
      rmSync(folder, { recursive: true });
    }
  });

  it('has no records without rows', async () => {
    expect(await recordsOf(sourceOfBytes(parquet('no-rows')))).toEqual({ records: [], fault: undefined });
  });

  it('keeps the digits below the microsecond, where there are any, for the fields to refuse', async () => {
    const { records } = await recordsOf(sourceOfBytes(parquet('nanoseconds')));
    expect(records).toEqual([
      '{"ns":"2023-11-14T22:13:20.123456789Z"}',
      '{"ns":null}',
      '{"ns":"1969-12-31T23:59:59.999999999Z"}',
      '{"ns":"1970-01-01T00:00:00.000000Z"}',
      '{"ns":"1970-01-01T00:00:00.000001Z"}',
    ]);
  });

  it('takes the 96 bits of older files for instants of UTC', async () => {
    const { records } = await recordsOf(sourceOfBytes(parquet('int96')));
    expect(records[0]).toBe('{"at":"2024-09-18T09:30:00.123456Z"}');
    expect(records).toHaveLength(5);
  });

  it('leaves bytes that are not UTF-8 as they are, so that the record is rejected', async () => {
    const texts: Buffer[] = [];
    const format = { source: { prefix: '', format: 'parquet' as const }, record: z.unknown() };
    for await (const batch of decode(format, sourceOfBytes(parquet('not-utf8'))))
      for (const record of batch as readonly RawRecord[]) {
        texts.push(record.bytes);
        const reading = readJson(record);
        if (texts.length === 2) expect(reading).toMatchObject({ code: 'invalid_utf8' });
        else expect(reading).toHaveProperty('value');
      }
    expect(texts[1]).toEqual(Buffer.from('{"t":"b\xffad"}', 'latin1'));
  });

  it('asks for the footer, and then for a range of each column of a row group', async () => {
    const ranges: (ByteRange | undefined)[] = [];
    const all = sourceOfBytes(parquet('int96'));
    await recordsOf((range) => {
      ranges.push(range);
      return all(range);
    });
    expect(ranges).toEqual([{ last: 65_536 }, { start: 4, end: expect.any(Number) }]);
  });

  it('is not read from a source that can give no ranges', async () => {
    const long = Buffer.concat([Buffer.alloc(100_000), parquet('snappy')]);
    await expect(recordsOf(() => chunksOf(long)())).rejects.toThrow('more bytes than');
  });

  const plain = parquet('plain');
  it.each([
    ['empty_file', Buffer.alloc(0), 'empty'],
    ['unknown_format', Buffer.from('id,name\n1,a\n'), 'begins with "id,name'],
    ['unknown_format', gzipSync(plain), 'is not Parquet, which is compressed within'],
    ['unknown_format', Buffer.from('P'), 'begins with "P"'],
    ['truncated', plain.subarray(0, 5000), 'has no footer'],
    ['truncated', Buffer.from('PAR1'), 'has no footer'],
    ['encrypted', Buffer.concat([plain.subarray(0, -4), Buffer.from('PARE')]), 'Its footer is encrypted'],
    ['unsupported_compression', parquet('lz4'), 'LZ4'],
    ['corrupt_file', withFooterLength(plain, 0xffffffff), 'are allowed'],
    ['corrupt_file', withFooterLength(plain, 10_000_000), 'more than the file'],
    ['corrupt_file', withFooterLength(plain, 0), 'in its footer'],
    ['corrupt_file', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(50, 0xff), tail(50)]), 'in its footer'],
    // A number of seven million digits, which takes minutes; structs in structs; a list of empty structs.
    [
      'corrupt_file',
      footer([0x16], Buffer.alloc(1_000_000, 0xff).fill(0, 999_990)),
      'a number has too many digits',
    ],
    ['corrupt_file', footer([], Buffer.alloc(10_000, 0x1c)), 'nested too deeply'],
    ['corrupt_file', footer([0x19, 0xfc, 0xff, 0xff, 0xff, 0x7f], Buffer.alloc(5)), 'in its footer'],
    [
      'unsupported_layout',
      footer([0x19, 0xfc, 0xff, 0xff, 0xff, 0x01], Buffer.alloc(4_194_303)),
      'Write larger row groups',
    ],
  ])('is at fault as %s (%#), and the message says how', async (fault, file, message) => {
    expect(await recordsOf(sourceOfBytes(file))).toEqual({
      records: [],
      fault,
      message: expect.stringContaining(message),
    });
  });

  it('compares the checksums of pages, where a file has them', async () => {
    const file = parquet('checksums');
    const { records, fault } = await recordsOf(sourceOfBytes(file));
    expect({ records: records.length, fault }).toEqual({ records: 100, fault: undefined });
    const damaged = Buffer.from(file);
    // The number 70 in the second row group, which would be another one.
    const value = Buffer.alloc(16);
    value.writeBigInt64LE(70n, 0);
    value.writeBigInt64LE(71n, 8);
    const at = damaged.indexOf(value);
    damaged[at + 1] = 1;
    const found = await recordsOf(sourceOfBytes(damaged));
    expect(found).toMatchObject({ fault: 'corrupt_file', records: records.slice(0, 60) });
    expect(found.message).toContain('checksum');
  });

  it('keeps the row groups before a damaged one', async () => {
    const file = parquet('small-pages-gzip');
    const damaged = Buffer.from(file);
    damaged.fill(0xff, damaged.length / 2, damaged.length / 2 + 300);
    const { records, fault, message } = await recordsOf(sourceOfBytes(damaged));
    expect(fault).toBe('corrupt_file');
    expect(message).toMatch(/^The Parquet file is damaged in the column /);
    expect(records.length).toBeGreaterThanOrEqual(17);
    expect(records).toEqual(everyType.slice(0, records.length));
  });

  it('ends in a fault or with records, never otherwise, whichever bytes are damaged', async () => {
    for (const name of ['plain', 'snappy', 'v2-zstd', 'deltas']) {
      const file = parquet(name);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(file.length - 1),
          fc.constantFrom('any' as const, 'footer' as const),
          fc.uint8Array({ minLength: 1, maxLength: 4 }),
          async (at, where, bytes) => {
            const damaged = Buffer.from(file);
            const start = where === 'any' ? at : file.length - 1 - (at % Math.min(9000, file.length));
            damaged.set(bytes.subarray(0, file.length - start), start);
            const { records, fault } = await recordsOf(sourceOfBytes(damaged));
            if (fault === undefined) expect(records.length).toBeLessThanOrEqual(everyType.length);
          },
        ),
        { numRuns: 150 },
      );
    }
  });

  it('is refused when texts of a page that repeat one another would fill the memory', async () => {
    const file = parquet('hostile/long-prefixes');
    expect(file.length).toBeLessThan(20_000);
    expect(await recordsOf(sourceOfBytes(file))).toEqual({
      records: [],
      fault: 'unsupported_layout',
      message: expect.stringContaining('DELTA_BYTE_ARRAY'),
    });
  });

  it('comes in batches of bounded size, and is refused when values that repeat would never end', async () => {
    const file = parquet('hostile/repeated-text');
    expect(file.length).toBeLessThan(1000);
    const format = { source: { prefix: '', format: 'parquet' as const }, record: z.unknown() };
    let total = 0;
    const read = async () => {
      for await (const batch of decode(format, sourceOfBytes(file))) {
        const bytes = (batch as readonly RawRecord[]).reduce((sum, { length }) => sum + length, 0);
        expect(bytes).toBeLessThan(5 * 1024 * 1024);
        total += bytes;
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'compression_bomb' });
    expect(total).toBeGreaterThan(250 * 1024 * 1024);
    expect(total).toBeLessThanOrEqual(256 * 1024 * 1024);
  });

  it('is refused at a row whose values repeat without end', async () => {
    const { records, fault, message } = await recordsOf(
      sourceOfBytes(parquet('hostile/repeated-text-in-list')),
    );
    expect({ records: records.length, fault }).toEqual({ records: 1, fault: 'unsupported_layout' });
    expect(message).toContain('A record of the file has more than');
  });

  it('is not written again without a record', async () => {
    const format = { source: { prefix: '', format: 'parquet' as const }, record: z.unknown() };
    expect(await findCut(format, sourceOfBytes(parquet('int96')), 1)).toEqual({
      records: 5,
      reason: 'not_written',
    });
  });
});

function footer(beginning: readonly number[], rest: Buffer): Buffer {
  const { length } = rest;
  return Buffer.concat([Buffer.from('PAR1'), Buffer.from(beginning), rest, tail(beginning.length + length)]);
}

function tail(length: number): Buffer {
  const bytes = Buffer.from('....PAR1');
  bytes.writeUInt32LE(length, 0);
  return bytes;
}

function withFooterLength(file: Buffer, length: number): Buffer {
  return Buffer.concat([file.subarray(0, -8), tail(length)]);
}
