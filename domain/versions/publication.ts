import * as z from 'zod';
import type { VersionPath } from './key-layout.ts';
import type { LedgerEntry } from './ledger.ts';
import { type StoredObject, storedObject } from './receipt.ts';
import { isActiveVersion } from './version-status.ts';

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

/** So much of a ledger entry may its files be, in characters of JSON: it is read and written many times. */
const MOST_IN_ENTRY = 8_192;

type PublishedInEntry = NonNullable<LedgerEntry['current']>;

/** The files of a version, as far as they go into its ledger entry: those of the only part, if few. */
export function filesInEntry(
  parts: readonly { readonly outputs: readonly StoredObject[]; readonly loadedAt?: string | undefined }[],
): Pick<PublishedInEntry, 'files' | 'loadedAt'> {
  const [only, ...others] = parts;
  if (only === undefined || others.length > 0) return {};
  return JSON.stringify(only.outputs).length > MOST_IN_ENTRY
    ? {}
    : { files: [...only.outputs], loadedAt: only.loadedAt };
}

/** The same as the publication of a version, if the ledger entry tells it: its only part. */
export function publishedInEntry(
  entry: LedgerEntry | undefined,
  path: VersionPath,
): PublishedPart | undefined {
  if (entry?.current?.files === undefined || !isActiveVersion(entry, path)) return undefined;
  const { dataset, key, current } = entry;
  const { versionId, sequencer, loadedAt, files = [] } = current;
  return { type: 'created', dataset, key, versionId, sequencer, part: 0, parts: 1, loadedAt, files };
}
