import { BatchCreatePartitionCommand, GetTableCommand, type GlueClient } from '@aws-sdk/client-glue';

/** "BatchCreatePartition: no more than 100 items" */
const BATCH = 100;

/** A partition that the catalog is to know. */
export interface NewPartition {
  /** In the order of the table's partition keys, as the catalog has them. */
  readonly values: readonly string[];
  /** The URI of its folder. */
  readonly location: string;
}

/**
 * Registers partitions of a table in the AWS Glue Data Catalog, with the columns of the table. Those that it
 * knows already stay as they are.
 *
 * @returns how many it did not know
 */
export async function registerPartitions(
  glue: GlueClient,
  DatabaseName: string,
  TableName: string,
  partitions: readonly NewPartition[],
): Promise<number> {
  if (partitions.length === 0) return 0;
  const { Table } = await glue.send(new GetTableCommand({ DatabaseName, Name: TableName }));
  let added = 0;
  for (let at = 0; at < partitions.length; at += BATCH) {
    const PartitionInputList = partitions.slice(at, at + BATCH).map(({ values, location: Location }) => ({
      Values: [...values],
      StorageDescriptor: { ...Table?.StorageDescriptor, Location },
    }));
    const { Errors = [] } = await glue.send(
      new BatchCreatePartitionCommand({ DatabaseName, TableName, PartitionInputList }),
    );
    // Somebody else may have added it meanwhile.
    const [wrong] = Errors.filter(({ ErrorDetail }) => ErrorDetail?.ErrorCode !== 'AlreadyExistsException');
    if (wrong !== undefined) throw new Error(`${TableName}: ${wrong.ErrorDetail?.ErrorMessage}`);
    added += PartitionInputList.length - Errors.length;
  }
  return added;
}
