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

/** A record's line of a part: its number in the raw object, and the record. */
export function parsePartLine(line: string): readonly [number, unknown] {
  return JSON.parse(line) as [number, unknown];
}
