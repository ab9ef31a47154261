import * as z from 'zod';

/** A part holds records until it has this many … */
export const MAX_PART_RECORDS = 20_000;
/** … or this many bytes of JSON, whichever is first: what the transformation can hold at once. */
export const MAX_PART_BYTES = 16 * 1024 * 1024;

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

export const partLine = z.tuple([z.int().positive(), z.unknown()]);
