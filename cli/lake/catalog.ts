import { setTimeout as sleep } from 'node:timers/promises';
import {
  CrawlerRunningException,
  EntityNotFoundException,
  GetCrawlerCommand,
  ListCrawlsCommand,
  paginateGetPartitions,
  paginateGetTables,
  StartCrawlerCommand,
  type Table,
} from '@aws-sdk/client-glue';
import { archiveTableName, type Dataset, VERIFICATION } from '../../domain/dataset.ts';
import { icebergColumns } from '../../domain/tables/glue.ts';
import { isLedgerTable } from '../../domain/tables/ledger-tables.ts';
import { NULL_PARTITION } from '../../domain/versions/partition-path.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';

export interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  /** The field's id, in a snapshot of an Iceberg table. */
  readonly id?: number;
}

export interface CatalogPartition {
  /** In the order of the table's partition keys; null for Hive's null. */
  readonly values: readonly (string | null)[];
  /** The prefix of its files: `recipes/difficulty=easy/` */
  readonly prefix: string;
}

/** A table as the catalog describes it. */
export interface CatalogTable {
  readonly name: string;
  /** `iceberg`, or the format of its files. */
  readonly format: string;
  readonly bucket: string;
  readonly prefix: string;
  /** Those of an Iceberg table include the columns that it is partitioned by. */
  readonly columns: readonly CatalogColumn[];
  readonly partitionKeys: readonly CatalogColumn[];
  /**
   * The registered partitions; a table without partition keys has none and needs none, nor does an Iceberg
   * table, whose snapshots name its files.
   */
  readonly partitions: readonly CatalogPartition[];
  /** The URI of an Iceberg table's metadata file; it has none before its first commit. */
  readonly metadata?: string;
}

/**
 * All tables of the lake and the archive with their partitions, as the catalog has them now; also those that
 * the first commit of a dataset will make. The tables about the pipeline's own work are not among them: no
 * crawl adds their partitions, and their files are not in the lake. Nor are the tables of the verification,
 * unless they are asked for.
 */
export async function readCatalog(target: Target, withVerification = false): Promise<CatalogTable[]> {
  const isShown = (name: string) => !isLedgerTable(name) && (withVerification || !ofVerification.has(name));
  const { database } = target.outputs.catalog;
  const tables: CatalogTable[] = [];
  for await (const table of glueTables(target))
    if (isShown(table.Name ?? '')) tables.push(await catalogTable(target, database, table));
  const toBeMade = target.registry.all.filter(
    ({ name, processedAs }) =>
      processedAs !== 'csv' && isShown(name) && !tables.some((table) => table.name === name),
  );
  return [...tables, ...toBeMade.map((dataset) => newTable(target, dataset))];
}

const ofVerification = new Set([VERIFICATION, archiveTableName(VERIFICATION)]);

/** Every table of the stack's database, as Glue describes it. */
export async function* glueTables({ glue, outputs }: Target): AsyncGenerator<Table> {
  const request = { DatabaseName: outputs.catalog.database };
  for await (const { TableList = [] } of paginateGetTables({ client: glue }, request)) yield* TableList;
}

/** The URI of the metadata file of an Iceberg table, by its parameters; `undefined` of another table. */
export function icebergMetadata(parameters: Table['Parameters']): string | undefined {
  const { table_type: type, metadata_location: metadata } = parameters ?? {};
  return type?.toUpperCase() === 'ICEBERG' ? metadata : undefined;
}

/** The Iceberg table of a dataset before its first commit. */
function newTable({ outputs }: Target, dataset: Dataset): CatalogTable {
  return {
    name: dataset.name,
    format: ICEBERG,
    bucket: outputs.buckets.processed,
    prefix: `${dataset.name}/`,
    columns: icebergColumns(dataset),
    partitionKeys: [],
    partitions: [],
  };
}

/** The format of a table whose files are those of a snapshot. */
export const ICEBERG = 'iceberg';

async function catalogTable(target: Target, database: string, table: Table): Promise<CatalogTable> {
  const { Name = '', PartitionKeys = [], StorageDescriptor, Parameters } = table;
  const partitions: CatalogPartition[] = [];
  const request = { DatabaseName: database, TableName: Name, ExcludeColumnSchema: true };
  if (PartitionKeys.length > 0)
    for await (const { Partitions = [] } of paginateGetPartitions({ client: target.glue }, request))
      for (const { Values = [], StorageDescriptor: storage } of Partitions)
        partitions.push({
          values: Values.map((value) => (value === NULL_PARTITION ? null : value)),
          prefix: placeOf(storage?.Location).prefix,
        });
  const metadata = icebergMetadata(Parameters);
  return {
    name: Name,
    format: metadata === undefined ? (Parameters?.['classification'] ?? 'unknown') : ICEBERG,
    ...(metadata !== undefined && { metadata }),
    ...placeOf(StorageDescriptor?.Location),
    columns: (StorageDescriptor?.Columns ?? []).map(column),
    partitionKeys: PartitionKeys.map(column),
    partitions,
  };
}

