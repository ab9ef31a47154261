import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Target } from '../../../cli/target/target.ts';
import { plainArchiveKey } from '../../../domain/versions/plain-files.ts';
import { plainVersion } from '../../documents/plain-version.ts';

/** Leaves a version of an object as older code did, in the ledger, the lake and the archive. */
export async function leavePlain(target: Target, key: string, versionId: string): Promise<string> {
  const { ledger, processed, archive } = target.outputs.buckets;
  // Below every sequencer that the local cloud gives out.
  const { file, documents } = plainVersion(key, versionId, '00');
  const put = (Bucket: string, Key: string, Body: string) => {
    // A receipt can be created, but never overwritten.
    const once = Key.startsWith('receipts/') ? ({ IfNoneMatch: '*' } as const) : {};
    return target.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...once }));
  };
  for (const [name, document] of Object.entries(documents)) await put(ledger, name, JSON.stringify(document));
  await put(processed, file, 'plain');
  await put(archive, plainArchiveKey(file), 'plain');
  return file;
}
