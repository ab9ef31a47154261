import type { Mutation } from '../mutation.ts';

const lake = 'lake/maintenance.ts';
const shown = 'handlers/stages/commit/shown-versions.ts';
const maintain = 'test/handlers/maintenance/maintain.test.ts';
const compaction = 'test/handlers/maintenance/compaction.test.ts';
const forgotten = 'test/handlers/maintenance/forgotten-commits.test.ts';

/** Of the lake's maintenance, and of commits whose snapshots it has forgotten. */
export const maintenance: readonly Mutation[] = [
  {
    name: 'removes what is prepared and not published yet',
    file: 'handlers/maintenance/maintain.ts',
    find: "statusOf(entry, path) === 'gone'",
    replace: "statusOf(entry, path) !== 'superseded'",
  },
  {
    name: 'removes what a commit names that came after the first look',
    file: lake,
    find: '    if (!(await named.look())) return;\n    yield candidates',
    replace: '    yield candidates',
    caughtBy: maintain,
  },
  {
    name: 'removes files of a commit that is under way',
    file: lake,
    find: 'file.modified < before && !isNamed(file)',
    replace: '!isNamed(file)',
    caughtBy: maintain,
  },
  {
    name: 'removes what other engines keep beside a table',
    file: lake,
    find: 'METADATA.test(key) || parseCompactedKey(key) !== undefined',
    replace: 'true',
    caughtBy: maintain,
  },
  {
    name: 'takes a dropped table for one without files',
    file: lake,
    find: 'if (state === undefined) return false;',
    replace: 'if (state === undefined) return true;',
    caughtBy: maintain,
  },
  {
    name: 'forgets a snapshot by its own time',
    file: lake,
    find: 'shownUntil < now - age ||',
    replace: "snapshot['timestamp-ms'] < now - age ||",
    caughtBy: 'test/lake/maintenance.test.ts',
  },
  {
    name: 'gives a table up at the first conflict',
    file: 'handlers/maintenance/maintain.ts',
    find: 'const ATTEMPTS = 10;',
    replace: 'const ATTEMPTS = 1;',
    caughtBy: maintain,
  },
  {
    name: 'commits a version again whose snapshot is forgotten',
    file: shown,
    find: '(isNoted || !this.#hasForgotten(since))',
    replace: '(isNoted || since > 0 || !this.#hasForgotten(since))',
    caughtBy: forgotten,
  },
  {
    name: 'leaves a version in the table that was never noted',
    file: shown,
    find: '(isNoted || !this.#hasForgotten(since))',
    replace: '(isNoted || since === 0 || !this.#hasForgotten(since))',
    caughtBy: forgotten,
  },
  {
    name: 'removes for ever what the table does not have',
    file: 'handlers/stages/commit/commit-group.ts',
    find: '        trustsLedger = false;\n',
    replace: '',
    caughtBy: forgotten,
  },
  {
    name: 'leaves the compacted files that it wrote anew in the table',
    file: 'handlers/stages/commit/rows-out.ts',
    find: 'removed: [...change.removed.filter((key) => !missing.has(key)), ...replaced],',
    replace: 'removed: change.removed.filter((key) => !missing.has(key)),',
    caughtBy: compaction,
  },
  {
    name: 'does not see rows in compacted files, when nothing else tells of a commit',
    file: shown,
    find: 'return compacted !== undefined && compacted.length > 0;',
    replace: 'return false;',
    caughtBy: compaction,
  },
  {
    name: 'compacts by names of columns, not by their ids',
    file: 'lake/compaction/columns.ts',
    find: 'id !== undefined && element.field_id === id',
    replace: 'element.name === column.name',
    caughtBy: 'test/lake/compaction/columns.test.ts',
  },
  {
    name: 'removes the small files of a version that MySQL has not read yet',
    file: 'handlers/maintenance/maintain.ts',
    find: 'isActiveVersion(entry, path) && isSettled(entry)',
    replace: 'isActiveVersion(entry, path)',
    caughtBy: compaction,
  },
  {
    name: 'removes the small files of a version that the table does not show',
    file: lake,
    find: '(file !== undefined && replaced.has(nameOf(file)))',
    replace: "(file !== undefined && (replaced.has(nameOf(file)) || typeof standings[i] === 'object'))",
    caughtBy: compaction,
  },
  {
    name: 'leaves rows of an erased object in compacted files of older snapshots',
    file: 'lake/forget-files.ts',
    find: 'if (gone.length === 0 && !this.#options.isForgotten(key)) continue;',
    replace: 'if (!this.#options.isForgotten(key)) continue;',
    caughtBy: compaction,
  },
];
