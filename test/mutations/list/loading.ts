import type { Mutation } from '../mutation.ts';

export const loading: readonly Mutation[] = [
  {
    name: 'archives nothing',
    file: 'handlers/stages/load-file.ts',
    find: '...(await store.copy(event, toArchive)) };',
    replace: '};',
  },
  {
    name: 'leaves the archive files of what is gone',
    file: 'handlers/stages/load-file.ts',
    find: 'await store.remove(buckets.archive, [archiveKey(event.key)]);',
    replace: '',
  },
  {
    name: 'leaves the rows of what is gone in MySQL',
    file: 'handlers/stages/load-file.ts',
    find: 'await retractRows(event, address, ledger, dataset, surroundings);',
    replace: '',
  },
  {
    name: 'keeps files that the receipt of their part does not name',
    file: 'handlers/stages/load-file.ts',
    find: '        await store.remove(buckets.processed, [event.key]);\n        return true;',
    replace: '        return true;',
    caughtBy: 'test/handlers/two-codes.test.ts',
  },
  {
    name: 'calls files at fault that the receipt of their part does not name',
    file: 'handlers/stages/load-file.ts',
    find: 'if (transformation === undefined || source !== undefined) return false;',
    replace: 'return false;',
    caughtBy: 'test/handlers/two-codes.test.ts',
  },
  {
    name: 'looks once for the receipt of a file’s part',
    file: 'handlers/stages/load-file.ts',
    find: 'const RECEIPT_DELAYS = [20, 50, 100, 200, 400, 800, 1600, 2000];',
    replace: 'const RECEIPT_DELAYS: number[] = [];',
  },
  {
    name: 'waits for a receipt that will not come any more',
    file: 'handlers/stages/load-file.ts',
    find: "if (found !== undefined || stands !== 'live') return found;",
    replace: 'if (found !== undefined) return found;',
  },
  {
    name: 'calls a file at fault whose part has no receipt yet',
    file: 'handlers/stages/load-file.ts',
    find: "may write other files.`;\n  throw new TransientError('in_progress', message, { stage: 'loading' });",
    replace: 'may write other files.`;\n  return undefined;',
  },
  {
    name: 'takes out of MySQL and the archive what somebody deleted of the lake',
    file: 'handlers/stages/load-file.ts',
    find: "if (event.permanent || standing(await ledger.head(address), address) === 'live')",
    replace: 'if (event.permanent)',
  },
  {
    name: 'leaves the rows of a file that was overtaken while it was loaded',
    file: 'handlers/stages/load-file.ts',
    find: '        await retractOwnRows(event, dataset, surroundings);\n',
    replace: '',
  },
  {
    name: 'takes the rows of older versions for those of a file that is discarded',
    file: 'handlers/stages/load-file.ts',
    find: "{ which: 'its own' }",
    replace: "{ which: 'older and its own' }",
  },
  {
    name: 'takes the rows of the first edition for those of a file that is discarded',
    file: 'handlers/stages/load-file.ts',
    find: "await tables.retract(dataset, source.key, editionSequencer(source), { which: 'its own' });",
    replace: "await tables.retract(dataset, source.key, source.sequencer, { which: 'its own' });",
  },
  {
    name: 'takes rows out of MySQL before the new version is whole',
    file: 'handlers/stages/load-file.ts',
    find: 'if (!(await isWhole(head, ledger))) {',
    replace: 'if (false) {',
  },
  {
    name: 'archives CSV under the name of Parquet',
    file: 'handlers/stages/load-file.ts',
    find: 'const isParquet = toArchive.key === event.key;',
    replace: 'const isParquet = true;',
    caughtBy: 'test/handlers/sinks.test.ts',
  },
  {
    name: 'writes no line of the rows that no table holds',
    file: 'handlers/stages/load-file.ts',
    find: '  await rejects.flush();\n  return { written: loaded.written',
    replace: '  return { written: loaded.written',
  },
  {
    name: 'leaves the rows of a version that was deleted for good in MySQL',
    file: 'handlers/stages/load-file.ts',
    find: "head.current.type === 'deleted' ? 'older and its own' : 'older'",
    replace: "'older'",
    caughtBy: 'test/handlers/supersede.test.ts',
  },
];
