import type { PartName } from '../../domain/records/part.ts';

/**
 * The source of a file of the lake, for its user metadata and its footer. S3 allows 2 KB of ASCII as user
 * metadata: a key of 1,024 bytes fits as base64url, but not percent-encoded.
 */
export function sourceMetadata({
  key,
  versionId,
  sequencer,
}: Pick<PartName, 'key' | 'versionId' | 'sequencer'>): Record<string, string> {
  return { 'source-key': Buffer.from(key).toString('base64url'), 'source-version': versionId, sequencer };
}
