import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { GetObjectCommand, InvalidObjectState } from '@aws-sdk/client-s3';
import { parquetMetadataAsync } from 'hyparquet';
import { errorText } from '../../../domain/errors.ts';
import type { Found } from '../../../domain/operations/reconciliation.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import { isNotFound } from '../../../store/object-store.ts';
import type { Target } from '../../target/target.ts';
import { rejectLines } from '../rejects/lines.ts';

/** The footers of the pipeline's files are shorter; a longer one takes a second read. */
const TAIL_BYTES = 16 * 1024;

/**
 * Counts the records of a file of the lake, of the archive or of rejects; `undefined` when the file is
 * missing. A file in an archive class of S3, from which it was not restored, is not read.
 */
export async function countRecords(
  target: Target,
  bucket: string,
  file: StoredObject,
): Promise<Found | undefined> {
  const { key } = file;
  try {
    if (key.endsWith('.parquet') || key.endsWith('.csv')) {
      const { records, etag } = await (key.endsWith('.csv') ? rowsOfCsv : rowsOfParquet)(target, bucket, key);
      return { records, altered: etag !== file.etag && (await isAnother(target, bucket, file)) };
    }
    const byCode: Record<string, number> = {};
    let records = 0;
    for await (const { reject } of rejectLines(target, bucket, key)) {
      const { code } = reject;
      byCode[code] = (byCode[code] ?? 0) + 1;
      records += 1;
    }
    return { records, byCode };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (error instanceof InvalidObjectState)
      return { storageClass: error.StorageClass ?? 'an archive class' };
    if (error instanceof Error && '$metadata' in error && !isOutOfRange(error)) throw error;
    return { unreadable: errorText(error) };
  }
}

/**
 * Whether a file whose ETag differs from its receipt's has other bytes. Two attempts at the same work write
 * the same bytes, but under SSE-KMS each write gets an ETag of its own (S3 API reference, "Object"). A file
 * without an ETag in its receipt, as before November 2026, counts as unchanged; one whose recorded version is
 * gone counts as changed.
 */
async function isAnother(
  { s3 }: Target,
  bucket: string,
  { key, etag, versionId }: StoredObject,
): Promise<boolean> {
  if (etag === undefined) return false;
  const digest = async (VersionId?: string) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId }));
    const hash = createHash('sha256');
    for await (const chunk of Body as Readable) hash.update(chunk as Uint8Array);
    return hash.digest('hex');
  };
  const [now, then] = await Promise.all([
    digest(),
    digest(versionId).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    }),
  ]);
  return now !== then;
}

/** S3 refuses to read the last bytes of an empty object. */
const isOutOfRange = ({ name }: Error) => name === 'InvalidRange';

interface Counted {
  readonly records: number;
  readonly etag: string | undefined;
}

/** The number of rows in a Parquet file's footer, by one read of the file's end. */
async function rowsOfParquet(target: Target, bucket: string, key: string): Promise<Counted> {
  const {
    Body,
    ContentRange = '',
    ETag,
  } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=-${TAIL_BYTES}` }));
  const tail = (await Body?.transformToByteArray()) ?? new Uint8Array();
  const byteLength = Number(/\/(\d+)$/.exec(ContentRange)?.[1] ?? tail.length);
  const metadata = await parquetMetadataAsync(
    {
      byteLength,
      async slice(start, end = byteLength) {
        const before = byteLength - tail.length;
        if (start >= before) return new Uint8Array(tail.subarray(start - before, end - before)).buffer;
        const rest = await target.s3.send(
          new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${start}-${end - 1}` }),
        );
        return new Uint8Array((await rest.Body?.transformToByteArray()) ?? []).buffer;
      },
    },
    { initialFetchSize: Math.min(TAIL_BYTES, byteLength) },
  );
  return { records: Number(metadata.num_rows), etag: ETag };
}

const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/**
 * Counts the records of a CSV file below its header. A line feed in quotes ends no record; the last one may
 * be missing.
 */
async function rowsOfCsv({ s3 }: Target, bucket: string, key: string): Promise<Counted> {
  const { Body, ETag } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  let lines = 0;
  let quoted = false;
  let last = LINE_FEED;
  for await (const chunk of Body as Readable) {
    for (const byte of chunk as Uint8Array) {
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === LINE_FEED && !quoted) lines += 1;
      last = byte;
    }
  }
  if (quoted) throw new Error('A quote is not closed.');
  return { records: Math.max(0, (last === LINE_FEED ? lines : lines + 1) - 1), etag: ETag };
}
