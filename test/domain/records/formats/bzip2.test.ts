import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PermanentError } from '../../../../domain/errors.ts';
import { compressionOf } from '../../../../domain/records/decoding/compressed/compression.ts';
import { filesIn } from '../../../../domain/records/decoding/compressed/files.ts';
import { findCut } from '../../../../domain/records/decoding/cut.ts';
import type { Source } from '../../../../domain/records/decoding/source.ts';
import { chunksOf, decoded } from '../decoded.ts';
import { contents } from './bzip2-contents.ts';

const folder = new URL('fixtures/bzip2/', import.meta.url);
const fixture = (name: string) => readFileSync(new URL(`${name}.bz2`, folder));
const contentOf = (name: string) => Buffer.concat((contents[name] ?? []).map(({ content }) => content));

async function expanded(open: Source) {
  const chunks: Buffer[] = [];
  try {
    for await (const { content } of filesIn(open)) for await (const chunk of content) chunks.push(chunk);
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { content: Buffer.concat(chunks), fault: error.code, message: error.message };
  }
  return { content: Buffer.concat(chunks), fault: undefined, message: '' };
}

describe('bzip2', () => {
  it('has a fixture for each content', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.bz2'));
    expect(files).toEqual(
      Object.keys(contents)
        .map((name) => `${name}.bz2`)
        .sort(),
    );
  });

  it.each(Object.keys(contents))('%s comes out as it went into the bzip2 program', async (name) => {
    const file = fixture(name);
    for (const size of [file.length, 1000]) {
      const { content, fault } = await expanded(chunksOf(file, size));
      expect(fault).toBeUndefined();
      expect(content.equals(contentOf(name))).toBe(true);
    }
  });

  it('holds the same records however the bytes are cut, in one stream or several', async () => {
    for (const name of ['one-block', 'many-streams']) {
      const expected = contentOf(name).toString().trimEnd().split('\n');
      for (const size of [1, 2, 7])
        expect(await decoded(chunksOf(fixture(name), size))).toMatchObject({
          records: expected,
          fault: undefined,
        });
    }
  });

  it('is recognised by its first block or its end, and text that begins like it is not', () => {
    expect(compressionOf(fixture('empty'))).toBe('bzip2');
    expect(compressionOf(fixture('one').subarray(0, 10))).toBe('bzip2');
    expect(compressionOf(Buffer.from('BZh9,name\n1,a\n'))).toBe('none');
    expect(compressionOf(Buffer.from('BZh0\x31\x41\x59\x26\x53\x59', 'latin1'))).toBe('none');
  });

  it('is truncated wherever it breaks off, and its whole blocks are kept', async () => {
    const file = fixture('many-streams');
    const whole = contentOf('many-streams');
    let before = 0;
    for (let length = 4; length < file.length; length += 1) {
      const { content, fault } = await expanded(chunksOf(file.subarray(0, length), 300));
      // Between two streams it ends well.
      if (fault !== undefined) expect(fault, `${length} bytes`).toBe('truncated');
      expect(content.equals(whole.subarray(0, content.length))).toBe(true);
      expect(content.length).toBeGreaterThanOrEqual(before);
      before = content.length;
    }
    expect(before).toBe(whole.length);
  });

  it('keeps the blocks before a damaged one, and names the place', async () => {
    const file = fixture('many-blocks');
    const whole = contentOf('many-blocks');
    const damaged = Buffer.from(file);
    const at = Math.floor(file.length / 2);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    const { content, fault, message } = await expanded(chunksOf(damaged, 999));
    expect(fault).toBe('corrupt_compression');
    expect(content.length).toBeGreaterThan(90_000);
    expect(content.equals(whole.subarray(0, content.length))).toBe(true);
    expect(message).toMatch(
      new RegExp(`^The bzip2 stream is damaged after ${content.length} bytes of content: `),
    );
  });

  it('never gives out a byte that is wrong, whatever bits are damaged', async () => {
    for (const name of ['one-block', 'runs', 'many-streams']) {
      const file = fixture(name);
      const whole = contentOf(name);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(file.length * 8 - 81),
          fc.integer({ min: 1, max: 400 }),
          async (bit, size) => {
            const damaged = Buffer.from(file);
            const at = 10 + (bit >>> 3);
            damaged[at] = (damaged[at] ?? 0) ^ (0x80 >>> (bit & 7));
            const found = await expanded(chunksOf(damaged));
            expect(found.content.equals(whole.subarray(0, found.content.length))).toBe(true);
            // The bits that fill up the last byte mean nothing.
            if (found.fault === undefined) expect(found.content.length).toBe(whole.length);
            expect(await expanded(chunksOf(damaged, size))).toEqual(found);
          },
        ),
        { numRuns: 120 },
      );
    }
  });

  it('ends in a fault or well, but never otherwise, when it is noise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (noise) => {
        const file = Buffer.concat([fixture('one').subarray(0, 10), noise]);
        const { fault } = await expanded(chunksOf(file));
        expect(['truncated', 'corrupt_compression']).toContain(fault);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['GARBAGE', 'corrupt_compression'],
    ['G', 'corrupt_compression'],
    ['B', 'truncated'],
    ['BZh9', 'truncated'],
    ['BZh0', 'corrupt_compression'],
  ])('keeps everything when %j follows it', async (text, code) => {
    const { content, fault } = await expanded(
      chunksOf(Buffer.concat([fixture('one'), Buffer.from(text)]), 3),
    );
    expect({ content: content.toString(), fault }).toEqual({ content: '{"n":1}', fault: code });
  });

  it('that expands to gigabytes of nothing is refused early', async () => {
    const bomb = Buffer.concat(Array<Buffer>(400).fill(fixture('long-run')));
    let produced = 0;
    const drained = async () => {
      for await (const { content } of filesIn(chunksOf(bomb)))
        for await (const chunk of content) {
          expect(chunk.length).toBeLessThanOrEqual(256 * 1024);
          produced += chunk.length;
        }
    };
    await expect(drained()).rejects.toMatchObject({ code: 'compression_bomb' });
    expect(produced).toBeLessThan(300 * 1024 ** 2);
  });

  it('of nothing but empty streams is refused early', async () => {
    const file = Buffer.concat(Array<Buffer>(5000).fill(fixture('empty')));
    expect((await expanded(chunksOf(file))).fault).toBe('compression_bomb');
  });

  it('is not written again without a record', async () => {
    const format = { source: { prefix: '', format: 'json' as const }, record: z.unknown() };
    expect(await findCut(format, chunksOf(fixture('one-block')), 1)).toEqual({
      records: 100,
      reason: 'not_written',
    });
  });

  it('within gzip is refused', async () => {
    const found = await decoded(chunksOf(gzipSync(fixture('one'))));
    expect(found).toMatchObject({ records: [], fault: 'unknown_format' });
    expect(found.message).toContain('compressed twice, with bzip2 within');
  });
});
