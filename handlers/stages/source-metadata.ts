import * as z from 'zod';
import type { PartHeader } from '../../domain/records/part.ts';

/**
 * The source of a file of the lake, for its user metadata and its footer. S3 allows 2 KB of ASCII as user
 * metadata: a key of 1,024 bytes fits as base64url, but not percent-encoded.
 */
export function sourceMetadata({ key, versionId, sequencer }: PartHeader): Record<string, string> {
  return { 'source-key': Buffer.from(key).toString('base64url'), 'source-version': versionId, sequencer };
}

const metadata = z.object({
  'source-key': z.string().transform((text) => Buffer.from(text, 'base64url').toString('utf8')),
  'source-version': z.string(),
  sequencer: z.string(),
});

/** @returns `undefined` if the object was not written by the transformation */
export function parseSourceMetadata(
  raw: Readonly<Record<string, string>>,
): Pick<PartHeader, 'key' | 'versionId' | 'sequencer'> | undefined {
  const { data } = metadata.safeParse(raw);
  if (data === undefined) return undefined;
  const { 'source-key': key, 'source-version': versionId, sequencer } = data;
  return { key, versionId, sequencer };
}
