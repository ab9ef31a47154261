import * as z from 'zod';
import { type Authorize, authorizeAction, type Caller } from '../core/call.ts';
import type { RoleReader } from '../s3/api/role-reader.ts';
import type { QueuePort, ReceivedMessage } from '../sqs/sqs.ts';
import { type Catalog, type Partition, within } from './catalog.ts';
import type { CatalogColumn, CrawlerSettings } from './settings.ts';
import { isIceberg, type Table } from './tables.ts';

/** A crawl's result. */
export interface Crawl {
  readonly id: string;
  readonly crawler: string;
  /** Those that the crawler had then. */
  readonly tables?: readonly string[];
  readonly state: 'COMPLETED' | 'FAILED';
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Whether it listed everything, as the first crawl of these tables does, or only changes. */
  readonly listed: 'everything' | 'changes';
  readonly partitionsCreated: number;
  /** Partitions without files. They stay registered, as the crawler's delete behavior LOG requires. */
  readonly empty: readonly string[];
  /** Differences between files and tables. */
  readonly drift: readonly string[];
  readonly error?: string;
}

/**
 * Describes the differences between a file and its table, a phrase each. `read` returns the bytes from
 * `start` to before `end`, or `undefined` if the file is gone.
 */
export type CompareFile = (
  table: {
    readonly columns: readonly CatalogColumn[];
    readonly format: string;
    readonly partitionKeys: readonly { readonly name: string }[];
  },
  size: number,
  read: (start: number, end: number) => Promise<Uint8Array | undefined>,
) => Promise<readonly string[]>;

export interface CrawlPorts {
  readonly catalog: Catalog;
  readonly files: RoleReader;
  readonly queue: QueuePort;
  readonly authorize: Authorize;
  readonly caller: Caller;
  readonly now: () => number;
  readonly compare: CompareFile;
  /** Resolves when the partitions are stored. */
  readonly register: (partitions: readonly Partition[]) => Promise<void>;
}

export type Outcome = Pick<Crawl, 'listed' | 'partitionsCreated' | 'empty' | 'drift'>;

/** "The maximum number of messages to consume per crawl is 100,000 messages." */
const MESSAGES = 100_000;
/** Number of new files per folder to compare with the table. */
const SAMPLES = 5;
/** Number of differences to report. */
const TOLD = 100;

/**
 * Crawls as Glue does in S3 event mode (Glue guide, "Accelerating crawls using Amazon S3 event
 * notifications"): the first crawl lists the tables' locations; later ones list only the folders named in
 * messages, if any. New folders become partitions, which inherit the table's schema; existing tables and
 * partitions are never changed. Iceberg tables are left out, since they have no partitions here.
 */
export async function crawl(
  settings: CrawlerSettings,
  isFirst: boolean,
  ports: CrawlPorts,
  signal: AbortSignal,
): Promise<Outcome> {
  const tables = settings.tables
    .map((name) => ports.catalog.table(settings.database, name))
    .filter((table) => !isIceberg(table));
  const found = new Findings(tables);
  const taken: ReceivedMessage[] = [];
  if (isFirst) {
    for (const table of tables) {
      const { bucket, prefix } = placeOf(locationOf(table));
      for await (const file of ports.files.list(bucket, prefix)) found.add(bucket, file);
    }
  } else {
    for (;;) {
      const messages = taken.length < MESSAGES ? await ports.queue.receive(10, 0, signal) : [];
      if (messages.length === 0) break;
      taken.push(...messages);
      for (const { body } of messages)
        for (const change of changesIn(body)) found.add(change.bucket, change.file);
    }
  }

  let partitionsCreated = 0;
  const empty: string[] = [];
  const drift = [...found.drift];
  for (const folder of found.folders.values()) {
    const { table, values, location } = folder;
    const { bucket, prefix } = placeOf(location);
    const place = { database: table.database, table: table.name };
    const known = ports.catalog.partition(place, values);
    const [file] = await Array.fromAsync(take(ports.files.list(bucket, prefix), 1));
    if (file === undefined) {
      if (known !== undefined) empty.push(location);
      continue;
    }
    if (known === undefined && partitionKeys(table).length > 0) {
      await mayRegister(ports, table);
      await ports.register([{ ...place, values, location, createdAt: ports.now() }]);
      partitionsCreated += 1;
    }
    const declared = declarationOf(table);
    for (const { key, size } of folder.files.values()) {
      if (drift.length >= TOLD) break;
      const differs = await ports.compare(declared, size, (start, end) =>
        ports.files.read(bucket, key, start, end),
      );
      drift.push(...differs.map((what) => `${key}: ${what}`));
    }
  }
  for (let at = 0; at < taken.length; at += 10)
    await ports.queue.delete(taken.slice(at, at + 10).map(({ receiptHandle }) => receiptHandle));
  return {
    listed: isFirst ? 'everything' : 'changes',
    partitionsCreated,
    empty,
    drift: drift.slice(0, TOLD),
  };
}

