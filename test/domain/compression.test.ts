import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../domain/decoding/decompression.ts';
import { chunksOf, decoded } from './decoded.ts';

const compressors = [
  ['gzip', (bytes: Uint8Array) => gzipSync(bytes)],
  ['zstd', (bytes: Uint8Array) => zstdCompressSync(bytes)],
] as const;

const items = Array.from(
  { length: 3000 },
  (_, n) => `{"n":${n},"text":"${(n * 2_654_435_761) % 1_000_003}"}`,
);
const lines = `${items.join('\n')}\n`;

/** A frame that decompressors skip (RFC 8878, section 3.1.2). */
const skippableFrame = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

describe.each(compressors)('%s', (_, compress) => {
  it('holds the same records however the compressed bytes are cut', async () => {
    const whole = compress(Buffer.from('[{"a":1},{"b":"é"},3]'));
    for (let cut = 1; cut < whole.length; cut += 1) {
      const found = await decoded(chunksOf(whole, cut, whole.length));
      expect(found.records, `cut after byte ${cut}`).toEqual(['{"a":1}', '{"b":"é"}', '3']);
      expect(found.fault).toBeUndefined();
    }
  });

  it('is one content in any number of pieces, each compressed by itself', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(400), { maxLength: 5 }),
        fc.integer({ min: 1, max: 5000 }),
        async (cuts, size) => {
          const ends = [...cuts.sort((a, b) => a - b), items.length];
          const pieces = ends.map((end, i) => items.slice(ends[i - 1] ?? 0, end).map((item) => `${item}\n`));
          const file = Buffer.concat(pieces.map((piece) => compress(Buffer.from(piece.join('')))));
          const { records, fault } = await decoded(chunksOf(file, size));
          expect(fault).toBeUndefined();
          expect(records).toEqual(items);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('gives out the same records up to where the file breaks off, however it arrives', async () => {
    const file = compress(Buffer.from(lines));
    let before = -1;
    for (let length = 8; length < file.length; length += Math.ceil(file.length / 20)) {
      const cutOff = file.subarray(0, length);
      const found = await decoded(chunksOf(cutOff));
      expect(found.fault).toBe('truncated');
      expect(found.records).toEqual(items.slice(0, found.records.length));
      expect(found.records.length).toBeGreaterThanOrEqual(before);
      before = found.records.length;
      for (const size of [3333]) expect(await decoded(chunksOf(cutOff, size))).toEqual(found);
    }
  });

  it('is truncated at every byte of a small file', async () => {
    const file = compress(Buffer.from('{"a":1}\n{"b":2}\n'));
    for (let length = 4; length < file.length; length += 1) {
      expect((await decoded(chunksOf(file.subarray(0, length)))).fault, `${length} bytes`).toBe('truncated');
    }
  });

  it('is found damaged at the same place however it arrives', async () => {
    const file = compress(Buffer.from(lines.repeat(15)));
    file.fill(0xff, file.length - 3000, file.length - 2000);
    const found = await decoded(chunksOf(file));
    expect(found.fault).toBe('corrupt_compression');
    for (const size of [999, 65_536]) {
      expect(await decoded(chunksOf(file, size))).toEqual(found);
    }
  });

  it('is found damaged at the same place however slowly it is read', async () => {
    const file = compress(Buffer.from('{"n":1}\n'.repeat(500_000)));
    file.fill(0xff, file.length - 40);
    const found: number[] = [];
    for (const pauses of [0, 3]) {
      let produced = 0;
      const drained = async () => {
        for await (const chunk of decompress(chunksOf(file))) {
          produced += chunk.length;
          for (let i = 0; i < pauses; i += 1) await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      await expect(drained()).rejects.toMatchObject({ name: 'PermanentError' });
      found.push(produced);
    }
    expect(found[0]).toBeGreaterThan(1_000_000);
    expect(found[1]).toBe(found[0]);
  });

  it('is damaged when something else follows it', async () => {
    const file = Buffer.concat([compress(Buffer.from(lines)), Buffer.from('something else')]);
    expect((await decoded(chunksOf(file))).fault).toBe('corrupt_compression');
  });
});

describe('gzip', () => {
  it('may be padded with zeros', async () => {
    for (const zeros of [1, 100, 200_000]) {
      const file = Buffer.concat([gzipSync(lines), Buffer.alloc(zeros)]);
      expect(await decoded(chunksOf(file, 777))).toMatchObject({ records: items, fault: undefined });
    }
  });

  it('loses nothing that was decompressed when it breaks off', async () => {
    const file = gzipSync(lines, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(await decoded(chunksOf(file))).toMatchObject({ records: items, fault: 'truncated' });
  });

  it('that expands to gigabytes of nothing is refused early', async () => {
    const member = gzipSync(Buffer.alloc(4 * 1024 ** 2));
    let read = 0;
    const bomb = async function* () {
      for (; read < 1000; read += 1) yield member;
    };
    let produced = 0;
    const drained = async () => {
      for await (const chunk of decompress(bomb())) produced += chunk.length;
    };
    await expect(drained()).rejects.toMatchObject({ code: 'compression_bomb' });
    expect(produced).toBeLessThan(300 * 1024 ** 2);
    expect(read).toBeLessThan(100);
  });
});

describe('zstd', () => {
  it('may have frames to skip before, between and behind its content', async () => {
    const frame = zstdCompressSync(lines);
    const file = Buffer.concat([
      skippableFrame,
      frame,
      skippableFrame,
      skippableFrame,
      frame,
      skippableFrame,
    ]);
    for (const size of [file.length, 10, 5000]) {
      expect((await decoded(chunksOf(file, size))).records).toEqual([...items, ...items]);
    }
  });

  it.each([
    ['empty frames', zstdCompressSync('')],
    ['frames to skip', skippableFrame],
  ])('that consists of nothing but %s is refused early', async (_, frame) => {
    const file = Buffer.concat(Array<Buffer>(5000).fill(frame));
    expect(await decoded(chunksOf(file))).toMatchObject({ records: [], fault: 'compression_bomb' });
  });

  it('that expands beyond measure is refused early', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 ** 2));
    const produced: number[] = [];
    const drained = async () => {
      for await (const chunk of decompress(chunksOf(Buffer.concat(Array<Buffer>(50).fill(bomb))))) {
        produced.push(chunk.length);
      }
    };
    await expect(drained()).rejects.toMatchObject({ code: 'compression_bomb' });
    expect(Math.max(...produced)).toBeLessThanOrEqual(256 * 1024);
    expect(produced.reduce((sum, length) => sum + length)).toBeLessThan(300 * 1024 ** 2);
  });
});
