/**
 * The same bytes, of which the first chunk is enough to decide by, unless there are no more.
 *
 * @param isEnough whether these first bytes are
 */
export async function* withWholeHead(
  source: AsyncIterable<Buffer>,
  isEnough: (head: Buffer) => boolean,
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (!isEnough(head)) continue;
    yield head;
    head = undefined;
  }
  if (head !== undefined && head.length > 0) yield head;
}
