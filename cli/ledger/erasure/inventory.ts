import { GetObjectCommand, ListMultipartUploadsCommand, type MultipartUpload } from '@aws-sdk/client-s3';
import { type ErasedBucket, type ErasureScope, erasedBuckets } from '../../../domain/operations/erasure.ts';
import type { ByteRange } from '../../../domain/records/decoding/source.ts';
import { PUBLICATIONS, stages } from '../../../domain/stage.ts';
import { noteKinds, objectId, parseCompactedKey } from '../../../domain/versions/key-layout.ts';
import { findObjectEvent } from '../../../domain/versions/object-event.ts';
import { versionsIn } from '../../../lake/compaction/compacted-rows.ts';
import { filesNamedIn } from '../../../lake/forget-files.ts';
import { openInRanges, parseS3Uri } from '../../../lake/table-files.ts';
import {
  decodeKey,
  foldersIn,
  type ListedVersion,
  listVersions,
  versionsOf,
} from '../../../store/listing.ts';
import { rangeInput } from '../../../store/object-store.ts';
import { concurrently } from '../../concurrently.ts';
import { localCopies } from '../../lake/lake-files.ts';
import { type PublishedFile, publishedFilesWith } from '../../lake/published-files.ts';
import { HeldMessages } from '../../target/held-messages.ts';
import type { Target } from '../../target/target.ts';
import { deadLetterQueues } from '../dead-letters/dead-letters.ts';
import type { ErasableRows } from './rows.ts';

/** Manifests of tables that are read at a time, to see what they name. */
const READS_AT_ONCE = 16;

/** A version or a delete marker in one of the pipeline's buckets. */
export interface FoundVersion extends ListedVersion {
  readonly place: ErasedBucket;
}

/** An upload in parts that was never finished: S3 keeps its parts, unseen. */
export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** Everything that an erasure takes, as the services list it at one time. */
export interface Inventory {
  readonly versions: readonly FoundVersion[];
  readonly uploads: readonly OpenUpload[];
  /** Files of the tables `rejects` and `objects` that have rows of the erased versions. */
  readonly published: readonly PublishedFile[];
  /** Messages in DLQs and undelivered queues. */
  readonly messages: number;
  /** Rows in MySQL by table; `undefined` without MySQL. */
  readonly rows: ReadonlyMap<string, number> | undefined;
  /**
   * Copies of files of the lake on this machine: all of the datasets concerned, since some may be of files
   * that are gone from the lake. A query makes those anew that it needs.
   */
  readonly copies: readonly string[];
}

/** Lists everything that is left to erase. Costs a LIST per 1,000 versions of the lake and of the archive. */
export async function takeInventory(
  target: Target,
  scope: ErasureScope,
  rows: ErasableRows | undefined,
  signal: AbortSignal,
): Promise<Inventory> {
  const versions = await foundVersions(target, scope, signal);
  return {
    versions,
    uploads: await openUploads(target, scope),
    published: await publishedFilesWith(target, (key, version) => scope.takesVersion(key, version)),
    messages: await visitMessages(target, scope, signal, false),
    rows: await rows?.count(scope),
    copies: await localCopies(target, datasetsOf(target, scope, versions)),
  };
}

/** Every version in the scope, in all buckets. */
export async function foundVersions(
  target: Target,
  scope: ErasureScope,
  signal: AbortSignal,
): Promise<FoundVersion[]> {
  const versions: FoundVersion[] = [];
  for (const place of erasedBuckets)
    for await (const version of concurrently(candidates(target, scope, place), READS_AT_ONCE, async (each) =>
      (await isTaken(target, scope, place, each)) ? each : undefined,
    )) {
      signal.throwIfAborted();
      if (version !== undefined) versions.push({ ...version, place });
    }
  return versions;
}

/**
 * Whether it is to be erased: also a manifest of a table that names such a file, with bounds of its values;
 * and a compacted file with such rows.
 */
async function isTaken(
  target: Target,
  scope: ErasureScope,
  place: ErasedBucket,
  version: ListedVersion,
): Promise<boolean> {
  const { key, versionId, deleted } = version;
  if (scope.takes(place, key, versionId)) return true;
  if (place !== 'processed' || deleted) return false;
  if (parseCompactedKey(key) !== undefined) return hasTakenRows(target, scope, version);
  if (!isManifestKey(key)) return false;
  const manifest = Buffer.from(await bytesOf(target, version));
  return filesNamedIn(manifest).some((uri) => scope.takes('processed', parseS3Uri(uri).key, ''));
}

