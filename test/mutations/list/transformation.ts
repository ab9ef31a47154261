import type { Mutation } from '../mutation.ts';

export const transformation: readonly Mutation[] = [
  {
    name: 'acknowledges a file of the lake before it is written',
    file: 'handlers/stages/partitioned-files.ts',
    find: 'const written = await store.write({ bucket, key, body, contentType, metadata });',
    replace:
      'const written = { etag: "", versionId: "" }; store.write({ bucket, key, body, contentType, metadata }).catch(() => {});',
  },
  {
    name: 'keeps a part that was overtaken while it was transformed',
    file: 'handlers/stages/transform-part.ts',
    find: "return statusOf(entry, address) === 'live';",
    replace: 'return true;',
  },
  {
    name: 'keeps what was overtaken during the work',
    file: 'handlers/stages/work-item.ts',
    find: '  if (!stillCounts) return discarded();\n',
    replace: '',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'transforms what was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: "if (status === 'gone') return discarded();",
    replace: "if (status === 'gone' && !key.includes('/transformation')) return discarded();",
  },
  {
    name: 'loads what was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: "if (status === 'gone') return discarded();",
    replace: "if (status === 'gone' && !key.includes('/loading')) return discarded();",
  },
  {
    name: 'leaves the rejects of an attempt by other code that died',
    file: 'handlers/stages/work-item.ts',
    find: 'if (!isFirst || mayHaveMore) await',
    replace: 'if (!isFirst) await',
    caughtBy: 'test/handlers/two-codes.test.ts',
  },
  {
    name: 'leaves the rejects of an attempt by other code that was too late',
    file: 'handlers/stages/work-item.ts',
    find: 'if (!isFirst || mayHaveMore) await',
    replace: 'if (receives > 1) await',
    caughtBy: 'test/handlers/two-codes.test.ts',
  },
  {
    name: 'removes the rejects that the receipt names',
    file: 'handlers/stages/removal.ts',
    find: 'all.filter((key) => !named.has(key)),',
    replace: 'all,',
  },
  {
    name: 'removes the rejects of other parts as well',
    file: 'domain/versions/key-layout.ts',
    find: 'itemName(item)}-`;',
    replace: "itemName(item).replace(/-\\d+$/, '')}-`;",
  },
  {
    name: 'writes rejects under one name, whichever code makes them',
    file: 'domain/versions/key-layout.ts',
    find: 'codeSegment(codeVersion)}.ndjson`',
    replace: 'codeSegment(codeVersion).slice(0, 0)}.ndjson`',
    caughtBy: 'test/handlers/two-codes.test.ts',
  },
  {
    name: 'leaves the rejects of a part that was overtaken while it was transformed',
    file: 'handlers/stages/transform-part.ts',
    find: '  await store.remove(buckets.failed, await store.list(buckets.failed, itemRejectsPrefix(itemOf(address))));\n',
    replace: '',
  },
  {
    name: 'numbers rows by their place in the part',
    file: 'handlers/stages/transform-part.ts',
    find: '!files.add(transformed.row, recordNumber)',
    replace: '!files.add(transformed.row, read)',
  },
  {
    name: 'calls a work item at fault whose version was superseded just then',
    file: 'handlers/stages/work-item.ts',
    find: "statusOf(await ledger.entry(path), path) !== 'live'",
    replace: "statusOf(await ledger.entry(path), path) === 'gone'",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'does not finish what was left undone when a work item comes again',
    file: 'handlers/stages/work-item.ts',
    find: '    await finish(undefined, latest, undefined);\n',
    replace: '',
    caughtBy: 'test/handlers/commit/publish.test.ts',
  },
  {
    name: 'silently drops a row of one partition too many',
    file: 'handlers/stages/transform-part.ts',
    find: 'else if (!files.add(transformed.row, recordNumber))\n      await reject(onePartitionTooMany(dataset, recordNumber, record, limits.partitions));',
    replace: 'else files.add(transformed.row, recordNumber);',
    caughtBy: 'test/handlers/conservation.test.ts',
  },
  {
    name: 'takes a missing work item of an active version for one that was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: "error instanceof ObjectNotFound && statusOf(await ledger.entry(path), path) !== 'live'",
    replace: 'error instanceof ObjectNotFound',
    caughtBy: 'test/handlers/supersede.test.ts',
  },
];
