import { parseAlgorithm } from './checksum.ts';
import type { HeaderSet, PackedVersion, Slice, StoredObject, Version } from './model.ts';

type Rest = Omit<
  StoredObject,
  'marker' | 'versionId' | 'lastModified' | 'size' | 'etag' | 'slices' | 'headers'
>;

type Fields =
  | readonly [versionId: string, lastModified: number]
  | readonly [
      versionId: string,
      lastModified: number,
      size: number,
      etag: string,
      /** Blobs and sizes in turn. */
      slices: readonly (string | number)[],
      /** The number of a set of headers, or the headers themselves. */
      headers: number | StoredObject['headers'],
      /** Of most objects the algorithm and the value of their checksum, as one text: see `shortOf`. */
      rest: string | Rest,
    ];

/** Beyond so many sets of headers, as if each object has its own, they are stored with their objects. */
const MOST_SETS = 1000;

/**
 * Makes text of the versions of a bucket and back: an object for each would take twice the memory, and a
 * start over a million of them twice the time. Most have one of the same few sets of headers, which are kept
 * once.
 */
export class Packing {
  readonly #sets: StoredObject['headers'][] = [];
  readonly #numbers = new Map<string, number>();

  pack(version: Version): PackedVersion {
    if (version.marker) {
      const fields: Fields = [version.versionId, version.lastModified];
      return { packed: JSON.stringify(fields) };
    }
    const { marker: _, versionId, lastModified, size, etag, slices, headers, ...rest } = version;
    const flat = slices.flatMap(({ blob, size: bytes }) => [blob, bytes]);
    const before = this.#sets.length;
    const set = this.#number(headers) ?? headers;
    const fields: Fields = [versionId, lastModified, size, etag, flat, set, shortOf(rest) ?? rest];
    const packed = JSON.stringify(fields);
    return this.#sets.length === before ? { packed } : { packed, set: { number: before, headers } };
  }

  unpack(packed: string): Version {
    const fields = JSON.parse(packed) as Fields;
    if (fields.length === 2) {
      const [versionId, lastModified] = fields;
      return { marker: true, versionId, lastModified };
    }
    const [versionId, lastModified, size, etag, flat, set, rest] = fields;
    const slices: Slice[] = [];
    for (let i = 0; i < flat.length; i += 2)
      slices.push({ blob: String(flat[i]), size: Number(flat[i + 1]) });
    const headers = typeof set === 'number' ? (this.#sets[set] ?? {}) : set;
    return { marker: false, versionId, lastModified, size, etag, slices, headers, ...restOf(rest) };
  }

  get sets(): HeaderSet[] {
    return this.#sets.map((headers, number) => ({ number, headers }));
  }

  /** Takes over a set of a journal. */
  learn({ number, headers }: HeaderSet): void {
    this.#sets[number] = headers;
    this.#numbers.set(JSON.stringify(headers), number);
  }

  #number(headers: StoredObject['headers']): number | undefined {
    const text = JSON.stringify(headers);
    const known = this.#numbers.get(text);
    if (known !== undefined || this.#sets.length === MOST_SETS) return known;
    const number = this.#sets.length;
    this.learn({ number, headers });
    return number;
  }
}

/**
 * The rest of an object that has nothing but the checksum of its whole, as text: it would be a third of the
 * packed version.
 */
function shortOf({ multipart, checksum, ...others }: Rest): string | undefined {
  const isPlain = !multipart && Object.values(others).every((value) => value === undefined);
  if (!isPlain || checksum?.type !== 'FULL_OBJECT') return undefined;
  return `${checksum.algorithm} ${checksum.value}`;
}

function restOf(rest: string | Rest): Rest {
  if (typeof rest !== 'string') return rest;
  const space = rest.indexOf(' ');
  const algorithm = parseAlgorithm(rest.slice(0, space));
  return {
    multipart: false,
    ...(algorithm && { checksum: { algorithm, value: rest.slice(space + 1), type: 'FULL_OBJECT' } }),
  };
}

/** The beginning of each packed version with this id, and of no other. */
export const beginningOf = (versionId: string): string => `[${JSON.stringify(versionId)},`;

/** The beginning of a packed version, up to its id. */
export const beginningIn = (packed: string): string => packed.slice(0, packed.indexOf(',') + 1);

/**
 * The blobs of a packed version, without unpacking the rest of it: a start over a million objects asks for
 * those of each. No id, ETag or name of a blob has a bracket or a quote.
 */
export function blobsIn(packed: string): string[] {
  const blobs: string[] = [];
  const begin = packed.indexOf('[', 1);
  if (begin < 0) return blobs;
  const end = packed.indexOf(']', begin);
  for (let quote = packed.indexOf('"', begin); quote >= 0 && quote < end; ) {
    const close = packed.indexOf('"', quote + 1);
    blobs.push(packed.slice(quote + 1, close));
    quote = packed.indexOf('"', close + 1);
  }
  return blobs;
}
