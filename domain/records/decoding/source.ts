/** Which bytes of an object: from `start` to before `end`, or as many as `last` at its end. */
export type ByteRange = { readonly start: number; readonly end: number } | { readonly last: number };

/**
 * Opens an object's bytes, or a range of them; the same ones each time, since a damaged object is read twice.
 * Of a range beyond the end there are fewer.
 */
export type Source = (range?: ByteRange) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;

/** The bytes of a range that are there. @param size of the object */
export function boundsOf(range: ByteRange | undefined, size: number): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: size };
  if ('last' in range) return { start: Math.max(0, size - range.last), end: size };
  return { start: Math.min(range.start, size), end: Math.min(range.end, size) };
}

/** Bytes that are in memory. */
export function sourceOfBytes(bytes: Buffer): Source {
  return async function* (range) {
    const { start, end } = boundsOf(range, bytes.length);
    if (start < end) yield bytes.subarray(start, end);
  };
}
