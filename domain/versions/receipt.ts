import * as z from 'zod';

/** How many of something, by the name of what is counted. */
const tally = z.record(z.string(), z.int().nonnegative());
export type Tally = z.infer<typeof tally>;

const storedObject = z.object({
  key: z.string(),
  records: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** As S3 answered when it was written. Of files of the lake and of the archive, from November 2026 on. */
  etag: z.string().optional(),
  versionId: z.string().optional(),
});
export type StoredObject = z.infer<typeof storedObject>;

/** What every stage says of its work, as it is written. */
const work = z.object({
  dataset: z.string(),
  key: z.string(),
  versionId: z.string(),
  sequencer: z.string(),
  /** The files of rejected records. */
  rejects: z.array(storedObject),
  finishedAt: z.iso.datetime(),
  /** By a clock that never goes back. */
  durationMs: z.int().nonnegative(),
  codeVersion: z.string(),
});

const extraction = work.extend({
  stage: z.literal('extraction'),
  /** Of the raw object, as it is stored. */
  bytes: z.int().nonnegative(),
  /** read = valid + the sum of rejected. */
  read: z.int().nonnegative(),
  valid: z.int().nonnegative(),
  /** With the valid records of a version that was refused as a whole, under `too_many_rejects`: of these there are no lines. */
  rejected: tally,
  parts: z.array(storedObject),
  /** Whether there is a valid record that the transform does not refuse. */
  usable: z.boolean(),
  /** Why the object could not be read, or not to its end. */
  fault: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type ExtractionReceipt = z.infer<typeof extraction>;

const transformation = work.extend({
  stage: z.literal('transformation'),
  part: z.int().nonnegative(),
  /** read = written + the sums of filtered and rejected. */
  read: z.int().nonnegative(),
  written: z.int().nonnegative(),
  filtered: tally,
  rejected: tally,
  outputs: z.array(storedObject),
});
export type TransformationReceipt = z.infer<typeof transformation>;

const loading = work.extend({
  stage: z.literal('loading'),
  part: z.int().nonnegative(),
  /** The file of the lake that was loaded. */
  processed: z.object({ key: z.string(), versionId: z.string() }),
  archive: storedObject,
  /** The rows that MySQL was given; absent without MySQL. `stale`: it held a newer version, and took none of them. */
  tables: z
    .object({
      written: z.int().nonnegative(),
      unchanged: z.int().nonnegative(),
      rejected: tally,
      stale: z.boolean().optional(),
      /** Of the rows, as `rowSchema` names it; older receipts lack it. */
      schema: z.string().optional(),
    })
    .optional(),
});
export type LoadingReceipt = z.infer<typeof loading>;

/** What a receipt must be to be written. */
export const writtenReceipt = z.discriminatedUnion('stage', [extraction, transformation, loading]);
export type Receipt = z.infer<typeof writtenReceipt>;

/**
 * Receipts live for ever, so their readers ask for no more than they need. A duration only informs, and older code
 * measured it by a clock that could step back: such a one is 0.
 */
const asRead = { durationMs: z.int().nonnegative().catch(0) };
export const extractionReceipt = extraction.extend(asRead);
export const transformationReceipt = transformation.extend(asRead);
export const loadingReceipt = loading.extend(asRead);
export const receipt = z.discriminatedUnion('stage', [
  extractionReceipt,
  transformationReceipt,
  loadingReceipt,
]);

/** How many records a work item rejected, by code: of these codes, or of all if none is named. */
export function rejectedBy(receipt: Receipt, codes: readonly string[] = []): Tally {
  const all = receipt.stage === 'loading' ? (receipt.tables?.rejected ?? {}) : receipt.rejected;
  return codes.length === 0
    ? all
    : Object.fromEntries(Object.entries(all).filter(([code]) => codes.includes(code)));
}

/** Adds one to a tally. */
export function count(counts: Tally, name: string): void {
  counts[name] = (Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0) + 1;
}

/** Of rejected records, those that have a line in the failed bucket. */
export function withLines({ too_many_rejects: _, ...rejected }: Readonly<Tally>): Tally {
  return rejected;
}

export function total(counts: Readonly<Tally>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}
