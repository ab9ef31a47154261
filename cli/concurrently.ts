/**
 * Works on the items of a source, `atOnce` at a time, and yields the results in the source's order. It never
 * reads ahead of the work, so memory does not grow with the length of the source.
 */
export async function* concurrently<Item, Result>(
  source: AsyncIterable<Item> | Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  try {
    for await (const item of source) {
      const result = work(item);
      // It is awaited later, in order. Without a handler until then, Node would report an unhandled
      // rejection.
      result.catch(() => {});
      underWay.push(result);
      if (underWay.length >= atOnce) yield await (underWay.shift() as Promise<Result>);
    }
    while (underWay.length > 0) yield await (underWay.shift() as Promise<Result>);
  } finally {
    await Promise.allSettled(underWay);
  }
}
