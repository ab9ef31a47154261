import * as z from 'zod';
import type { PartHeader } from '../../domain/records/part.ts';

/**
 * Where a file of the lake comes from, as its user metadata and in its footer. S3 allows 2 KB of ASCII there: a key
 * of 1,024 bytes fits as base64url, and would not percent-encoded.
 */
export function sourceMetadata({ key, versionId, sequencer }: PartHeader): Record<string, string> {
  return { 'source-key': Buffer.from(key).toString('base64url'), 'source-version': versionId, sequencer };
}

const metadata = z.object({
  'source-key': z.string().transform((text) => Buffer.from(text, 'base64url').toString('utf8')),
  'source-version': z.string(),
  sequencer: z.string(),
});

/** Returns `undefined` when the object was not written by the transformation. */
export function parseSourceMetadata(
  raw: Readonly<Record<string, string>>,
): Pick<PartHeader, 'key' | 'versionId' | 'sequencer'> | undefined {
  const { data } = metadata.safeParse(raw);
  if (data === undefined) return undefined;
  const { 'source-key': key, 'source-version': versionId, sequencer } = data;
  return { key, versionId, sequencer };
}
