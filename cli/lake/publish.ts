import {
  CreatePartitionCommand,
  DeletePartitionCommand,
  EntityNotFoundException,
  GetTableCommand,
  paginateGetPartitions,
  UpdatePartitionCommand,
} from '@aws-sdk/client-glue';
import { copyPrefix, type LedgerTable, ledgerTablePrefix } from '../../domain/tables/ledger-tables.ts';
import { contentTypes } from '../../formats/lake-file.ts';
import { listObjects } from '../../store/listing.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import { ledgerFiles } from './ledger-files.ts';

/** A table that was copied: how many rows, and what could not be read. */
export interface Published {
  readonly table: string;
  readonly rows: number;
  readonly problems: readonly string[];
}

/**
 * Copies a table about the pipeline's own work into files that Athena and Spectrum read. The catalog shows
 * the copy of a dataset as soon as it is whole: one call changes the location of the dataset's partition. The
 * copy before it stays, for queries that are running; older ones are removed.
 */
export async function publish(
  target: Target,
  table: LedgerTable,
  progress: (text: string) => void,
): Promise<Published> {
  const asOf = new Date().toISOString();
  const bucket = target.outputs.buckets[table.bucket];
  const store = s3ObjectStore(target.s3);
  const before = await partitionsOf(target, table);
  const rows = new Map<string, number>();
  const problems: string[] = [];
  for await (const step of ledgerFiles(target, table, asOf, progress)) {
    if ('problem' in step) {
      problems.push(step.problem);
      continue;
    }
    const { dataset, name, body, rows: inFile } = step.file;
    const key = `${copyPrefix(table, asOf, dataset)}${name}`;
    await store.write({ bucket, key, body, contentType: contentTypes.parquet });
    rows.set(dataset, (rows.get(dataset) ?? 0) + inFile);
  }
  await showCopy(target, table, [...rows.keys()], before, asOf);
  const oldest = [...before.values()].map(copyOf).sort()[0] ?? copyOf(copyPrefix(table, asOf));
  const obsolete: string[] = [];
  for await (const { Key } of listObjects(target, bucket, ledgerTablePrefix(table)))
    if (copyOf(Key) < oldest) obsolete.push(Key);
  await store.remove(bucket, obsolete);
  return { table: table.name, rows: [...rows.values()].reduce((sum, n) => sum + n, 0), problems };
}

/**
 * When the oldest copy that the catalog shows was made, in milliseconds since the epoch; `undefined` if it
 * shows none.
 */
export async function publishedAt(target: Target, table: LedgerTable): Promise<number | undefined> {
  const locations = [...(await partitionsOf(target, table)).values()];
  const [oldest] = locations.map(copyOf).sort();
  return oldest === undefined ? undefined : Date.parse(oldest.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:'));
}

/** The name of the copy in a key or a location: the time when it was made, in the order of times. */
const copyOf = (path: string) => /\/?tables\/\w+\/([^/]+)\//.exec(path)?.[1] ?? '';

/** The locations of a table's partitions, by dataset. @throws {UserError} if the stack lacks the table */
async function partitionsOf(target: Target, { name }: LedgerTable): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const request = {
    DatabaseName: target.outputs.catalog.database,
    TableName: name,
    ExcludeColumnSchema: true,
  };
  try {
    for await (const { Partitions = [] } of paginateGetPartitions({ client: target.glue }, request))
      for (const { Values: [dataset = ''] = [], StorageDescriptor } of Partitions)
        found.set(dataset, StorageDescriptor?.Location ?? '');
    return found;
  } catch (error) {
    if (!(error instanceof EntityNotFoundException)) throw error;
    throw new UserError(
      `The catalog has no table ${name}. Deploy the stack: pulumi up --stack ${target.outputs.stack}`,
    );
  }
}

async function showCopy(
  { glue, outputs }: Target,
  table: LedgerTable,
  datasets: readonly string[],
  before: ReadonlyMap<string, string>,
  copy: string,
): Promise<void> {
  const of = { DatabaseName: outputs.catalog.database, TableName: table.name };
  const { Table } = await glue.send(
    new GetTableCommand({ DatabaseName: of.DatabaseName, Name: of.TableName }),
  );
  for (const dataset of datasets) {
    const Location = `s3://${outputs.buckets[table.bucket]}/${copyPrefix(table, copy, dataset)}`;
    // The columns of the table as it is now: an older copy may have had fewer.
    const StorageDescriptor = { ...Table?.StorageDescriptor, Location };
    const PartitionInput = { Values: [dataset], StorageDescriptor };
    if (before.has(dataset))
      await glue.send(new UpdatePartitionCommand({ ...of, PartitionValueList: [dataset], PartitionInput }));
    else await glue.send(new CreatePartitionCommand({ ...of, PartitionInput }));
  }
  for (const dataset of before.keys())
    if (!datasets.includes(dataset))
      await glue.send(new DeletePartitionCommand({ ...of, PartitionValues: [dataset] }));
}
