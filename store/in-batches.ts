/** Those items that are wanted, in their order, so many at a time. */
export async function* inBatches<Item>(
  items: AsyncIterable<Item>,
  size: number,
  isWanted: (item: Item) => boolean,
): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  for await (const item of items) {
    if (!isWanted(item)) continue;
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
