import { deployedDatasets } from '../../../datasets/index.ts';
import { type Maintenance, retentionOf } from '../../../handlers/maintenance/maintain.ts';
import { asTheyCome } from '../../../lake/compaction/plan.ts';
import { recordedSchemas } from '../../../lake/table-schema.ts';
import type { MemoryStore } from '../../store/memory-store.ts';
import { buckets } from '../flow.ts';

/** The maintenance of a store at a time, whose files are very old unless it is said when they came. */
export function maintenanceOf(
  store: MemoryStore,
  now: number,
  { modified, ...changes }: Partial<Maintenance> & { readonly modified?: (key: string) => number } = {},
): Maintenance {
  return {
    store,
    catalog: store.catalog,
    async *list(bucket, prefix) {
      for (const key of store.keys(bucket).filter((each) => each.startsWith(prefix)))
        yield { key, bytes: store.body(bucket, key).length, modified: modified?.(key) ?? 0 };
    },
    datasets: deployedDatasets,
    tableSchema: recordedSchemas([]),
    buckets,
    retention: retentionOf(7),
    compaction: asTheyCome,
    now: () => now,
    timeLeft: () => 900_000,
    wait: async () => {},
    uuid: () => `maintenance-${now}`,
    log: () => {},
    ...changes,
  };
}
