import type { Mutation } from '../mutation.ts';

const file = 'handlers/stages/loading/load-part.ts';
const whole = 'handlers/stages/loading/loaded-whole.ts';

export const loading: readonly Mutation[] = [
  {
    name: 'archives nothing',
    file,
    find: 'const copied = await store.copy({ bucket: buckets.processed, key: file.key, versionId }, to);',
    replace: "const copied = { etag: '', versionId: '' };",
  },
  {
    name: 'leaves in the archive what was overtaken while it was loaded',
    file,
    find: 'part.files.map(({ key }) => archiveKey(key)),',
    replace: '[],',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'discards a part that was superseded just after its loading',
    file,
    find: "status === 'live' || (status === 'superseded' && entry !== undefined && !isShownBy('loaded', entry))",
    replace: "status === 'live'",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'keeps what it loaded of a version that was overtaken meanwhile',
    file,
    find: "if (isActive(entry, path)) return entry.current.type === 'created';",
    replace: "if (isActive(known?.entry, path)) return known.entry.current.type === 'created';",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'takes a version for loaded when its first part is',
    file,
    find: '(await areAllLoaded(part, path, ledger))',
    replace: 'part.part === 0',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'takes a version for loaded of which some parts are',
    file,
    find: 'loadingReceiptKey(path, part)).every((key) =>',
    replace: 'loadingReceiptKey(path, part)).some((key) =>',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'trusts what it knew before its work, though older rows are to go',
    file,
    find: "isUndone(before, part, path) && before?.superseded.length === 0 && before.loaded?.type !== 'created'",
    replace: 'isUndone(before, part, path)',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'never looks whether a repeated message was done before',
    file: 'handlers/stages/work-item.ts',
    find: '(receives > 1 || mayBeDone(known?.entry)) && ',
    replace: 'mayBeDone(known?.entry) && ',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'archives CSV under the name of Parquet',
    file,
    find: "const isParquet = file.key.endsWith('.parquet');",
    replace: 'const isParquet = true;',
    caughtBy: 'test/handlers/sinks.test.ts',
  },
  {
    name: 'writes no line of the rows that no table holds',
    file,
    find: '  await rejects.flush();\n  return { written: loaded.written',
    replace: '  return { written: loaded.written',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'leaves the rows of older versions in MySQL',
    file: whole,
    find: "if (current.type === 'created') await tables?.retract(dataset, key, revisionSequencer(current));",
    replace: "if (current.type === 'created') await Promise.resolve();",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'leaves the rows of the last possible revision of a deleted version in MySQL',
    file: whole,
    find: "which: 'older and its own',",
    replace: "which: 'older',",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'leaves the rows of later revisions of a deleted version in MySQL',
    file: whole,
    find: 'revisionName(current.sequencer, MAX_REVISION)',
    replace: 'revisionName(current.sequencer, 0 * MAX_REVISION)',
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'leaves older versions in the archive',
    file: whole,
    find: '    await store.remove(buckets.archive, [...files, ...plain.map(plainArchiveKey)]);\n',
    replace: '',
    caughtBy: 'test/handlers/loading.test.ts',
  },
];
