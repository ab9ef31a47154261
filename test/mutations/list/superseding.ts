import type { Mutation } from '../mutation.ts';

export const superseding: readonly Mutation[] = [
  {
    name: 'removes the old version before the new one is complete',
    file: 'handlers/stages/supersede.ts',
    find: 'if (!(await isInEverySink(entry, ledger))) return;',
    replace: '',
  },
  {
    name: 'takes a version for complete that is transformed but not loaded',
    file: 'handlers/stages/supersede.ts',
    find: 'if (isPartLoaded !== true) return false;',
    replace: '',
  },
  {
    name: 'takes a version for complete of which some parts are loaded',
    file: 'handlers/stages/supersede.ts',
    find: 'if (!transformations.every((key) => there.has(key))) return false;',
    replace: 'if (!transformations.some((key) => there.has(key))) return false;',
  },
  {
    name: 'forgets what was superseded before it is gone',
    file: 'handlers/stages/supersede.ts',
    find: 'for (const versionId of superseded) {',
    replace:
      "await ledger.change(path(''), (known) => known && withoutSuperseded(known, superseded));\n  for (const versionId of superseded) {",
  },
  {
    name: 'discards a complete version that was superseded just then',
    file: 'handlers/stages/supersede.ts',
    find: "if (status === 'gone') return false;",
    replace: "if (status !== 'live') return false;",
    caughtBy: 'test/handlers/loading.test.ts',
  },
  {
    name: 'leaves the parts of what is superseded',
    file: 'handlers/stages/supersede.ts',
    find: '  await removeParts(path, store, buckets);\n  const extraction',
    replace: '  const extraction',
  },
  {
    name: 'leaves the rejects of what is superseded',
    file: 'handlers/stages/supersede.ts',
    find: '    await removeFailed(path(versionId), store, buckets);\n',
    replace: '',
  },
];
