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
    name: 'never completes a version in the transformation',
    file: 'handlers/stages/work-item.ts',
    find: 'return (await cleanUpAfter(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "const whole = receipt.stage === 'transformation' ? statusOf(await ledger.entry(address), address) !== 'gone' : await cleanUpAfter(address, ledger, store, buckets); return whole ? receipt : discarded();",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'never completes a version in the loading',
    file: 'handlers/stages/work-item.ts',
    find: 'return (await cleanUpAfter(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "const whole = receipt.stage === 'loading' ? statusOf(await ledger.entry(address), address) !== 'gone' : await cleanUpAfter(address, ledger, store, buckets); return whole ? receipt : discarded();",
  },
  {
    name: 'does not look, once a part is transformed, whether it was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: 'return (await cleanUpAfter(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "return (await cleanUpAfter(address, ledger, store, buckets)) || receipt.stage === 'transformation' ? receipt : discarded();",
  },
  {
    name: 'does not look, once a file is loaded, whether it was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: 'return (await cleanUpAfter(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "return (await cleanUpAfter(address, ledger, store, buckets)) || receipt.stage === 'loading' ? receipt : discarded();",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'transforms what was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: "if (status === 'gone') return discarded();",
    replace: "if (status === 'gone' && !receiptKey.includes('/transformation')) return discarded();",
  },
  {
    name: 'loads what was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: "if (status === 'gone') return discarded();",
    replace: "if (status === 'gone' && !receiptKey.includes('/loading')) return discarded();",
  },
  {
    name: 'leaves the rejects of an attempt at a part that died',
    file: 'handlers/stages/transform-part.ts',
    find: '  if (receives > 1) await removeRejects(address, rejects.files, store, buckets);\n',
    replace: '',
    caughtBy: 'test/handlers/two-codes.test.ts',
  },
  {
    name: 'removes its own rejects as those of an attempt that died',
    file: 'handlers/stages/transform-part.ts',
    find: 'await removeRejects(address, rejects.files, store, buckets);',
    replace: 'await removeRejects(address, [], store, buckets);',
  },
  {
    name: 'removes the rejects of other parts as well',
    file: 'handlers/stages/transform-part.ts',
    find: "rejectsKey(address, 'transformation', address.part).replace(",
    replace: "rejectsKey(address, 'transformation').replace(",
  },
  {
    name: 'leaves the rejects of a part that was overtaken while it was transformed',
    file: 'handlers/stages/transform-part.ts',
    find: '  await removeRejects(address, [], store, buckets);\n',
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
    find: "statusOf(await ledger.entry(address), address) !== 'live'",
    replace: "statusOf(await ledger.entry(address), address) === 'gone'",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'does not finish what was left undone when a work item comes again',
    file: 'handlers/stages/work-item.ts',
    find: '    await removeSuperseded(entry, ledger, store, buckets);\n',
    replace: '',
  },
  {
    name: 'silently drops a row of one partition too many',
    file: 'handlers/stages/transform-part.ts',
    find: 'else if (!files.add(transformed.row, recordNumber))\n      await reject(oneTooMany(dataset, recordNumber, record, limits.partitions));',
    replace: 'else files.add(transformed.row, recordNumber);',
    caughtBy: 'test/handlers/conservation.test.ts',
  },
  {
    name: 'takes a missing work item of an active version for one that was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: "error instanceof ObjectNotFound && statusOf(await ledger.entry(address), address) !== 'live'",
    replace: 'error instanceof ObjectNotFound',
    caughtBy: 'test/handlers/supersede.test.ts',
  },
];
