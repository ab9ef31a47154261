import * as z from 'zod';
import { PermanentError } from '../../../domain/errors.ts';
import { decode } from '../../../domain/records/decoding/decode.ts';
import type { RawRecord } from '../../../domain/records/decoding/record.ts';
import { boundsOf, type Source } from '../../../domain/records/decoding/source.ts';
import type { JsonFormat } from '../../../domain/source-format.ts';

/** What came of decoding: each record's text, trimmed, and how it ended. */
export interface Decoded {
  readonly records: readonly string[];
  readonly lengths: readonly number[];
  readonly fault: string | undefined;
  readonly message?: string;
}

/** Cuts bytes into chunks of the given sizes, over and over; each chunk is a copy. */
export function chunksOf(bytes: Uint8Array, ...sizes: readonly number[]): Source {
  return (range) => {
    const { start, end } = boundsOf(range, bytes.length);
    return chunks(bytes.subarray(start, end), sizes);
  };
}

async function* chunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let start = 0, i = 0; start < bytes.length; i += 1) {
    const end = start + (sizes[i % sizes.length] ?? bytes.length);
    yield Uint8Array.prototype.slice.call(bytes, start, end);
    start = end;
  }
}

/** Decodes to the end. Anything but a `PermanentError` is thrown on. */
export async function decoded(open: Source, list?: string): Promise<Decoded> {
  const records: string[] = [];
  const lengths: number[] = [];
  try {
    const format: JsonFormat = { format: 'json', ...(list !== undefined && { list }) };
    for await (const batch of decode({ source: { prefix: '', ...format }, record: z.unknown() }, open)) {
      for (const { bytes, length } of batch as readonly RawRecord[]) {
        records.push(bytes.toString('utf8').trim());
        lengths.push(length);
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { records, lengths, fault: error.code, message: error.message };
  }
  return { records, lengths, fault: undefined };
}

export function decodedText(text: string, ...sizes: number[]): Promise<Decoded> {
  return decoded(chunksOf(Buffer.from(text), ...sizes));
}
