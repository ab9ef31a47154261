/**
 * Iceberg's default: `write.metadata.metrics.default` is `truncate(16)`. Code points of a text, bytes else.
 */
export const BOUND_LENGTH = 16;

const MOST_CODE_POINT = 0x10ffff;

/** A text's bound as UTF-8, of its first code points: it is not above the text. */
export function lowerTextBound(text: Buffer): Buffer {
  return text.subarray(0, endOf(text, BOUND_LENGTH));
}

/**
 * A text's bound as UTF-8, not below any text that begins with the same code points. If the text is cut, its
 * last code point is raised, or the one before, if there is none above it.
 *
 * @returns `undefined` if no code point can be raised
 */
export function upperTextBound(text: Buffer): Buffer | undefined {
  const end = endOf(text, BOUND_LENGTH);
  if (end === text.length) return text;
  const points = Array.from(text.subarray(0, end).toString('utf8'));
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    const raised = (point.codePointAt(0) as number) + 1;
    if (raised > MOST_CODE_POINT) continue;
    // Surrogates are no code points of UTF-8.
    points.push(String.fromCodePoint(raised === 0xd800 ? 0xe000 : raised));
    return Buffer.from(points.join(''));
  }
  return undefined;
}

/** Where the first `count` code points end. */
function endOf(text: Buffer, count: number): number {
  let left = count;
  for (let at = 0; at < text.length; at += 1) {
    // The bytes of a code point after its first begin with the bits 10.
    if (((text[at] as number) & 0xc0) === 0x80) continue;
    if (left === 0) return at;
    left -= 1;
  }
  return text.length;
}

export function lowerBinaryBound(bytes: Buffer): Buffer {
  return bytes.subarray(0, BOUND_LENGTH);
}

/** @returns `undefined` if no byte can be raised */
export function upperBinaryBound(bytes: Buffer): Buffer | undefined {
  if (bytes.length <= BOUND_LENGTH) return bytes;
  for (let at = BOUND_LENGTH - 1; at >= 0; at -= 1) {
    const byte = bytes[at] as number;
    if (byte < 0xff) return Buffer.concat([bytes.subarray(0, at), Buffer.of(byte + 1)]);
  }
  return undefined;
}
