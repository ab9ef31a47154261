import type { RowDataPacket } from 'mysql2/promise';
import { datasetNamed } from '../domain/datasets/index.ts';
import { mysqlName, mysqlTables } from '../domain/tables/mysql.ts';
import { objectHash, sortableSequencer } from '../domain/tables/row-identity.ts';
import { withMysql } from './mysql.ts';
import type { CountInTables } from './reconcile.ts';

/** Does something that asks a database for the rows of versions of objects. */
export function withRowCounts<Result>(
  url: string,
  work: (countInTables: CountInTables) => Promise<Result>,
): Promise<Result> {
  return withMysql(url, (connection) =>
    work(async (name, key, sequencer) => {
      const dataset = datasetNamed(name);
      if (dataset === undefined) return 0;
      const { table } = mysqlTables(dataset);
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT COUNT(*) AS n FROM ${mysqlName(table.name)} WHERE _object = x'${objectHash(key)}' AND _sequencer = ?`,
        [sortableSequencer(sequencer)],
      );
      return Number(rows[0]?.['n'] ?? 0);
    }),
  );
}
