import { BatchCreatePartitionCommand, GetTableCommand } from '@aws-sdk/client-glue';
import { partitionValues } from '../../../domain/versions/partition-path.ts';
import { listObjects } from '../../../store/listing.ts';
import type { Target } from '../../target/target.ts';
import { type CatalogTable, readCatalog } from '../catalog.ts';

/** "BatchCreatePartition: no more than 100 items" */
const BATCH = 100;

/** Registers the partitions of the lake that are missing in the catalog. Returns their number. */
export async function registerPartitions(target: Target): Promise<number> {
  const DatabaseName = target.outputs.catalog.database;
  let added = 0;
  for (const each of await readCatalog(target)) {
    if (each.partitionKeys.length === 0) continue;
    const missing = await unregistered(target, each);
    if (missing.length === 0) continue;
    const { Table } = await target.glue.send(new GetTableCommand({ DatabaseName, Name: each.name }));
    for (let at = 0; at < missing.length; at += BATCH) {
      const PartitionInputList = missing.slice(at, at + BATCH).map(({ prefix, values }) => ({
        Values: values,
        StorageDescriptor: { ...Table?.StorageDescriptor, Location: `s3://${each.bucket}/${prefix}` },
      }));
      const { Errors = [] } = await target.glue.send(
        new BatchCreatePartitionCommand({ DatabaseName, TableName: each.name, PartitionInputList }),
      );
      // A crawl may have added it meanwhile.
      const [wrong] = Errors.filter(({ ErrorDetail }) => ErrorDetail?.ErrorCode !== 'AlreadyExistsException');
      if (wrong !== undefined) throw new Error(`${each.name}: ${wrong.ErrorDetail?.ErrorMessage}`);
      added += PartitionInputList.length - Errors.length;
    }
  }
  return added;
}

async function unregistered(
  target: Target,
  { bucket, prefix, partitionKeys, partitions }: CatalogTable,
): Promise<{ readonly prefix: string; readonly values: string[] }[]> {
  const known = new Set(partitions.map((partition) => partition.prefix));
  const missing = new Map<string, string[]>();
  for await (const { Key } of listObjects(target, bucket, prefix)) {
    const folder = Key.slice(0, Key.lastIndexOf('/') + 1);
    if (known.has(folder)) continue;
    const values = partitionValues(partitionKeys, folder.slice(prefix.length));
    if (values !== undefined) missing.set(folder, values);
  }
  return [...missing].map(([folder, values]) => ({ prefix: folder, values }));
}
