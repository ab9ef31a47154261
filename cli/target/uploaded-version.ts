import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Upload } from '@aws-sdk/lib-storage';
import type { Target } from './target.ts';

/** The version that an upload to the raw bucket made. The answer to a multipart upload may not have it. */
export async function uploadedVersion(
  { s3, outputs }: Target,
  key: string,
  answer: Awaited<ReturnType<Upload['done']>>,
): Promise<string> {
  if (answer.VersionId !== undefined) return answer.VersionId;
  const head = await s3.send(new HeadObjectCommand({ Bucket: outputs.buckets.raw, Key: key }));
  return head.VersionId ?? 'null';
}
