import * as z from 'zod';
import { partKey, versionPath } from './key-layout.ts';

/** Counts by name. */
export const tally = z.record(z.string(), z.int().nonnegative());
export type Tally = z.infer<typeof tally>;

/**
 * The fields of records that their dataset does not name, and in how many records each one is. A list, since
 * the names are the input's: as names of an object's fields, some would be lost.
 */
const unknownTally = z.object({
  fields: z.array(z.object({ field: z.string(), records: z.int().positive() })),
  /** How often there were others, of which there are too many to be named. */
  others: z.int().nonnegative(),
});
export type UnknownTally = z.infer<typeof unknownTally>;

export const storedObject = z.object({
  key: z.string(),
  records: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** From S3's answer to the write. Only for files of the lake and the archive, since November 2026. */
  etag: z.string().optional(),
  versionId: z.string().optional(),
  /** Of a file of the lake that is Parquet: what a manifest of its table says of its columns. */
  statistics: z.looseObject({}).optional(),
});
export type StoredObject = z.infer<typeof storedObject>;

/** The fields of every stage's receipt, as it is written. */
const work = z.object({
  dataset: z.string(),
  key: z.string(),
  versionId: z.string(),
  sequencer: z.string(),
  /** The files of rejected records. */
  rejects: z.array(storedObject),
  /** When its message was sent to the queue, by SQS's clock; since November 2026. */
  sentAt: z.iso.datetime().optional(),
  finishedAt: z.iso.datetime(),
  /** By a monotonic clock. */
  durationMs: z.int().nonnegative(),
  codeVersion: z.string(),
});

