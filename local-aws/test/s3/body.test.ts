import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Body } from '../../s3/api/body.ts';
import { blockSize } from '../../s3/storage/blocks.ts';

const limit = 1024 * 1024;
const crc = (bytes: Uint8Array) => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(crc32(bytes));
  return buffer.toString('base64');
};

/** Reads the body to its end; gives its content, or the code of the refusal. */
async function read(wire: Uint8Array, headers: Record<string, string>, cuts: number[] = []): Promise<string> {
  const ends = [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].sort((a, b) => a - b);
  const pieces = [...ends, wire.length].map((end, index) => wire.subarray(ends[index - 1] ?? 0, end));
  try {
    const body = Body.received({ body: Readable.from(pieces.map(Buffer.from)), headers }, { limit });
    const content: Uint8Array[] = [];
    for await (const chunk of body) content.push(Buffer.from(chunk));
    return Buffer.concat(content).toString('latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return `${error.code}`;
    throw error;
  }
}

/** As "Signature calculations: transferring payload in multiple chunks" lays it out. */
function chunked(chunks: readonly Uint8Array[], options: { signed: boolean; trailer?: string }): Buffer {
  const extension = options.signed ? `;chunk-signature=${'0'.repeat(64)}` : '';
  const trailer = options.trailer === undefined ? '' : `${options.trailer}\r\n`;
  return Buffer.concat([
    ...chunks
      .filter((chunk) => chunk.length > 0)
      .flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ]),
    Buffer.from(`0${extension}\r\n${trailer}\r\n`),
  ]);
}

const hello = Buffer.from('hello');
const trailing = (content: Uint8Array) => ({
  'content-encoding': 'aws-chunked',
  'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'x-amz-decoded-content-length': `${content.length}`,
  'x-amz-trailer': 'x-amz-checksum-crc32',
});

describe('an aws-chunked body', () => {
  test('gives its content however it is chunked, signed and cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (chunks, signed, cuts) => {
          const content = Buffer.concat(chunks);
          const wire = chunked(chunks, { signed, trailer: `x-amz-checksum-crc32:${crc(content)}` });
          expect(await read(wire, trailing(content), cuts)).toBe(content.toString('latin1'));
        },
      ),
    );
  });

  test('that breaks off anywhere is incomplete', async () => {
    const wire = chunked([hello], { signed: false, trailer: `x-amz-checksum-crc32:${crc(hello)}` });
    for (let end = 0; end < wire.length; end += 1) {
      expect(await read(wire.subarray(0, end), trailing(hello))).toBe('IncompleteBody');
    }
  });

  test('is refused for a wrong, a missing or a malformed trailing checksum', async () => {
    const with_ = (trailer?: string) =>
      read(
        chunked([hello], trailer === undefined ? { signed: false } : { signed: false, trailer }),
        trailing(hello),
      );
    expect(await with_(`x-amz-checksum-crc32:${crc(Buffer.from('other'))}`)).toBe('BadDigest');
    expect(await with_()).toBe('MalformedTrailerError');
    expect(await with_('x-amz-checksum-crc32:AA==')).toBe('InvalidRequest');
  });

  test('is refused when its content is longer or shorter than it says', async () => {
    const wire = chunked([hello], { signed: false, trailer: `x-amz-checksum-crc32:${crc(hello)}` });
    for (const length of ['4', '6']) {
      expect(await read(wire, { ...trailing(hello), 'x-amz-decoded-content-length': length })).toBe(
        'IncompleteBody',
      );
    }
    const { 'x-amz-decoded-content-length': _, ...without } = trailing(hello);
    expect(await read(wire, without)).toBe('MissingContentLength');
  });
});

