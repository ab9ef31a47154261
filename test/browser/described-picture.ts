import { crc32 } from 'node:zlib';

// A PNG that carries a description of what it shows, as text within the file (PNG specification, 11.3.3.4,
// iTXt). So a test can tell whether the picture still shows what there is.

const KEYWORD = 'Description';
const SIGNATURE_BYTES = 8;
/** Length, type and checksum of a chunk. */
const FRAME_BYTES = 12;

/** Puts a description into a picture, after its header. */
export function withDescription(png: Buffer, description: string): Buffer {
  const end = SIGNATURE_BYTES + FRAME_BYTES + png.readUInt32BE(SIGNATURE_BYTES);
  // Keyword, then: not compressed, no language, no translated keyword.
  const data = Buffer.from(`${KEYWORD}\0\0\0\0\0${description}`);
  return Buffer.concat([png.subarray(0, end), chunk('iTXt', data), png.subarray(end)]);
}

/** The description in a picture; undefined where it has none. */
export function descriptionOf(png: Buffer): string | undefined {
  for (let at = SIGNATURE_BYTES; at < png.length; at += FRAME_BYTES + png.readUInt32BE(at)) {
    const data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    const isText = png.toString('latin1', at + 4, at + 8) === 'iTXt';
    if (isText && data.toString('latin1', 0, KEYWORD.length) === KEYWORD)
      return data.toString('utf8', KEYWORD.length + 5);
  }
  return undefined;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
