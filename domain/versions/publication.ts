import * as z from 'zod';
import { storedObject } from './receipt.ts';

const of = z.object({
  dataset: z.string(),
  key: z.string(),
  /** The version id with its revision; of a deletion, the id of its event. */
  versionId: z.string(),
  sequencer: z.string(),
});

/**
 * A part of a version that is whole: with its last part, the version is published. Made of receipts alone, so
 * that whoever writes it writes the same.
 */
export const publishedPart = of.extend({
  type: z.literal('created'),
  part: z.int().nonnegative(),
  /** How many parts the version has. One without any has one document, for part 0, without files. */
  parts: z.int().nonnegative(),
  /** When the version was taken up; missing of parts of older code, and of a version without parts. */
  loadedAt: z.iso.datetime().optional(),
  files: z.array(storedObject),
});
export type PublishedPart = z.infer<typeof publishedPart>;

/** The deletion of an object: what the tables show of it is to go. */
export const publishedDeletion = of.extend({ type: z.literal('deleted') });
export type PublishedDeletion = z.infer<typeof publishedDeletion>;

export const publication = z.discriminatedUnion('type', [publishedPart, publishedDeletion]);
