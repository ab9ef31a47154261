import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type RejectLine, rejectLine } from '../../../domain/records/reject.ts';
import type { Target } from '../../target/target.ts';

const LINE_FEED = 0x0a;

/** A line of a file of rejects, parsed and as it is stored. */
export interface StoredReject {
  readonly reject: RejectLine;
  readonly line: string;
}

/**
 * Reads the rejects of a file.
 *
 * @throws {Error} when a line is not a reject
 */
export async function* rejectLines(
  { s3 }: Target,
  bucket: string,
  key: string,
): AsyncGenerator<StoredReject> {
  let rest = Buffer.alloc(0);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  for await (const chunk of Body as Readable) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED, start)) {
      yield parsed(rest.subarray(start, end));
      start = end + 1;
    }
    rest = rest.subarray(start);
  }
  if (rest.length > 0) yield parsed(rest);
}

function parsed(bytes: Buffer): StoredReject {
  const line = bytes.toString('utf8');
  return { line, reject: rejectLine.parse(JSON.parse(line)) };
}
