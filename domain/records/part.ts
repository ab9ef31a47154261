import * as z from 'zod';

/** Limits of a part, and of what a stage holds in memory. */
export interface Limits {
  /** A part holds records until it has this many, or `partBytes` of JSON, whichever is first. */
  readonly partRecords: number;
  readonly partBytes: number;
  /** How many partitions the rows of a part may fall into: each is an open file in memory, and a PUT. */
  readonly partitions: number;
  /** How many characters of rejects are gathered before they are written. */
  readonly rejects: number;
}

export const limits: Limits = {
  partRecords: 20_000,
  partBytes: 16 * 1024 * 1024,
  partitions: 1000,
  rejects: 8 * 1024 * 1024,
};

/**
 * A part is NDJSON: this header in the first line, then `[record number, record]` a line. It names the raw
 * key and the sequencer, for which the part's own key has no room.
 */
export const partHeader = z.object({
  dataset: z.string(),
  key: z.string(),
  versionId: z.string(),
  sequencer: z.string(),
  part: z.int().nonnegative(),
});
export type PartHeader = z.infer<typeof partHeader>;

type Path = readonly (string | number)[];

/** Schemas of which a record had a 64-bit integer: those of its kind will have some, too. */
const withIntegers = new WeakSet<object>();

/**
 * A record's line of a part. 64-bit integers are in it as text, and the paths to them come after the record:
 * `[7,{"id":"901656910939770881"},[[1,"id"]]]`.
 *
 * @param schema of the dataset's records
 */
export function partLine(schema: object, recordNumber: number, record: unknown): string {
  if (!withIntegers.has(schema)) {
    try {
      return `[${recordNumber},${JSON.stringify(record)}]`;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
  const paths: string[] = [];
  const json = JSON.stringify(withTexts(record, '[1', paths));
  if (paths.length === 0) return `[${recordNumber},${json}]`;
  withIntegers.add(schema);
  return `[${recordNumber},${json},[${paths.join()}]]`;
}

/**
 * A value with texts in place of its 64-bit integers.
 *
 * @param path to the value, as JSON without its closing bracket @param paths gets the paths to the integers
 */
function withTexts(value: unknown, path: string, paths: string[]): unknown {
  if (typeof value === 'bigint') {
    paths.push(`${path}]`);
    return `${value}`;
  }
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (Array.isArray(value)) return value.map((each, i) => withTexts(each, `${path},${i}`, paths));
  const copy = { ...value } as Record<string, unknown>;
  for (const name in copy) {
    const field = copy[name];
    if (typeof field === 'bigint' || (typeof field === 'object' && field !== null))
      copy[name] = withTexts(field, `${path},${JSON.stringify(name)}`, paths);
  }
  return copy;
}

/** A record's line of a part: its number in the raw object, and the record. */
export function parsePartLine(line: string): readonly [number, unknown] {
  const parsed = JSON.parse(line) as [number, unknown, Path[]?];
  const [recordNumber, , paths] = parsed;
  for (const path of paths ?? []) {
    let place = parsed as unknown as Record<string | number, unknown>;
    for (let i = 0; i < path.length - 1; i += 1) place = place[path[i] as string] as typeof place;
    const last = path.at(-1) as string;
    place[last] = BigInt(place[last] as string);
  }
  return [recordNumber, parsed[1]];
}
