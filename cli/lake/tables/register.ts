import { partitionValues } from '../../../domain/versions/partition-path.ts';
import { type NewPartition, registerPartitions } from '../../../lake/partitions.ts';
import { listObjects } from '../../../store/listing.ts';
import type { Target } from '../../target/target.ts';
import { type CatalogTable, readCatalog } from '../catalog.ts';

/**
 * Registers the partitions of CSV tables and of the archive that are missing in the catalog.
 *
 * @returns their number
 */
export async function registerMissing(target: Target): Promise<number> {
  let added = 0;
  for (const table of await readCatalog(target)) {
    if (table.partitionKeys.length === 0) continue;
    const missing = await unregistered(target, table);
    added += await registerPartitions(target.glue, target.outputs.catalog.database, table.name, missing);
  }
  return added;
}

async function unregistered(
  target: Target,
  { bucket, prefix, partitionKeys, partitions }: CatalogTable,
): Promise<NewPartition[]> {
  const known = new Set(partitions.map((partition) => partition.prefix));
  const missing = new Map<string, NewPartition>();
  for await (const { Key } of listObjects(target, bucket, prefix)) {
    const folder = Key.slice(0, Key.lastIndexOf('/') + 1);
    if (known.has(folder)) continue;
    const values = partitionValues(partitionKeys, folder.slice(prefix.length));
    if (values !== undefined) missing.set(folder, { values, location: `s3://${bucket}/${folder}` });
  }
  return [...missing.values()];
}
