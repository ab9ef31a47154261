import { registry } from '../datasets/index.ts';
import { parseProcessedKey } from '../domain/versions/key-layout.ts';
import type { TableStore } from '../mysql/table-store.ts';
import { readConfiguration } from './configuration.ts';
import { type StageOptions, stageHandler, workItemOf } from './sqs-handler.ts';
import { loadFile } from './stages/load-file.ts';

const env = readConfiguration(
  'TEMP_BUCKET',
  'FAILED_BUCKET',
  'PROCESSED_BUCKET',
  'ARCHIVE_BUCKET',
  'LEDGER_BUCKET',
  'MAXIMUM_RECEIVES',
  'CODE_VERSION',
);
const buckets = {
  temp: env.TEMP_BUCKET,
  failed: env.FAILED_BUCKET,
  processed: env.PROCESSED_BUCKET,
  archive: env.ARCHIVE_BUCKET,
  ledger: env.LEDGER_BUCKET,
};

const tables = await mysqlTables();

export const stage: StageOptions = {
  stage: 'loading',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  registry,
  maximumReceives: Number(env.MAXIMUM_RECEIVES),
  // A file's rows take up to a hundred MB.
  concurrency: 2,
  work: (event, surroundings) => loadFile(event, buckets, { tables, ...surroundings }),
  subjectOf: (event) => workItemOf(event, parseProcessedKey(event.key)),
};

/** Loaded only where the stack has MySQL: the client is the largest part of this function. */
async function mysqlTables(): Promise<TableStore | undefined> {
  if ((process.env['MYSQL_URL'] ?? process.env['MYSQL_HOST'] ?? '') === '') return undefined;
  const { openMysqlTables } = await import('../mysql/mysql-table-store.ts');
  return openMysqlTables();
}

export const handler = stageHandler(stage);
