import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { parquetMetadataAsync } from 'hyparquet';
import type { Found } from '../domain/reconciliation.ts';
import { type RejectLine, rejectLine } from '../domain/reject.ts';
import { isNotFound } from './ledger.ts';
import type { Target } from './target.ts';

/** The footers of our files are shorter; a longer one is fetched in a second read. */
const TAIL_BYTES = 16 * 1024;

/** What is in a file of the lake, of the archive or of rejects; `undefined` when it isn't there. */
export async function countRecords(target: Target, bucket: string, key: string): Promise<Found | undefined> {
  try {
    if (key.endsWith('.parquet')) return { records: await rowsOfParquet(target, bucket, key) };
    if (key.endsWith('.csv')) return { records: await rowsOfCsv(await open(target, bucket, key)) };
    const byCode: Record<string, number> = {};
    let records = 0;
    for await (const { code } of rejectLines(target, bucket, key)) {
      byCode[code] = (byCode[code] ?? 0) + 1;
      records += 1;
    }
    return { records, byCode };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (error instanceof Error && '$metadata' in error && !isOutOfRange(error)) throw error;
    return { unreadable: (error as Error).message };
  }
}

/** An empty object has no last bytes. */
const isOutOfRange = ({ name }: Error) => name === 'InvalidRange';

async function open({ s3 }: Target, bucket: string, key: string, range?: string): Promise<Readable> {
  const { Body } = await s3.send(
    new GetObjectCommand({ Bucket: bucket, Key: key, ...(range !== undefined && { Range: range }) }),
  );
  return Body as Readable;
}

/** The rows that a Parquet file's footer names: one read of its end. */
async function rowsOfParquet(target: Target, bucket: string, key: string): Promise<number> {
  const { Body, ContentRange = '' } = await target.s3.send(
    new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=-${TAIL_BYTES}` }),
  );
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
  return Number(metadata.num_rows);
}

const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/** The records of a CSV file below its header. Line feeds in quotes end none; the last record may lack its own. */
async function rowsOfCsv(source: AsyncIterable<Uint8Array>): Promise<number> {
  let lines = 0;
  let quoted = false;
  let last = LINE_FEED;
  for await (const chunk of source) {
    for (const byte of chunk) {
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === LINE_FEED && !quoted) lines += 1;
      last = byte;
    }
  }
  if (quoted) throw new Error('A quote is not closed.');
  return Math.max(0, (last === LINE_FEED ? lines : lines + 1) - 1);
}

/**
 * The rejects of a file, one after the other.
 *
 * @throws {Error} when a line is none
 */
export async function* rejectLines(target: Target, bucket: string, key: string): AsyncGenerator<RejectLine> {
  let rest = Buffer.alloc(0);
  const parse = (line: Buffer) => rejectLine.parse(JSON.parse(line.toString('utf8')));
  for await (const chunk of await open(target, bucket, key)) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED, start)) {
      yield parse(rest.subarray(start, end));
      start = end + 1;
    }
    rest = rest.subarray(start);
  }
  if (rest.length > 0) yield parse(rest);
}