interface Folder {
  readonly table: Table;
  readonly values: readonly string[];
  readonly location: string;
  readonly files: Map<string, { readonly key: string; readonly size: number }>;
}

/** The changed folders of tables, and the files that belong to no partition. */
class Findings {
  readonly folders = new Map<string, Folder>();
  readonly drift = new Set<string>();
  readonly #tables: readonly PlacedTable[];

  constructor(tables: readonly Table[]) {
    this.#tables = tables.map((table) => ({ table, ...placeOf(locationOf(table)) }));
  }

  /** A file without a size was deleted. */
  add(bucket: string, { key, size }: { readonly key: string; readonly size?: number | undefined }): void {
    const place = this.#tables.find((each) => each.bucket === bucket && key.startsWith(each.prefix));
    if (place === undefined) return;
    const { table, prefix } = place;
    const path = key.slice(prefix.length, key.lastIndexOf('/') + 1);
    const partition = partitionValues(partitionKeys(table), path);
    if (partition === undefined) {
      if (size !== undefined && this.drift.size < TOLD)
        this.drift.add(`${key}: it lies in no partition of ${table.name} (${keysOf(table)})`);
      return;
    }
    const location = `s3://${bucket}/${prefix}${path}`;
    const folder = this.folders.get(location) ?? { table, values: partition, location, files: new Map() };
    this.folders.set(location, folder);
    if (size === undefined) folder.files.delete(key);
    else if (folder.files.size < SAMPLES) folder.files.set(key, { key, size });
  }
}

interface PlacedTable {
  readonly table: Table;
  readonly bucket: string;
  readonly prefix: string;
}

const locationOf = ({ definition }: Table) => definition.StorageDescriptor?.Location ?? '';

const partitionKeys = ({ definition: { PartitionKeys = [] } }: Table) =>
  PartitionKeys.map(({ Name }) => Name);

const keysOf = (table: Table) =>
  partitionKeys(table).length === 0 ? 'not partitioned' : `by ${partitionKeys(table).join(', ')}`;

/** What a file of the table is compared with. */
const declarationOf = (table: Table) => ({
  columns: (table.definition.StorageDescriptor?.Columns ?? []).map(({ Name, Type = '' }) => ({
    name: Name,
    type: Type,
  })),
  format: table.definition.Parameters?.['classification'] ?? 'unknown',
  partitionKeys: partitionKeys(table).map((name) => ({ name })),
});

function placeOf(location: string): { bucket: string; prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(location) ?? [];
  return { bucket, prefix };
}

async function mayRegister({ authorize, caller, catalog }: CrawlPorts, table: Table): Promise<void> {
  for (const resource of within(catalog.database(table.database), table.name))
    await authorizeAction(authorize, caller, 'glue:BatchCreatePartition', resource);
}

/**
 * The unescaped values of a folder such as `place=Ulm/day=2026-01-01/`; `undefined` if the folder is not a
 * partition by these keys.
 */
function partitionValues(keys: readonly string[], path: string): string[] | undefined {
  const segments = path.split('/').filter((segment) => segment !== '');
  const names = segments.map((segment) => segment.slice(0, segment.indexOf('=')));
  if (names.length !== keys.length || keys.some((name, index) => name !== names[index])) return undefined;
  try {
    return segments.map((segment) => decodeURIComponent(segment.slice(segment.indexOf('=') + 1)));
  } catch {
    return undefined;
  }
}

/**
 * S3's notifications ("Amazon S3 User Guide: Event message structure"); a test event or another message has
 * no records.
 */
const notification = z.object({
  Records: z.array(
    z.object({
      eventName: z.string(),
      s3: z.object({
        bucket: z.object({ name: z.string() }),
        object: z.object({ key: z.string(), size: z.number().default(0) }),
      }),
    }),
  ),
});

function changesIn(body: string) {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return [];
  }
  return (notification.safeParse(parsed).data?.Records ?? []).map(({ eventName, s3: { bucket, object } }) => {
    const key = decodeURIComponent(object.key.replaceAll('+', ' '));
    const removed = eventName.startsWith('ObjectRemoved:');
    return { bucket: bucket.name, file: removed ? { key } : { key, size: object.size } };
  });
}

async function* take<Item>(items: AsyncIterable<Item>, count: number): AsyncGenerator<Item> {
  let left = count;
  for await (const item of items) {
    if (left-- <= 0) return;
    yield item;
    if (left === 0) return;
  }
}
