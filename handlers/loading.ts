import type { Environment } from '../domain/environment.ts';
import type { TableStore } from '../mysql/table-store.ts';
import { stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { loadPart } from './stages/loading/load-part.ts';

const { buckets, options } = stageEnvironment('loading');
const tables = await mysqlTables(process.env);

export const stage: StageOptions = {
  ...options,
  work: (event, context) => loadPart(event, buckets, { tables, ...context }),
};

/** Imports the MySQL client only in a stack with MySQL, since it is the largest part of this function. */
async function mysqlTables({ MYSQL_URL, MYSQL_HOST }: Environment): Promise<TableStore | undefined> {
  if ((MYSQL_URL ?? MYSQL_HOST ?? '') === '') return undefined;
  const { openMysqlTables } = await import('../mysql/mysql-table-store.ts');
  return openMysqlTables();
}

export const handler = stageHandler(stage);
