import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import { deployedDatasets } from '../datasets/index.ts';
import { asTheyCome } from '../lake/compaction/plan.ts';
import { glueCatalog } from '../lake/glue-catalog.ts';
import { recordedSchemas } from '../lake/table-schema.ts';
import layouts from '../mysql/migrations/lake.json' with { type: 'json' };
import { listedFiles } from '../store/listing.ts';
import { s3ObjectStore, untilDeadline } from '../store/object-store.ts';
import { readEnvironment } from './configuration.ts';
import { type MaintainedTable, maintain, maintenanceTask, retentionOf } from './maintenance/maintain.ts';

const env = readEnvironment('maintenance');
const s3 = new S3Client({});
const logger = new Logger({ serviceName: 'maintenance' });

const outside = {
  store: s3ObjectStore(s3),
  catalog: glueCatalog(env.CATALOG_DATABASE),
  list: (bucket: string, prefix: string) => listedFiles(s3, bucket, prefix),
  datasets: deployedDatasets,
  tableSchema: recordedSchemas(layouts),
  buckets: { processed: env.PROCESSED_BUCKET, ledger: env.LEDGER_BUCKET, failed: env.FAILED_BUCKET },
  retention: retentionOf(Number(env.SNAPSHOT_DAYS)),
  compaction: asTheyCome,
  now: Date.now,
  wait: pause,
  uuid: randomUUID,
};

/**
 * Maintains the lake's tables: by its schedule, and for `npx sluice maintain`.
 *
 * @throws {Error} that names each table that could not be maintained, after all others were
 */
export async function handler(
  input: unknown,
  { getRemainingTimeInMillis }: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<{ readonly tables: readonly MaintainedTable[] }> {
  const task = maintenanceTask.parse(input);
  const log = (table: MaintainedTable) => {
    if (table.error === undefined) logger.info('The table is maintained', { ...task, ...table });
    else logger.error('The table could not be maintained', { ...task, ...table });
  };
  // A function that was frozen at its timeout and thawed much later must not point a table to metadata that
  // is garbage by then.
  const isOver = () => getRemainingTimeInMillis() <= 0;
  const ports = {
    store: untilDeadline(outside.store, isOver),
    catalog: untilDeadline(outside.catalog, isOver),
  };
  const tables = await maintain({ ...outside, ...ports, timeLeft: getRemainingTimeInMillis, log }, task);
  const failed = tables.filter(({ error }) => error !== undefined);
  if (failed.length === 0) return { tables };
  throw new Error(failed.map(({ table, error }) => `${table}: ${error}`).join('\n'));
}
