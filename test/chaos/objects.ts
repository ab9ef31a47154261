import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { zipOf } from '../domain/records/formats/zip-of.ts';
import type { Random } from '../simulation/random.ts';
import type { Code } from './code.ts';

/** A row of a table, or an element of one: values as JSON has them. */
export type Row = Readonly<Record<string, unknown>>;

/** What must become of a record under some code. */
export type Made = { readonly row: Row } | { readonly filtered: string };

/** What must become of a record. */
export type Fate = { readonly rejected: string } | ((code: Code) => Made);

/** An object that somebody puts, with what must become of it. */
export interface Upload {
  readonly key: string;
  readonly body: Uint8Array;
  /** Of each record, in order. */
  readonly fates: readonly Fate[];
  /** Why the object as a whole can't be read, or not to its end. */
  readonly fault?: string;
}

/** An object of a prefix that no dataset has. */
export function makeUnknown(random: Random, key: string): Upload {
  return { key, body: Buffer.from(random.id(20)), fates: [], fault: 'unknown_prefix' };
}

/** Nothing, or nothing but white space. */
export function makeEmpty(random: Random, key: string): Upload {
  return { key, body: Buffer.from(random.pick(['', ' \n', '\n\n'])), fates: [], fault: 'empty_file' };
}

/** The same bytes plain, or compressed in one of the ways that are read. */
export function compressed(random: Random, body: Uint8Array): Uint8Array {
  const cut = random.between(0, body.length);
  const halves = [body.subarray(0, cut), body.subarray(cut)];
  switch (random.between(0, 8)) {
    case 0:
      return gzipSync(body);
    case 1:
      return Buffer.concat(halves.map((half) => gzipSync(half)));
    case 2:
      return zstdCompressSync(body);
    case 3:
      return Buffer.concat(halves.map((half) => zstdCompressSync(half)));
    case 4:
      return zipOf(['__MACOSX/', ''], ['all', Buffer.from(body), { descriptor: 'narrow' }]);
    default:
      return body;
  }
}

/** Compressed, and cut off in a second member, of which not a byte can be read. */
export function brokenOff(whole: Uint8Array): Uint8Array {
  const [header, content] = [gzipSync('').subarray(0, 10), deflateRawSync('lost')];
  return Buffer.concat([gzipSync(whole), header, content.subarray(0, 1)]);
}

/** Compressed, with something behind it that is not. */
export function followedByGarbage(whole: Uint8Array): Uint8Array {
  return Buffer.concat([gzipSync(whole), Buffer.from('no member')]);
}

/** As many as chance says, of what `make` makes. */
export function list<Value>(
  random: Random,
  least: number,
  most: number,
  make: (n: number) => Value,
): Value[] {
  return Array.from({ length: random.between(least, most) }, (_, n) => make(n));
}