const column = ({ Name = '', Type = '' }: { Name?: string | undefined; Type?: string | undefined }) => ({
  name: Name,
  type: Type,
});

function placeOf(location = ''): { bucket: string; prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(location) ?? [];
  return { bucket, prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` };
}

export interface CrawlerState {
  readonly running: boolean;
  /** The start of the last crawl, in milliseconds since the epoch; `undefined` before the first one. */
  readonly lastStart: number | undefined;
  readonly lastFailed: boolean;
  /** Why it failed, or the drift that it found. */
  readonly lastMessage: string | undefined;
}

/** @throws {UserError} when the stack has no such crawler */
export async function crawlerState(target: Target): Promise<CrawlerState> {
  const { crawler } = target.outputs.catalog;
  try {
    const { Crawler } = await target.glue.send(new GetCrawlerCommand({ Name: crawler }));
    const last = Crawler?.LastCrawl;
    return {
      running: Crawler?.State !== 'READY',
      lastStart: last?.StartTime?.getTime(),
      lastFailed: last !== undefined && last.Status !== 'SUCCEEDED',
      lastMessage: last?.ErrorMessage,
    };
  } catch (error) {
    if (error instanceof EntityNotFoundException)
      throw new UserError(
        `There is no crawler ${crawler}. Deploy the stack: pulumi up --stack ${target.outputs.stack}`,
      );
    throw error;
  }
}

export interface Crawl {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  /** As Glue names it: `COMPLETED`. */
  readonly state: string;
  /** What it changed, or why it failed; Glue's own words. */
  readonly result: string;
}

/** The newest crawls, newest first. */
export async function lastCrawls(target: Target, count: number): Promise<Crawl[]> {
  const { crawler } = target.outputs.catalog;
  const { Crawls = [] } = await target.glue.send(
    new ListCrawlsCommand({ CrawlerName: crawler, MaxResults: count }),
  );
  return Crawls.map(({ StartTime, EndTime, State = 'UNKNOWN', ErrorMessage, Summary = '' }) => ({
    startedAt: StartTime?.getTime() ?? 0,
    endedAt: EndTime?.getTime(),
    state: State,
    result: ErrorMessage ?? Summary,
  }));
}

/** Starts the crawler. Returns false when it is already running. */
export async function startCrawl(target: Target): Promise<boolean> {
  try {
    await target.glue.send(new StartCrawlerCommand({ Name: target.outputs.catalog.crawler }));
    return true;
  } catch (error) {
    if (error instanceof CrawlerRunningException) return false;
    throw error;
  }
}

const POLL_MS = 250;
const POLL_ON_AWS_MS = 5_000;

/**
 * Starts the crawler and waits until it has ended. If a crawl is already running, it may have passed the new
 * files; so this waits for its end and starts another one.
 *
 * @param signal ends the wait, not the crawl
 * @throws {UserError} when the crawl fails, or on a timeout
 */
export async function crawlAndWait(
  target: Target,
  timeoutSeconds: number,
  progress: (text: string) => void = () => {},
  signal?: AbortSignal,
): Promise<CrawlerState> {
  const end = Date.now() + timeoutSeconds * 1000;
  const pause = () =>
    sleep(target.control === undefined ? POLL_ON_AWS_MS : POLL_MS, undefined, { ...(signal && { signal }) });
  const before = Date.now();
  let started = false;
  for (;;) {
    started ||= await startCrawl(target);
    const state = await crawlerState(target);
    if (started && !state.running) {
      if (state.lastFailed)
        throw new UserError(`The crawl failed: ${state.lastMessage ?? 'Glue gives no reason.'}`);
      return state;
    }
    progress(
      `${started ? 'Crawling' : 'Another crawl is running'}, for ${Math.round((Date.now() - before) / 1000)} s`,
    );
    if (Date.now() > end)
      throw new UserError(
        `Timeout: the crawl is still running after ${timeoutSeconds} s. To see its result: npx sluice catalog`,
      );
    await pause();
  }
}
