import { constants, createGunzip, createZstdDecompress, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filesIn } from '../../../domain/records/decoding/compressed/files.ts';
import type { Source } from '../../../domain/records/decoding/source.ts';
import { chunksOf, decoded } from './decoded.ts';

const compressors = [
  ['gzip', (bytes: Uint8Array) => gzipSync(bytes), (bytes: Uint8Array) => gzipSync(bytes)],
  [
    'zstd',
    (bytes: Uint8Array) => zstdCompressSync(bytes),
    (bytes: Uint8Array) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  ],
] as const;

async function* decompress(open: Source): AsyncGenerator<Buffer> {
  for await (const { content } of filesIn(open)) yield* content;
}

/** What a decompressor makes of the beginning of a stream. */
async function producedBy(beginning: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const stream = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.write(beginning, resolve));
  return Buffer.concat(chunks);
}

const distinct = (length: number) =>
  Array.from({ length }, (_, n) => `{"n":${n},"text":"${(n * 2_654_435_761) % 1_000_003}"}`);
const items = distinct(3000);
const lines = `${items.join('\n')}\n`;
/** For damage: the block with it is decompressed byte by byte. */
const few = items.slice(0, 100);
const fewLines = `${few.join('\n')}\n`;

/** A frame that decompressors skip (RFC 8878, section 3.1.2). */
const skippableFrame = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

