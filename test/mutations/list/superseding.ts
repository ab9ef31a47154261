import type { Mutation } from '../mutation.ts';

const file = 'handlers/stages/supersede.ts';

export const superseding: readonly Mutation[] = [
  {
    name: 'removes the old version before every sink shows the new one',
    file,
    find: 'const mayBeShown = buckets.archive === undefined || !isSettled(entry);',
    replace: 'const mayBeShown = false;',
  },
  {
    name: 'removes the files of a version that older snapshots show',
    file,
    find: 'if (csv.length > 0 || !isWhole(published)) await',
    replace: 'await',
    caughtBy: 'test/handlers/supersede.test.ts',
  },
  {
    name: 'leaves the files of a version that was never published',
    file,
    find: 'if (csv.length > 0 || !isWhole(published)) await',
    replace: 'if (csv.length > 0) await',
    caughtBy: 'test/handlers/supersede.test.ts',
  },
  {
    name: 'forgets a version that older code made, while MySQL and the archive show it',
    file,
    find: '    if (mayBeShown && plain.length > 0) continue;\n',
    replace: '',
    caughtBy: 'test/handlers/commit/plain-files.test.ts',
  },
  {
    name: 'leaves the plain files of a version that older code made',
    file,
    find: ', ...plain]);',
    replace: ']);',
    caughtBy: 'test/handlers/commit/plain-files.test.ts',
  },
  {
    name: 'leaves the parts and rejects of what is superseded',
    file,
    find: '    await removeExtracted(path, store, buckets);\n',
    replace: '',
  },
  {
    name: 'never forgets what was superseded',
    file,
    find: '    await ledger.change(path, (known) => known && withoutSuperseded(known, [versionId]));\n',
    replace: '',
  },
  {
    name: 'takes a key that is deleted for one that is under way, and leaves what is left over',
    file: 'cli/ledger/sweep.ts',
    find: 'raw.all.has(id) && !raw.deleted.has(id)',
    replace: 'raw.all.has(id)',
    caughtBy: 'test/cli/ledger/operations.test.ts',
  },
];
