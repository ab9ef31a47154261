import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Dataset } from '../../../domain/dataset.ts';
import { PermanentError } from '../../../domain/errors.ts';
import { compressionIn } from '../../../domain/records/decoding/compressed/files.ts';
import { type Cut, findCut, type NoCut, withoutCut } from '../../../domain/records/decoding/cut.ts';
import type { Source } from '../../../domain/records/decoding/source.ts';
import { latestOf } from '../../../store/listing.ts';
import { rawSource } from '../../target/raw-source.ts';
import type { Target } from '../../target/target.ts';
import { count, printable } from '../../terminal/terminal.ts';
import { UserError } from '../../terminal/user-error.ts';

/**
 * What a new version says in its metadata: the version that it was made from, and the record that it lacks.
 */
const FROM = 'erased-from';
const RECORD = 'erased-record';

/** A record of the latest version of an object, to be cut out of it. */
export interface RecordToErase {
  readonly key: string;
  readonly dataset: Dataset;
  readonly record: number;
  /** The version that the number counts in. */
  readonly versionId: string;
  readonly head: HeadObjectCommandOutput;
  /** `undefined` if an earlier run has cut it out: then the latest version lacks it already. */
  readonly cut: Cut | undefined;
  /** The latest version. */
  readonly latest: string;
}

/**
 * Finds a record by its number in the latest version of an object.
 *
 * @param asked the version that the number counts in; by default the latest one
 * @throws {UserError} if it can't be cut out
 */
export async function recordToErase(
  target: Target,
  key: string,
  record: number,
  asked: string | undefined,
): Promise<RecordToErase> {
  const name = printable(key);
  const whole = `To erase the whole object: npx sluice erase ${name}`;
  const Bucket = target.outputs.buckets.raw;
  const latest = await latestOf(target, Bucket, key);
  if (latest === undefined || latest.deleted)
    throw new UserError(`There is no ${name} in ${Bucket}, so it has no records. ${whole}`);
  const dataset = target.registry.of(key);
  if (dataset === undefined)
    throw new UserError(`No dataset reads ${name}, so nothing says what its records are. ${whole}`);
  const { versionId } = latest;
  const head = await target.s3.send(new HeadObjectCommand({ Bucket, Key: key, VersionId: versionId }));
  const { [FROM]: from, [RECORD]: of } = head.Metadata ?? {};
  const found = { key, dataset, record, head, latest: versionId };
  if (asked !== undefined && asked !== versionId) {
    if (from === asked && of === String(record)) return { ...found, versionId: asked, cut: undefined };
    throw new UserError(
      `${asked} is not the latest version of ${name}, and records may have other numbers in the latest one. Look again: npx sluice explain ${name} --record ${record}`,
    );
  }
  const cut = await findCut(dataset, rawSource(target, key, versionId), record).catch((error: unknown) => {
    if (!(error instanceof PermanentError)) throw error;
    throw new UserError(
      `${name} can't be read to its end (${error.code}: ${printable(error.message)}), so it can't be written again without a record. Upload it corrected and without the record, then erase its old versions: npx sluice erase ${name} --old-versions. ${whole}`,
    );
  });
  if ('reason' in cut) throw new UserError(`${whyNot(cut, name, record)} ${whole}`);
  return { ...found, versionId, cut };
}

function whyNot({ reason, records }: NoCut, name: string, record: number): string {
  switch (reason) {
    case 'no_such_record':
      return `${name} has ${count(records, 'record')}, and no record ${record}.`;
    case 'only_record':
      return `Record ${record} is the only one of ${name}.`;
    case 'not_written':
      return `${name} is Parquet, Avro, a zip archive, or compressed with bzip2, which Sluice does not write again. Upload it without the record, then erase its old versions: npx sluice erase ${name} --old-versions.`;
    case 'not_separable':
      return `Without record ${record}, the rest of ${name} would be read differently. Upload it without the record, then erase its old versions: npx sluice erase ${name} --old-versions.`;
  }
}

/**
 * Writes a new version of the object without the record: in the same format and compression, with the same
 * metadata. Never over a version that somebody else wrote meanwhile.
 *
 * @returns the id of the new version
 */
export async function cutOut(target: Target, found: RecordToErase, signal: AbortSignal): Promise<string> {
  const { key, dataset, record, versionId, cut, head } = found;
  if (cut === undefined) return found.latest;
  const open = rawSource(target, key, versionId);
  const Body = new PassThrough();
  const content = Readable.from(withoutCut(dataset, open, cut), { objectMode: false });
  const sending = new Upload({
    client: target.s3,
    params: {
      Bucket: target.outputs.buckets.raw,
      Key: key,
      Body,
      IfMatch: head.ETag,
      ContentType: head.ContentType,
      ContentEncoding: head.ContentEncoding,
      ContentDisposition: head.ContentDisposition,
      ContentLanguage: head.ContentLanguage,
      CacheControl: head.CacheControl,
      Metadata: { ...head.Metadata, [FROM]: versionId, [RECORD]: String(record) },
    },
  });
  const stop = () => void sending.abort();
  signal.addEventListener('abort', stop);
  try {
    const [answer] = await Promise.all([
      sending.done(),
      pipeline([content, ...(await compressorFor(open)), Body]),
    ]);
    return answer.VersionId ?? (await latestOf(target, target.outputs.buckets.raw, key))?.versionId ?? '';
  } catch (error) {
    signal.throwIfAborted();
    if ((error as Error).name !== 'PreconditionFailed') throw error;
    throw new UserError(
      `A newer version of ${printable(key)} was uploaded meanwhile. Nothing was erased. Look again: npx sluice explain ${printable(key)} --record ${record}`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
    Body.destroy();
  }
}

async function compressorFor(open: Source): Promise<NodeJS.ReadWriteStream[]> {
  const compression = await compressionIn(open);
  if (compression === 'gzip') return [createGzip()];
  if (compression === 'zstd') return [createZstdCompress()];
  return [];
}
