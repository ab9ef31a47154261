import type { Mutation } from '../mutation.ts';

const group = 'handlers/stages/commit/commit-group.ts';
const copies = 'handlers/stages/commit/copies.ts';

/** Of publishing a version, and of committing it to its table. */
export const publishing: readonly Mutation[] = [
  {
    name: 'publishes a version of which a part is missing',
    file: 'handlers/stages/publish.ts',
    find: 'if (!keys.every((key) => there.has(key))) return undefined;',
    replace: 'if (!keys.some((key) => there.has(key))) return undefined;',
    caughtBy: 'test/handlers/stages.test.ts',
  },
  {
    name: 'publishes plain files, which no table can show',
    file: 'handlers/stages/publish.ts',
    find: '  if (plainFilesOf(transformations).length > 0) return;\n',
    replace: '',
    caughtBy: 'test/handlers/commit/plain-files.test.ts',
  },
  {
    name: 'publishes nothing of a version without parts',
    file: 'handlers/stages/publish.ts',
    find: "parts.length > 0 ? parts : [{ type: 'created', ...of, part: 0, parts: 0, files: [] }],",
    replace: 'parts,',
    caughtBy: 'test/handlers/commit/publish.test.ts',
  },
  {
    name: 'never publishes in the transformation',
    file: 'handlers/stages/transform-part.ts',
    find: '        if (isActive(entry, address)) await publishIfWhole(entry, ledger, transformation);\n',
    replace: '',
  },
  {
    name: 'publishes in the transformation what has not taken effect',
    file: 'handlers/stages/transform-part.ts',
    find: 'if (isActive(entry, address)) await publishIfWhole',
    replace: 'if (entry) await publishIfWhole',
  },
  {
    name: 'never publishes in the extraction',
    file: 'handlers/stages/extract-object.ts',
    find: '  if (isActive(entry, path)) await publishIfWhole(entry, ledger);\n',
    replace: '',
    caughtBy: 'test/handlers/commit/publish.test.ts',
  },
  {
    name: 'writes the last document of a publication before the others',
    file: 'store/ledger.ts',
    find: 'await settleAll(parts.slice(0, -1).map((part) => limit(() => write(part))));\n    const last = parts.at(-1);\n    if (last !== undefined) await write(last);',
    replace: 'await settleAll(parts.toReversed().map((part) => limit(() => write(part))));',
    caughtBy: 'test/handlers/commit/publish.test.ts',
  },
  {
    name: 'commits what was overtaken',
    file: group,
    find: 'if (known === undefined || !isActive(entry, path)) return [];',
    replace: 'if (known === undefined || entry?.current === undefined) return [];',
    caughtBy: 'test/handlers/commit/commit-group.test.ts',
  },
  {
    name: 'commits a version again that the table shows',
    file: 'handlers/stages/commit/shown-versions.ts',
    find: 'if (told !== undefined) return told;',
    replace: 'if (told === false) return told;',
    caughtBy: 'test/handlers/commit/commit-group.test.ts',
  },
  {
    name: 'leaves the version before in the table',
    file: group,
    find: 'removes: older.filter((_, i) => areShown[i]),',
    replace: 'removes: [],',
    caughtBy: 'test/handlers/commit/commit-group.test.ts',
  },
  {
    name: 'lets an older commit in flight pass after a deletion',
    file: group,
    find: 'changes.some(({ adds, mayRace }) => adds || mayRace)',
    replace: 'changes.some(({ adds, removes }) => adds || removes.length > 0)',
    caughtBy: 'test/handlers/commit/commit-group.test.ts',
  },
  {
    name: 'lets an older commit in flight pass after a version without rows',
    file: 'lake/iceberg-table.ts',
    find: 'return (await this.#touch(state)) ? undefined : new Conflict();',
    replace: 'return undefined;',
    caughtBy: 'test/handlers/commit/commit-group.test.ts',
  },
  {
    name: 'gives up at the first conflict',
    file: group,
    find: 'const ATTEMPTS = 10;',
    replace: 'const ATTEMPTS = 1;',
    caughtBy: 'test/handlers/commit/commit-group.test.ts',
  },
  {
    name: 'leaves copies of older versions in a table of CSV',
    file: copies,
    find: '  for (const older of olderVersions(entry)) await removeCopies(older, commit);\n',
    replace: '',
    caughtBy: 'test/handlers/commit/copies.test.ts',
  },
  {
    name: 'registers no partition of a table of CSV',
    file: copies,
    find: '  await registerFolders(files, commit);\n',
    replace: '',
    caughtBy: 'test/handlers/commit/copies.test.ts',
  },
  {
    name: 'keeps copies that come after their version was replaced',
    file: copies,
    find: "  if (entry !== undefined && isShownBy('committed', entry)) await removeCopies(commit.path, commit);\n",
    replace: '',
    caughtBy: 'test/handlers/commit/copies.test.ts',
  },
];