describe('a plain body', () => {
  const length = { 'content-length': '5' };
  const digest = (name: string, bytes: Uint8Array) => createHash(name).update(bytes).digest();

  test('is held to its Content-MD5, its SHA-256 and its checksum', async () => {
    const other = Buffer.from('other');
    expect(await read(hello, { ...length, 'content-md5': digest('md5', hello).toString('base64') })).toBe(
      'hello',
    );
    expect(await read(hello, { ...length, 'content-md5': digest('md5', other).toString('base64') })).toBe(
      'BadDigest',
    );
    expect(await read(hello, { ...length, 'content-md5': 'bm8=' })).toBe('InvalidDigest');
    const sha256 = 'x-amz-content-sha256';
    expect(await read(hello, { ...length, [sha256]: digest('sha256', hello).toString('hex') })).toBe('hello');
    expect(await read(hello, { ...length, [sha256]: digest('sha256', other).toString('hex') })).toBe(
      'XAmzContentSHA256Mismatch',
    );
    expect(await read(hello, { ...length, [sha256]: 'UNSIGNED-PAYLOAD' })).toBe('hello');
    expect(await read(hello, { ...length, 'x-amz-checksum-crc32': crc(hello) })).toBe('hello');
    expect(await read(hello, { ...length, 'x-amz-checksum-crc32': crc(other) })).toBe('BadDigest');
  });

  test('is refused if its checksum headers are inconsistent', async () => {
    const both = {
      'x-amz-checksum-crc32': crc(hello),
      'x-amz-checksum-sha1': digest('sha1', hello).toString('base64'),
    };
    expect(await read(hello, { ...length, ...both })).toBe('InvalidRequest');
    expect(await read(hello, { ...length, 'x-amz-checksum-crc32': 'no' })).toBe('InvalidRequest');
    expect(await read(hello, { ...length, 'x-amz-sdk-checksum-algorithm': 'CRC32' })).toBe('InvalidRequest');
  });

  test('requires a length, and is refused beyond the limit', async () => {
    expect(await read(hello, {})).toBe('MissingContentLength');
    expect(await read(hello, { 'content-length': `${limit + 1}` })).toBe('EntityTooLarge');
    expect(await read(Buffer.alloc(limit + 1), length)).toBe('EntityTooLarge');
  });
});

describe('a body larger than a block', () => {
  const sizes = fc
    .constantFrom(-1, 0, 1, blockSize - 1, blockSize, 2 * blockSize + 7)
    .map((more) => blockSize + more);
  const contentOf = (size: number) =>
    Buffer.from(Uint8Array.from({ length: size }, (_, at) => at * 31 + (at >> 8)));
  const promises = (content: Uint8Array) => ({
    'content-length': `${content.length}`,
    'content-md5': createHash('md5').update(content).digest('base64'),
    'x-amz-content-sha256': createHash('sha256').update(content).digest('hex'),
    'x-amz-checksum-crc32': crc(content),
  });

  test('returns its content and matches its headers, for any division into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(), { maxLength: 20 }), async (size, cuts) => {
        const content = contentOf(size);
        expect(await read(content, promises(content), cuts)).toBe(content.toString('latin1'));
        const wire = chunked([content], { signed: true, trailer: `x-amz-checksum-crc32:${crc(content)}` });
        expect(await read(wire, trailing(content), cuts)).toBe(content.toString('latin1'));
      }),
      { numRuns: 20 },
    );
  });

  test('is refused for one wrong bit or a missing last byte, while concurrent bodies are accepted', async () => {
    const content = contentOf(blockSize + 1000);
    const headers = {
      'content-length': `${content.length}`,
      'x-amz-content-sha256': promises(content)['x-amz-content-sha256'],
    };
    const flipped = Buffer.from(content);
    flipped[blockSize - 1] = (flipped[blockSize - 1] ?? 0) ^ 1;
    const all = await Promise.all([
      read(content, headers),
      read(flipped, headers),
      read(content.subarray(0, -1), headers),
      read(content, headers),
    ]);
    const right = content.toString('latin1');
    expect(all).toEqual([right, 'XAmzContentSHA256Mismatch', 'IncompleteBody', right]);
  });
});
