import { withWholeHead } from './whole-head.ts';

const UTF_8 = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF_16_LITTLE = Buffer.from([0xff, 0xfe]);
const UTF_16_BIG = Buffer.from([0xfe, 0xff]);

/**
 * The bytes as UTF-8, without a byte-order mark at the start. UTF-16 is known by its mark; its surrogates
 * without a partner, and an odd byte at its end, become bytes that are not UTF-8.
 *
 * @param tell is called before the first bytes come: whether they are as they were, behind a mark of so many
 */
export async function* asUtf8(
  source: AsyncIterable<Buffer>,
  tell: (markBytes: number | undefined) => void = () => {},
): AsyncGenerator<Buffer> {
  let isFirst = true;
  let utf16: Utf16 | undefined;
  for await (const chunk of withWholeHead(source, (head) => !mayBeginMark(head))) {
    let bytes = chunk;
    if (isFirst) {
      utf16 = utf16Of(chunk);
      bytes = utf16 === undefined ? withoutMark(chunk) : chunk.subarray(UTF_16_LITTLE.length);
      tell(utf16 === undefined ? chunk.length - bytes.length : undefined);
    }
    isFirst = false;
    yield utf16?.push(bytes) ?? bytes;
  }
  if (utf16 !== undefined) yield utf16.end();
}

/** Whether more bytes may tell whether there is a mark, and which. */
const mayBeginMark = (head: Buffer) =>
  head.length < UTF_8.length && [UTF_8, UTF_16_LITTLE, UTF_16_BIG].some((mark) => begins(mark, head));

const begins = (mark: Buffer, bytes: Buffer) =>
  mark.subarray(0, bytes.length).equals(bytes.subarray(0, mark.length));

const withoutMark = (bytes: Buffer) =>
  bytes.length >= UTF_8.length && begins(UTF_8, bytes) ? bytes.subarray(UTF_8.length) : bytes;

function utf16Of(head: Buffer): Utf16 | undefined {
  if (head.length < UTF_16_LITTLE.length) return undefined;
  if (begins(UTF_16_LITTLE, head)) return new Utf16(false);
  return begins(UTF_16_BIG, head) ? new Utf16(true) : undefined;
}

/** Makes UTF-8 of UTF-16, chunk by chunk. */
class Utf16 {
  readonly #isBigEndian: boolean;
  /** What the next chunk completes: half a unit, or the first of two surrogates. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  push(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([this.#rest, chunk]);
    let end = bytes.length & ~1;
    if (end > 0 && (bytes[this.#isBigEndian ? end - 2 : end - 1] as number) >>> 2 === 0x36) end -= 2;
    this.#rest = bytes.subarray(end);
    return this.#encode(bytes.subarray(0, end));
  }

  end(): Buffer {
    const isOdd = this.#rest.length % 2 > 0;
    const last = this.#encode(this.#rest.subarray(0, this.#rest.length & ~1));
    return isOdd ? Buffer.concat([last, Buffer.from([0xff])]) : last;
  }

  #encode(units: Buffer): Buffer {
    const text = (this.#isBigEndian ? Buffer.from(units).swap16() : units).toString('utf16le');
    if (text.isWellFormed()) return Buffer.from(text);
    // With the flag u, only surrogates without a partner are matched.
    const pieces = text.split(/([\ud800-\udfff])/u);
    return Buffer.concat(pieces.map((piece, i) => (i % 2 > 0 ? loneSurrogate(piece) : Buffer.from(piece))));
  }
}

/** As UTF-8 would have it, which is forbidden (RFC 3629, section 3). */
function loneSurrogate(text: string): Buffer {
  const unit = text.charCodeAt(0);
  return Buffer.from([0xe0 | (unit >>> 12), 0x80 | ((unit >>> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
}