describe.each(compressors)('%s', (compression, compress, compressWithChecksum) => {
  it('holds the same records however the compressed bytes are cut', async () => {
    const whole = compress(Buffer.from('[{"a":1},{"b":"é"},3]'));
    for (let cut = 1; cut < whole.length; cut += 1) {
      const found = await decoded(chunksOf(whole, cut, whole.length));
      expect(found.records, `cut after byte ${cut}`).toEqual(['{"a":1}', '{"b":"é"}', '3']);
      expect(found.fault).toBeUndefined();
    }
  });

  it('is one content even if it consists of several compressed members', async () => {
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

  it('gives the same records up to the end of a file that breaks off, however the bytes arrive', async () => {
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
    for (let length = compression === 'gzip' ? 2 : 4; length < file.length; length += 1) {
      expect((await decoded(chunksOf(file.subarray(0, length)))).fault, `${length} bytes`).toBe('truncated');
    }
  });

  it('is found damaged at the same place however it arrives', async () => {
    const file = compress(Buffer.from(distinct(12_000).join('\n')));
    // In the second block of input.
    const at = 64 * 1024 + 1000;
    expect(file.length).toBeGreaterThan(at + 5000);
    file.fill(0xff, at, at + 1000);
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

  it.each([1, 2, 3, 4, 8, 15])(
    'keeps everything when %i bytes of something else follow it',
    async (length) => {
      for (const text of [fewLines, fewLines.trimEnd(), '{"n":1}\n', '{"n":1}']) {
        const file = Buffer.concat([
          compress(Buffer.from(text)),
          Buffer.from('GARBAGE GARBAGE').subarray(0, length),
        ]);
        const found = await decoded(chunksOf(file, 500));
        expect(found.fault).toBe('corrupt_compression');
        expect(found.records).toEqual(text.trimEnd().split('\n'));
        expect(found.message).toContain(`after ${Buffer.byteLength(text)} bytes of content`);
      }
    },
  );

  it('keeps the content of the members before a damaged one', async () => {
    const [first, second] = [few, items.slice(500, 600)].map((part) =>
      compress(Buffer.from(`${part.join('\n')}\n`)),
    ) as [Buffer, Buffer];
    for (const [at, length] of [
      [0, 1],
      [1, 1],
      [4, 8],
      [20, 400],
    ] as const) {
      const damaged = Buffer.from(second).fill(0xff, at, at + length);
      const found = await decoded(chunksOf(Buffer.concat([first, damaged]), 321));
      expect(found.fault).toBe('corrupt_compression');
      expect(found.records.slice(0, few.length)).toEqual(few);
    }
  });

  it('keeps the content of a member with a wrong checksum', async () => {
    const whole = compressWithChecksum(Buffer.from(fewLines));
    const file = Buffer.from(whole);
    const at = compression === 'gzip' ? file.length - 8 : file.length - 4;
    file.writeUInt32LE((file.readUInt32LE(at) ^ 1) >>> 0, at);
    const found = await decoded(chunksOf(file, 99));
    expect(found).toMatchObject({ records: few, fault: 'corrupt_compression' });
    expect(found.message).toContain(`after ${Buffer.byteLength(fewLines)} bytes of content`);
  });

  it('gives the same records in every attempt: all of those before the damage, wherever it is', async () => {
    const some = items.slice(0, 80);
    const whole = compress(Buffer.from(`${some.join('\n')}\n`));
    const damages = fc.array(
      fc.tuple(fc.integer({ min: 10, max: whole.length - 1 }), fc.integer({ min: 1, max: 255 })),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    await fc.assert(
      fc.asyncProperty(damages, fc.integer({ min: 1, max: 999 }), async (damage, size) => {
        const file = Buffer.from(whole);
        for (const [at, bits] of damage) file[at] = (file[at] ?? 0) ^ bits;
        const found = await decoded(chunksOf(file));
        expect(await decoded(chunksOf(file, size))).toEqual(found);
        const intact = await producedBy(
          whole.subarray(0, Math.min(...damage.map(([at]) => at))),
          compression,
        );
        const before = some.slice(0, intact.toString().split('\n').length - 1);
        expect(found.records.slice(0, before.length)).toEqual(before);
      }),
      { numRuns: 30 },
    );
  });

  it('is read a second time only if it is damaged', async () => {
    let opened = 0;
    const counted = (file: Buffer) => () => {
      opened += 1;
      return chunksOf(file, 100)();
    };
    const file = compress(Buffer.from(fewLines));
    expect((await decoded(counted(file))).fault).toBeUndefined();
    expect(opened).toBe(1);
    expect((await decoded(counted(file.subarray(0, -20)))).fault).toBe('truncated');
    expect(opened).toBe(2);
    const damaged = Buffer.concat([file, Buffer.from('GARBAGE')]);
    expect((await decoded(counted(damaged))).fault).toBe('corrupt_compression');
    expect(opened).toBe(4);
  });

  it('that was intact at the second read is retried, since the data is not at fault', async () => {
    const file = compress(Buffer.from('{"n":1}\n'));
    const versions = [Buffer.concat([file, Buffer.from('GARBAGE')]), file];
    const open = () => chunksOf(versions.shift() ?? file)();
    await expect(decoded(open)).rejects.toMatchObject({ name: 'TransientError', code: 'storage' });
  });
});

describe('gzip', () => {
  it('keeps every byte before the damage, even after many blocks of input', async () => {
    const many = distinct(11_000);
    const text = `${many.join('\n')}\n{"n":`;
    const sound = gzipSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(sound.length).toBeGreaterThan(64 * 1024);
    // The last block of a kind that there is not (RFC 1951, section 3.2.3).
    const found = await decoded(
      chunksOf(Buffer.concat([sound, Buffer.of(0b111), Buffer.alloc(300_000, 0xaa)]), 5000),
    );
    expect(found).toMatchObject({ records: many, fault: 'corrupt_compression' });
    expect(found.message).toContain(`damaged after ${text.length} bytes of content`);
  });

  it('may be padded with zeros', async () => {
    for (const zeros of [1, 100, 200_000]) {
      const file = Buffer.concat([gzipSync(lines), Buffer.alloc(zeros)]);
      expect(await decoded(chunksOf(file, 777))).toMatchObject({ records: items, fault: undefined });
    }
  });

  it('loses no decompressed content when it breaks off', async () => {
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
      for await (const chunk of decompress(bomb)) produced += chunk.length;
    };
    await expect(drained()).rejects.toMatchObject({ code: 'compression_bomb' });
    expect(produced).toBeLessThan(300 * 1024 ** 2);
    expect(read).toBeLessThan(100);
  });
});

describe('zstd', () => {
  it('may have skippable frames before, between and after its content', async () => {
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

  it('that expands too far is refused early', async () => {
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
