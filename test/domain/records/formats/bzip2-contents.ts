/** A line of a thing; the same for the same number. */
const line = (n: number) => `{"n":${n},"x":"${(n * 7_654_321) % 99_991}"}\n`;
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join('');

/** Bytes without order. */
function noise(length: number): Buffer {
  let state = 1;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 24;
    }),
  );
}

/** Runs of each length up to 520: the first four bytes of a run stand for themselves. */
const runs = () =>
  Buffer.concat(Array.from({ length: 520 }, (_, i) => Buffer.alloc(i + 1, i % 2 === 0 ? 'a' : 'b')));

/**
 * What is in the fixtures: `bzip2 -LEVEL` made each stream of each file of its content, and they were joined.
 * The property of the decoder is that it gives the content back.
 */
export const contents: Readonly<
  Record<string, readonly { readonly level: number; readonly content: Buffer }[]>
> = {
  empty: [{ level: 9, content: Buffer.alloc(0) }],
  one: [{ level: 1, content: Buffer.from('{"n":1}') }],
  'all-bytes': [{ level: 1, content: Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256)) }],
  noise: [{ level: 1, content: noise(3000) }],
  runs: [{ level: 5, content: runs() }],
  'long-run': [{ level: 9, content: Buffer.alloc(3_000_000, 'x') }],
  'one-block': [{ level: 9, content: Buffer.from(lines(0, 100)) }],
  'many-blocks': [{ level: 1, content: Buffer.from(lines(0, 12_000)) }],
  'many-streams': [
    { level: 1, content: Buffer.from(lines(0, 50)) },
    { level: 9, content: Buffer.alloc(0) },
    { level: 6, content: Buffer.from(lines(50, 150)) },
  ],
};
