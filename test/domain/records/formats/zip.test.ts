import { readFileSync } from 'node:fs';
import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PermanentError } from '../../../../domain/errors.ts';
import { CsvRecord } from '../../../../domain/records/decoding/csv/record.ts';
import { findCut } from '../../../../domain/records/decoding/cut.ts';
import { decode } from '../../../../domain/records/decoding/decode.ts';
import type { Source } from '../../../../domain/records/decoding/source.ts';
import type { SourceFormat } from '../../../../domain/source-format.ts';
import { chunksOf, decoded } from '../decoded.ts';
import { type Given, zipOf } from './zip-of.ts';

const fixture = (name: string) => readFileSync(new URL(`fixtures/zip/${name}.zip`, import.meta.url));

const storedWithoutLength = zipOf(['a.json', '{"a":1}', { method: 0, descriptor: 'narrow' }]);

const things = z.object({ id: z.string(), name: z.string() });
const csv: SourceFormat = { format: 'csv' };

/** The rows of CSV, and how it ended. */
async function rows(open: Source) {
  const found: unknown[] = [];
  try {
    for await (const batch of decode({ source: { prefix: '', ...csv }, record: things }, open))
      for (const record of batch) {
        const reading = record instanceof CsvRecord ? record.read() : undefined;
        found.push(reading && 'value' in reading ? reading.value : reading);
      }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { rows: found, fault: error.code, message: error.message };
  }
  return { rows: found };
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"n":${from + i},"x":"${((from + i) * 7_654_321) % 99_991}"}`);
const ndjson = (from: number, to: number) => `${lines(from, to).join('\n')}\n`;

describe('a zip archive', () => {
  it.each([
    'python',
    'python-streamed',
    'python-zip64',
    'python-streamed-zip64',
    'infozip',
    'infozip-piped',
    'infozip-stored',
    'java',
  ])('that %s made is read file by file, each CSV by its own header', async (name) => {
    const all = fixture(name);
    const { rows: found, ...rest } = await rows(chunksOf(all));
    const named = (id: number) => ({ id: String(id), name: `name ${id}` });
    expect(rest).toEqual({});
    expect(found.toSorted((a, b) => Number(Object(a).id) - Number(Object(b).id))).toEqual(
      Array.from({ length: 60 }, (_, i) => named(i + 1)),
    );
    for (const size of [1, 7, 100]) expect(await rows(chunksOf(all, size))).toEqual({ rows: found });
  });

  it('holds the same records whatever is in which file, and however the bytes arrive', async () => {
    const options = fc.record(
      {
        method: fc.constantFrom(0, 8),
        descriptor: fc.constantFrom('narrow' as const, 'wide' as const, 'unsigned' as const, undefined),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(60), options), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 3000 }),
        async (files, size) => {
          let at = 0;
          const given = files.map(([count, { method = 8, descriptor }], i): Given => {
            const text = ndjson(at, at + count + 1);
            at += count + 1;
            const follow = method === 8 && descriptor !== undefined;
            return [`${i}.ndjson`, text, { method, ...(follow && { descriptor }) }];
          });
          const { records, fault } = await decoded(chunksOf(zipOf(...given), size));
          expect(fault).toBeUndefined();
          expect(records).toEqual(lines(0, at));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('may hold a JSON array, a list in a document, and UTF-16 with a byte-order mark', async () => {
    const archive = zipOf(
      ['a.json', '[{"a":1},{"a":2}]'],
      ['b.json', Buffer.from('\uFEFF{"a":3}', 'utf16le')],
    );
    expect((await decoded(chunksOf(archive, 5))).records).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
    const lists = zipOf(['a.json', '{"data":[{"a":1}],"more":1}'], ['b.json', '{"data":[{"a":2}]}']);
    expect((await decoded(chunksOf(lists), 'data')).records).toEqual(['{"a":1}', '{"a":2}']);
  });

  it('has no records in directories, in empty files, and in what macOS adds', async () => {
    const archive = zipOf(
      ['../../etc/passwd/', ''],
      ['__MACOSX/a.json', 'no json'],
      ['x/.DS_Store', 'no json'],
      ['empty.json', ''],
      ['blank.json', ' \n'],
      ['/../a.json', '{"a":1}'],
    );
    expect(await decoded(chunksOf(archive))).toMatchObject({ records: ['{"a":1}'], fault: undefined });
  });

  it.each([
    ['nothing', zipOf()],
    ['empty files', zipOf(['a.json', ''], ['b.json', '\n'])],
    ['a directory', zipOf(['a/', ''])],
  ])('with %s is empty', async (_, archive) => {
    expect(await decoded(chunksOf(archive))).toMatchObject({ records: [], fault: 'empty_file' });
  });

  it.each([
    ['encrypted', zipOf(['a.json', '{}', { flags: 1 }]), '"a.json" in the zip archive is encrypted'],
    ['encrypted', zipOf(['a.json', '{}', { flags: 0x2000 }]), 'is encrypted'],
    ['encrypted', zipOf(['a.json', '{}', { method: 99 }]), 'is encrypted'],
    ['encrypted', fixture('infozip-encrypted'), 'Make the archive without a password'],
    ['unsupported_compression', fixture('infozip-bzip2'), 'by method 12'],
    ['unsupported_compression', zipOf(['a.json', '{}', { method: 14 }]), 'by method 14'],
    ['unsupported_compression', storedWithoutLength, 'without its length before it'],
    [
      'unknown_format',
      zipOf(['in.zip', zipOf(['a.json', '{}'])]),
      'In "in.zip" of the zip archive: The file is',
    ],
    ['unknown_format', zipOf(['a.json.gz', gzipSync('{}')]), 'compressed twice, with gzip within'],
    ['unknown_format', zipOf(['docProps/app.xml', '<x/>']), 'workbook of Excel'],
    ['unknown_format', zipOf(['[Content_Types].xml', '<x/>']), 'workbook of Excel'],
    ['unknown_format', zipOf(['read.me', 'This is no JSON, it is text']), 'In "read.me"'],
  ])('is at fault as %s (%#), and the message says how', async (fault, archive, message) => {
    for (const size of [1, 1000])
      expect(await decoded(chunksOf(archive, size))).toMatchObject({
        records: [],
        fault,
        message: expect.stringContaining(message),
      });
  });

  it('within gzip is refused', async () => {
    const twice = gzipSync(zipOf(['a.json', '{"a":1}']));
    expect(await decoded(chunksOf(twice))).toMatchObject({ records: [], fault: 'unknown_format' });
  });

  it('keeps the records before a file that is at fault, which the message names', async () => {
    const archive = zipOf(['a.json', '{"a":1}\n'], ['b.json', '[{"a":2},{"a":'], ['c.json', '{"a":3}']);
    const found = await decoded(chunksOf(archive));
    expect(found).toMatchObject({ records: ['{"a":1}', '{"a":2}'], fault: 'truncated' });
    expect(found.message).toMatch(/^In "b.json" of the zip archive: The file ends within its array/);
  });

  it('keeps every whole record before its end, wherever it breaks off', async () => {
    const sound = zipOf(
      ['a.ndjson', ndjson(0, 30)],
      ['b.ndjson', ndjson(30, 60), { descriptor: 'narrow' }],
      ['c.ndjson', ndjson(60, 65), { method: 0 }],
    );
    let before = 0;
    for (let length = 4; length < sound.length; length += 1) {
      const found = await decoded(chunksOf(sound.subarray(0, length)));
      expect(found.fault, `${length} bytes`).toBe('truncated');
      expect(found.records).toEqual(lines(0, found.records.length));
      expect(found.records.length).toBeGreaterThanOrEqual(before);
      before = found.records.length;
    }
    expect(before).toBe(65);
  });

  it('keeps every record before damage, the same ones however it arrives, and names the place', async () => {
    const many = ndjson(0, 12_000);
    const cut = deflateRawSync(many, { finishFlush: constants.Z_SYNC_FLUSH });
    // The last block of a kind that there is not (RFC 1951, section 3.2.3).
    const broken = Buffer.concat([cut, Buffer.of(0b111), Buffer.alloc(200_000, 0xaa)]);
    const archive = zipOf(['a.ndjson', ndjson(0, 10)], ['b.ndjson', broken, { method: 0 }]);
    // It says that it is deflated.
    const header = archive.indexOf('b.ndjson') - 30;
    archive.writeUInt16LE(8, header + 8);
    const found = await decoded(chunksOf(archive));
    expect(found.fault).toBe('corrupt_compression');
    expect(found.message).toContain(`In "b.ndjson" of the zip archive: It is damaged`);
    expect(found.message).toContain(`after ${many.length} bytes of content`);
    expect(found.records).toEqual([...lines(0, 10), ...lines(0, 12_000)]);
    for (const size of [777, 70_000]) expect(await decoded(chunksOf(archive, size))).toEqual(found);
  });

  it('never ends well, and never badly, when any byte of it is another', async () => {
    const sound = zipOf(
      ['a.ndjson', ndjson(0, 30)],
      ['b.ndjson', ndjson(30, 60), { descriptor: 'narrow' }],
      ['c.ndjson', ndjson(60, 62), { method: 0 }],
    );
    const whole = lines(0, 62);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sound.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 1, max: 500 }),
        async (at, bits, size) => {
          const damaged = Buffer.from(sound);
          damaged[at] = (damaged[at] ?? 0) ^ bits;
          const found = await decoded(chunksOf(damaged, size));
          expect(await decoded(chunksOf(damaged))).toEqual(found);
          // What is neither size nor sum nor content may change unnoticed: times, versions, comments.
          // With another first byte it is no archive, but perhaps lines of JSON, none of which is a record.
          if (found.fault === undefined && at > 0) expect(found.records).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a wrong checksum', zipOf(['a.json', '{"a":1}', { crc: 7 }])],
    ['a wrong checksum after the content', zipOf(['a.json', '{"a":1}', { crc: 7, descriptor: 'narrow' }])],
    ['a file that its directory lacks', zipOf(['a.json', '{"a":1}', { hidden: true }], ['b/', ''])],
    ['bytes behind its end', Buffer.concat([zipOf(['a.json', '{"a":1}']), Buffer.from('more')])],
    [
      'bytes between files and directory',
      (() => {
        const all = zipOf(['a.json', '{"a":1}']);
        const at = all.indexOf('PK\x01\x02');
        return Buffer.concat([all.subarray(0, at), Buffer.from('XXXX'), all.subarray(at)]);
      })(),
    ],
  ])('with %s is damaged, and its records are kept', async (_, archive) => {
    for (const size of [1, 1000])
      expect(await decoded(chunksOf(archive, size))).toMatchObject({
        records: ['{"a":1}'],
        fault: 'corrupt_compression',
      });
  });

  it('that expands to gigabytes of nothing is refused early', async () => {
    const file = ['bomb.json', Buffer.alloc(64 * 1024 ** 2, ' ')] as const;
    const bomb = zipOf(file, file, file, file, file, file);
    expect(bomb.length).toBeLessThan(1024 ** 2);
    expect(await decoded(chunksOf(bomb))).toMatchObject({ records: [], fault: 'compression_bomb' });
  });

  it('of nothing but almost empty files is refused early', async () => {
    const bomb = zipOf(...Array.from({ length: 5000 }, (_, i): Given => [`${i}`, '']));
    expect(await decoded(chunksOf(bomb))).toMatchObject({ records: [], fault: 'compression_bomb' });
  });

  it('is not written again without a record', async () => {
    const open = chunksOf(zipOf(['a.json', '{"a":1}\n{"a":2}\n']));
    const format = { source: { prefix: '', format: 'json' as const }, record: z.unknown() };
    expect(await findCut(format, open, 1)).toEqual({ records: 2, reason: 'not_written' });
  });
});
