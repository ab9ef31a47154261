const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The bytes without a byte-order mark of UTF-8 at the start. */
export async function* withoutByteOrderMark(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const { length } = BYTE_ORDER_MARK;
    if (head.length < length && BYTE_ORDER_MARK.indexOf(head) === 0) continue;
    yield head.subarray(head.subarray(0, length).equals(BYTE_ORDER_MARK) ? length : 0);
    head = undefined;
  }
  if (head !== undefined && head.length > 0) yield head;
}

/** Whether the bytes begin with the byte-order mark of UTF-16, which is not supported. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
