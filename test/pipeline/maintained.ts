import { randomUUID } from 'node:crypto';
import type { Target } from '../../cli/target/target.ts';
import { deployedDatasets } from '../../datasets/index.ts';
import { type MaintainedTable, maintain, retentionOf } from '../../handlers/maintenance/maintain.ts';
import { asTheyCome } from '../../lake/compaction/plan.ts';
import { glueCatalog } from '../../lake/glue-catalog.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import layouts from '../../mysql/migrations/lake.json' with { type: 'json' };
import { listedFiles } from '../../store/listing.ts';
import { s3ObjectStore } from '../../store/object-store.ts';

const DAY_MS = 86_400_000;

/**
 * What the maintenance function does so many days from now, with the deployed catalog and buckets.
 *
 * @returns what became of the table of recipes
 */
export async function maintainedInDays(
  { s3, glue, outputs }: Target,
  days: number,
): Promise<MaintainedTable | undefined> {
  const { processed, ledger, failed } = outputs.buckets;
  const tables = await maintain(
    {
      store: s3ObjectStore(s3),
      catalog: glueCatalog(outputs.catalog.database, glue),
      list: (bucket, prefix) => listedFiles(s3, bucket, prefix),
      datasets: deployedDatasets,
      tableSchema: recordedSchemas(layouts),
      buckets: { processed, ledger, failed },
      retention: retentionOf(7),
      compaction: asTheyCome,
      now: () => Date.now() + days * DAY_MS,
      timeLeft: () => 900_000,
      wait: async () => {},
      uuid: randomUUID,
      log: () => {},
    },
    { dryRun: false },
  );
  return tables.find(({ table }) => table === 'recipes');
}
