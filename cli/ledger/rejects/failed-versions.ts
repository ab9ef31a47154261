import { parseFailedKey, partsPrefix, type VersionPath } from '../../../domain/versions/key-layout.ts';
import { listObjects } from '../../../store/listing.ts';
import type { Target } from '../../target/target.ts';

/**
 * The versions that have rejects or faults, each once, by a listing of the failed bucket. Superseded ones may
 * be among them.
 *
 * @param which of one dataset alone, and with a file written since then, in milliseconds since the epoch
 */
export async function* failedVersions(
  target: Target,
  kind: 'rejects' | 'faults',
  { dataset, since }: { readonly dataset: string | undefined; readonly since: number },
): AsyncGenerator<VersionPath> {
  // S3 lists keys in order, so all files of a version come one after another.
  let last: string | undefined;
  const prefix = `${kind}/${dataset === undefined ? '' : `${dataset}/`}`;
  for await (const { Key, LastModified } of listObjects(target, target.outputs.buckets.failed, prefix)) {
    const path = parseFailedKey(Key);
    if (path === undefined || (LastModified?.getTime() ?? 0) < since) continue;
    if (last !== partsPrefix(path)) yield path;
    last = partsPrefix(path);
  }
}
