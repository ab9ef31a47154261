// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code, as text.

import type { Mutation } from '../mutation.ts';

export const mysql: readonly Mutation[] = [
  {
    name: 'lowers the guard of an object that a newer version raised just then',
    file: 'mysql/mysql-table-store.ts',
    find: 'sequencer = IF(VALUES(sequencer) > sequencer, VALUES(sequencer), sequencer)',
    replace: 'sequencer = VALUES(sequencer)',
    caughtBy: 'test/mysql/transactions.test.ts',
  },
  {
    name: 'does not hold the guard of an object until its rows are in',
    file: 'mysql/mysql-table-store.ts',
    find: "isOvertaken(session, guarded, 'LOCK IN SHARE MODE')",
    replace: "isOvertaken(session, guarded, '')",
    caughtBy: 'test/mysql/transactions.test.ts',
  },
  {
    name: 'lets older versions in after a retraction',
    file: 'mysql/mysql-table-store.ts',
    find: '    await this.#sessions.run((session) => raise(session, guarded));\n',
    replace: '',
    caughtBy: 'test/mysql/table-store.test.ts',
  },
  {
    name: 'retracts as many rows as one transaction may, and no more',
    file: 'mysql/mysql-table-store.ts',
    find: 'if (records.length < this.#rowsRemoved) break;',
    replace: 'break;',
    caughtBy: 'test/mysql/table-store.test.ts',
  },
  {
    name: 'leaves the list elements of rows that it retracts',
    file: 'mysql/mysql-table-store.ts',
    find: '[...lists.map((list) => list.table), table]',
    replace: '[table]',
    caughtBy: 'test/mysql/table-store.test.ts',
  },
  {
    name: 'leaves rows that stay the same at their old version',
    file: 'mysql/load-rows.ts',
    find: 'if (!isOurs) untouched.push(row);',
    replace: '',
    caughtBy: 'test/mysql/table-store.test.ts',
  },
  {
    name: 'trusts existing rows when it reprocesses a version',
    file: 'mysql/mysql-table-store.ts',
    find: 'const rewrite = parseRevision(sequencer).revision > 0;',
    replace: 'const rewrite = false;',
    caughtBy: 'test/mysql/transactions.test.ts',
  },
  {
    name: 'leaves a transaction open that failed',
    file: 'mysql/session.ts',
    find: "await connection.query({ sql: 'ROLLBACK', timeout: this.#patience.statementMs });",
    replace: '',
    caughtBy: 'test/mysql/load-failures.test.ts',
  },
  {
    name: 'counts rows twice where it looks for one that the server refuses',
    file: 'mysql/load-rows.ts',
    find: '      [this.#written, this.#unchanged] = counts;\n',
    replace: '',
    caughtBy: 'test/mysql/table-store.test.ts',
  },
  {
    name: 'does not look again, within its transaction, whether it was overtaken',
    file: 'mysql/mysql-table-store.ts',
    find: "return ((await guardOf(session, guarded, lock)) ?? '') > guarded.sequencer;",
    replace: 'return false;',
    caughtBy: 'test/mysql/transactions.test.ts',
  },
  {
    name: 'keeps the provenance of versions whose rows are gone',
    file: 'mysql/mysql-table-store.ts',
    find: 'if (numbers.length < this.#rowsRemoved)',
    replace: 'if (false)',
    caughtBy: 'test/mysql/provenance.test.ts',
  },
  {
    name: 'does not lower the guard of an object when asked to',
    file: 'mysql/mysql-table-store.ts',
    find: 'if (leaving !== undefined) await this.#sessions.run((session) => lower(session, guarded, leaving));',
    replace: '',
    caughtBy: 'test/mysql/transactions.test.ts',
  },
  {
    name: 'lowers the guard of an object that a newer version has raised',
    file: 'mysql/mysql-table-store.ts',
    find: "_object = x'${object}' AND sequencer = ?`,\n    [sortableSequencer(to), dataset, sequencer],",
    replace: "_object = x'${object}'`,\n    [sortableSequencer(to), dataset],",
    caughtBy: 'test/mysql/transactions.test.ts',
  },
];
