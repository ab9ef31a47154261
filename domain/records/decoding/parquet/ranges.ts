import type { ByteRange, Source } from '../source.ts';

/** The bytes of a range, behind those `before` it; fewer at the end of the object. */
export async function bytesIn(open: Source, range: ByteRange, before?: Uint8Array): Promise<Buffer> {
  const most = 'last' in range ? range.last : range.end - range.start;
  const chunks: Uint8Array[] = before === undefined ? [] : [before];
  let length = 0;
  for await (const chunk of await open(range)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) throw new Error(`The source gave more bytes than the ${most} that were asked for.`);
  }
  return Buffer.concat(chunks);
}