/** A manifest that names a compacted file goes with its snapshots. */
async function hasTakenRows(target: Target, scope: ErasureScope, version: ListedVersion): Promise<boolean> {
  const file = await openInRanges(version.size ?? 0, (range) => bytesOf(target, version, range));
  return (await versionsIn(file)).some((each) => scope.takesVersion(each.source, each.version));
}

async function bytesOf(
  { s3, outputs }: Target,
  { key: Key, versionId: VersionId }: ListedVersion,
  range?: ByteRange,
): Promise<Uint8Array> {
  const Bucket = outputs.buckets.processed;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId, ...rangeInput(range) }));
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

/** As Iceberg's writers name manifests; a list of them begins with `snap-`. */
const isManifestKey = (key: string) => /^[^/]+\/metadata\/[^/]+-m\d+\.avro$/.test(key);

/** The datasets that the keys belong to, or have belonged to as far as files tell. */
function datasetsOf(target: Target, { keys }: ErasureScope, versions: readonly FoundVersion[]): string[] {
  const inLake = versions
    .filter(({ place }) => place === 'processed')
    .map(({ key }) => key.split('/')[0] ?? '');
  return [...new Set([...keys.map((key) => target.registry.nameOf(key)), ...inLake])];
}

/** In the folders of these prefixes, which are named after datasets, each object has a folder. */
const prefixes: Readonly<Partial<Record<ErasedBucket, readonly string[]>>> = {
  temp: [''],
  failed: ['rejects/', ...noteKinds.map((kind) => `${kind}/`)],
  ledger: ['receipts/', 'heads/', PUBLICATIONS],
};

async function* candidates(
  target: Target,
  { keys, filePrefix }: ErasureScope,
  place: ErasedBucket,
): AsyncGenerator<ListedVersion> {
  const bucket = target.outputs.buckets[place];
  if (place === 'raw') for (const key of keys) yield* await versionsOf(target, bucket, key);
  // The names of files begin with their partition, so a file of one object can be anywhere.
  else if (prefixes[place] === undefined) yield* listVersions(target, bucket, filePrefix);
  else
    for (const prefix of prefixes[place])
      for (const dataset of await foldersIn(target, bucket, prefix))
        for (const key of keys) yield* listVersions(target, bucket, `${prefix}${dataset}/${objectId(key)}`);
}

async function openUploads({ s3, outputs }: Target, { keys }: ErasureScope): Promise<OpenUpload[]> {
  const found: OpenUpload[] = [];
  for (const Prefix of keys) {
    let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } = {};
    for (;;) {
      const page = await s3.send(
        new ListMultipartUploadsCommand({
          Bucket: outputs.buckets.raw,
          Prefix,
          EncodingType: 'url',
          ...marker,
        }),
      );
      const isIt = ({ Key = '' }: MultipartUpload) => decodeKey(Key) === Prefix;
      for (const { UploadId = '' } of (page.Uploads ?? []).filter(isIt))
        found.push({ key: Prefix, uploadId: UploadId });
      if (page.IsTruncated !== true || page.NextKeyMarker === undefined) break;
      marker = {
        KeyMarker: decodeKey(page.NextKeyMarker),
        ...(page.NextUploadIdMarker !== undefined && { UploadIdMarker: page.NextUploadIdMarker }),
      };
    }
  }
  return found;
}

/**
 * Counts the messages about the erased versions in DLQs and undelivered queues, and deletes them if so asked.
 * All others are visible again afterwards.
 */
export async function visitMessages(
  target: Target,
  scope: ErasureScope,
  signal: AbortSignal,
  discard: boolean,
): Promise<number> {
  const counts = await Promise.all(
    deadLetterQueues(target, stages).map(async ({ stage, url }) => {
      const held = new HeldMessages(target, url);
      try {
        const messages = await held.receiveAll(signal);
        const ours = messages.filter(({ Body = '' }) => {
          const event = findObjectEvent(Body);
          return event !== undefined && scope.takesPath(target.registry.workItemOf(stage, event).path);
        });
        if (discard) await held.delete(ours.map(({ MessageId = '' }) => MessageId));
        return ours.length;
      } finally {
        await held.release();
      }
    }),
  );
  signal.throwIfAborted();
  return counts.reduce((sum, n) => sum + n, 0);
}

/** Whether nothing is left, but for copies on this machine, which may be of other objects. */
export function isEmpty({ versions, uploads, published, messages, rows }: Inventory): boolean {
  const inTables = [...(rows?.values() ?? [])].reduce((sum, n) => sum + n, 0);
  return [versions.length, uploads.length, published.length, messages, inTables].every((n) => n === 0);
}