const extraction = work.extend({
  stage: z.literal('extraction'),
  /** Size of the raw object, as it is stored. */
  bytes: z.int().nonnegative(),
  /** How many records its parts have. */
  read: z.int().nonnegative(),
  /**
   * Until November 2026, the extraction validated. Then read is the sum of its rejects and the records in
   * parts. Under `too_many_rejects` are the valid records of a version that was refused as a whole: they have
   * no lines.
   */
  rejected: tally,
  parts: z.array(storedObject),
  /** Its only part was transformed in the same invocation, and is stored nowhere; since November 2026. */
  inPlace: z.literal(true).optional(),
  /** Why the object could not be read, or not to its end. */
  fault: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type ExtractionReceipt = z.infer<typeof extraction>;

const transformation = work.extend({
  stage: z.literal('transformation'),
  part: z.int().nonnegative(),
  /** What its rows have as `_loaded_at`; missing of parts of older code. */
  loadedAt: z.iso.datetime().optional(),
  /** read = written + the sums of filtered and rejected. */
  read: z.int().nonnegative(),
  written: z.int().nonnegative(),
  filtered: tally,
  rejected: tally,
  /** Those of them that have no line, since too many of the whole version are rejected. */
  withoutLines: tally.optional(),
  outputs: z.array(storedObject),
  unknown: unknownTally.optional(),
  /** Of a dataset with `unique`: see `KeyHashes`. Missing of parts beyond so many records. */
  keyHashes: z.string().optional(),
  /**
   * Of the only part of an object, which was transformed where it was extracted: what the receipt of the
   * extraction would tell besides, see `receiptsIn`; since November 2026.
   */
  extraction: extraction
    .pick({ bytes: true, sentAt: true, finishedAt: true, durationMs: true, codeVersion: true })
    .optional(),
});
export type TransformationReceipt = z.infer<typeof transformation>;

const loading = work.extend({
  stage: z.literal('loading'),
  part: z.int().nonnegative(),
  /** The part's files of the lake that were loaded, each with its copy in the archive. */
  files: z.array(z.object({ key: z.string(), archive: storedObject })),
  /**
   * The rows that were given to MySQL; absent without MySQL. `stale`: MySQL had a newer version, and took
   * none of them.
   */
  tables: z
    .object({
      written: z.int().nonnegative(),
      unchanged: z.int().nonnegative(),
      rejected: tally,
      stale: z.boolean().optional(),
      /** The schema of the rows, see `rowSchema`; missing in older receipts. */
      schema: z.string().optional(),
    })
    .optional(),
});
export type LoadingReceipt = z.infer<typeof loading>;

/** The schema that a receipt must match to be written. */
export const writtenReceipt = z.discriminatedUnion('stage', [extraction, transformation, loading]);
export type Receipt = z.infer<typeof writtenReceipt>;

/**
 * Receipts are kept for ever, so readers demand only what they need. Older code measured durations by a clock
 * that could step back: a negative duration is read as 0.
 */
const asRead = { durationMs: z.int().nonnegative().catch(0) };
export const extractionReceipt = extraction.extend({
  ...asRead,
  /** Until November 2026: whether the transform accepted a record. Now the transformation's receipts tell. */
  usable: z.boolean().optional(),
});
export const transformationReceipt = transformation.extend(asRead);
/** Until November 2026, each file of the lake had a receipt of its own. */
const ofOneFile = z.object({ processed: z.object({ key: z.string() }), archive: storedObject });
export const loadingReceipt = z.preprocess((document) => {
  const old = ofOneFile.safeParse(document);
  if (!old.success) return document;
  const { processed, archive } = old.data;
  return { ...(document as object), files: [{ key: processed.key, archive }] };
}, loading.extend(asRead));
export const receipt = z.union([extractionReceipt, transformationReceipt, loadingReceipt]);

/**
 * The receipts that documents tell: that of a transformation in place is one of the extraction as well. If
 * that has a document of its own, it counts.
 */
export function receiptsIn(documents: readonly Receipt[]): Receipt[] {
  const extractions = documents.filter(({ stage }) => stage === 'extraction');
  const own = new Set(extractions.map(({ versionId }) => versionId));
  return documents.flatMap((each) => {
    if (each.stage !== 'transformation' || each.extraction === undefined || own.has(each.versionId))
      return [each];
    return [extractedInPlace(each, each.extraction), each];
  });
}

/** The receipt of an extraction in whose invocation the only part was transformed. */
export function extractedInPlace(
  { dataset, key, versionId, sequencer, read, part }: TransformationReceipt,
  extraction: NonNullable<TransformationReceipt['extraction']>,
): ExtractionReceipt {
  const path = versionPath({ dataset, key, versionId });
  return {
    stage: 'extraction',
    ...{ dataset, key, versionId, sequencer },
    read,
    parts: [{ key: partKey(path, part), records: read, bytes: 0 }],
    inPlace: true,
    rejected: {},
    rejects: [],
    ...extraction,
  };
}

/** How many records a work item rejected, by code: of these codes, or of all if none is named. */
export function rejectedBy(receipt: Receipt, codes: readonly string[] = []): Tally {
  return ofCodes(receipt.stage === 'loading' ? (receipt.tables?.rejected ?? {}) : receipt.rejected, codes);
}

/** How many of these have no line, since too many of their whole version are rejected. */
export function withoutLines(receipt: Receipt, codes: readonly string[] = []): number {
  return receipt.stage === 'transformation' ? total(ofCodes(receipt.withoutLines ?? {}, codes)) : 0;
}

function ofCodes(tally: Readonly<Tally>, codes: readonly string[]): Tally {
  if (codes.length === 0) return tally;
  return Object.fromEntries(Object.entries(tally).filter(([code]) => codes.includes(code)));
}

/** Adds one to a tally. */
export function count(counts: Tally, name: string): void {
  counts[name] = (Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0) + 1;
}

/** The rejected records of an extraction or a transformation that have a line in the failed bucket. */
export function withLines(receipt: ExtractionReceipt | TransformationReceipt): Tally {
  const { too_many_rejects: _, ...rejected } = receipt.rejected;
  if (receipt.stage === 'extraction') return rejected;
  return Object.fromEntries(
    Object.entries(rejected).map(([code, n]) => [code, n - (receipt.withoutLines?.[code] ?? 0)]),
  );
}

export function total(counts: Readonly<Tally>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}
