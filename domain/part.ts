import * as z from 'zod';

/** A part holds records until it has this many, or this many bytes of JSON, whichever is first. */
export interface PartLimits {
  readonly records: number;
  readonly bytes: number;
}

/** What the transformation can hold at once. */
export const partLimits: PartLimits = { records: 20_000, bytes: 16 * 1024 * 1024 };

/**
 * A part is NDJSON: this header in the first line, then `[record number, record]` a line. It names the raw key and
 * sequencer, which the part's own key is too short to hold.
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
