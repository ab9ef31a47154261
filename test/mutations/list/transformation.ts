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
    find: 'if (!(await cleanUpAfter(address, ledger, store, buckets))) return discarded();',
    replace:
      "const whole = receipt.stage === 'transformation' ? statusOf(await ledger.entry(address), address) !== 'gone' : await cleanUpAfter(address, ledger, store, buckets); if (!whole) return discarded();",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'never completes a version in the loading',
    file: 'handlers/stages/work-item.ts',
    find: 'if (!(await cleanUpAfter(address, ledger, store, buckets))) return discarded();',
    replace:
      "const whole = receipt.stage === 'loading' ? statusOf(await ledger.entry(address), address) !== 'gone' : await cleanUpAfter(address, ledger, store, buckets); if (!whole) return discarded();",
  },
  {
    name: 'does not look, once a part is transformed, whether it was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: 'if (!(await cleanUpAfter(address, ledger, store, buckets))) return discarded();',
    replace:
      "if (!(await cleanUpAfter(address, ledger, store, buckets)) && receipt.stage !== 'transformation') return discarded();",
  },
  {
    name: 'does not look, once a file is loaded, whether it was overtaken',
    file: 'handlers/stages/work-item.ts',
    find: 'if (!(await cleanUpAfter(address, ledger, store, buckets))) return discarded();',
    replace:
      "if (!(await cleanUpAfter(address, ledger, store, buckets)) && receipt.stage !== 'loading') return discarded();",
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
    file: 'handlers/stages/supersede.ts',
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
