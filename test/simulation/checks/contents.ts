import { rejectLine } from '../../../domain/records/reject.ts';
import {
  parseCompactedKey,
  parseCopyKey,
  parseFailedKey,
  parseFileKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import { type LedgerEntry, ledgerEntry } from '../../../domain/versions/ledger.ts';
import { type Receipt, receipt, receiptsIn } from '../../../domain/versions/receipt.ts';
import { type SnapshotFiles, snapshotFiles } from '../../../formats/iceberg/metadata/expire.ts';
import type { LocatedMetadata } from '../../../formats/iceberg/metadata/files.ts';
import { parseMetadata } from '../../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';
import type { Bucket } from '../../../local-aws/s3/storage/bucket.ts';
import type { Store } from '../../../local-aws/s3/storage/store.ts';
import { members } from '../load/datasets.ts';
import type { MemoryCatalog } from '../services/catalog.ts';
import { bytesOf } from '../services/store.ts';
import { type CompactedRow, linesOf, originsOf } from './specification.ts';

const purposes = ['raw', 'temp', 'processed', 'archive', 'failed', 'ledger'] as const;
export type Purpose = (typeof purposes)[number];

/** What the buckets hold, by what it is about. */
export class Contents {
  readonly #store: Store;
  readonly #catalog: MemoryCatalog;

  constructor(store: Store, catalog: MemoryCatalog) {
    this.#store = store;
    this.#catalog = catalog;
  }

  bucket(purpose: Purpose): Bucket {
    const bucket = this.#store.buckets.find(({ settings }) => settings.name.includes(`-${purpose}-`));
    if (bucket === undefined) throw new Error(`There is no ${purpose} bucket.`);
    return bucket;
  }

  /** Those that are not deleted. */
  keys(purpose: Purpose): string[] {
    const bucket = this.bucket(purpose);
    return [...bucket.keys].filter((key) => bucket.current(key) !== undefined);
  }

  async text(purpose: Purpose, key: string): Promise<string | undefined> {
    const object = this.bucket(purpose).current(key);
    return object && String(await bytesOf(this.#store, object));
  }

  /** By raw key. */
  async entries(): Promise<Map<string, LedgerEntry>> {
    const entries = new Map<string, LedgerEntry>();
    for (const key of this.keys('ledger')) {
      const entry = await this.entryAt(key);
      if (entry !== undefined) entries.set(entry.key, entry);
    }
    return entries;
  }

  /** The entry that has this key; `undefined` if another document has it, or none. */
  async entryAt(key: string): Promise<LedgerEntry | undefined> {
    if (!key.startsWith('heads/')) return undefined;
    const text = await this.text('ledger', key);
    return text === undefined ? undefined : ledgerEntry.parse(JSON.parse(text));
  }

  async receipts(prefix = 'receipts/'): Promise<Receipt[]> {
    const keys = this.keys('ledger').filter((key) => key.startsWith(prefix));
    const documents = await Promise.all(
      keys.map(async (key) => receipt.parse(JSON.parse((await this.text('ledger', key)) ?? ''))),
    );
    return receiptsIn(documents);
  }

  /**
   * The keys of the files that a reader of the lake meets: those of each table's snapshot, and the copies of
   * a table of CSV whose partition the catalog knows. A file that is in two places is here twice.
   */
  async lakeFiles(): Promise<string[]> {
    const { name } = this.bucket('processed').settings;
    const copies = this.keys('processed').filter((key) => {
      const folder = key.slice(0, key.lastIndexOf('/') + 1);
      const partition = parseCopyKey(key)?.partitionPath;
      return partition === '' || (partition !== undefined && this.#catalog.knows(`s3://${name}/${folder}`));
    });
    const live = await Promise.all(this.#catalog.tables.map((table) => this.tableFiles(table)));
    return [...copies, ...live.flat()];
  }

  /** The keys of the files of a table's current snapshot, in its order. */
  async tableFiles(table: string): Promise<string[]> {
    const location = this.#catalog.metadataOf(table);
    if (location === undefined) return [];
    const read = (uri: string) => this.#file(uri);
    const files = await liveFiles(parseMetadata(await read(location)), read);
    return files.map(({ filePath }) => parseS3Uri(filePath).key);
  }

  get tables(): readonly string[] {
    return this.#catalog.tables;
  }

  /** The rows of a compacted file, in its order. */
  async compactedRows(key: string): Promise<CompactedRow[]> {
    const object = this.bucket('processed').current(key);
    return object === undefined ? [] : originsOf(await bytesOf(this.#store, object));
  }

  /** The versions with rows in compacted files that the tables show, as `{dataset}/{object}/{version}`. */
  async compactedVersions(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const dataset of this.tables)
      for (const file of await this.tableFiles(dataset)) {
        if (parseCompactedKey(file) === undefined) continue;
        for (const { source: key, version: versionId } of await this.compactedRows(file)) {
          const { objectId, version } = versionPath({ dataset, key, versionId });
          found.add(`${dataset}/${objectId}/${version}`);
        }
      }
    return found;
  }

  /** The keys of all files that the tables' snapshots show. */
  async snapshotFiles(): Promise<Set<string>> {
    return this.#named((_, { data }) => data);
  }

  /** The keys of the tables' documents: metadata, manifests and their lists. */
  async tableDocuments(): Promise<Set<string>> {
    return this.#named(({ path, metadata }, { manifests, manifestLists }) => [
      path,
      ...metadata['metadata-log'].map((each) => each['metadata-file']),
      ...manifests,
      ...manifestLists,
    ]);
  }

  async #named(uris: (at: LocatedMetadata, files: SnapshotFiles) => readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    const read = (uri: string) => this.#file(uri);
    for (const table of this.tables) {
      const path = this.#catalog.metadataOf(table) ?? '';
      const metadata = parseMetadata(await read(path));
      for (const uri of uris({ path, metadata }, await snapshotFiles(metadata, read)))
        found.add(parseS3Uri(uri).key);
    }
    return found;
  }

  async #file(uri: string): Promise<Buffer> {
    const { key } = parseS3Uri(uri);
    const object = this.bucket('processed').current(key);
    if (object === undefined) throw new Error(`A reader of the table does not find ${key}.`);
    return bytesOf(this.#store, object);
  }

  /** The rows of these files of the lake or the archive, by the version that they come from. */
  async rows(purpose: 'processed' | 'archive', keys: readonly string[]): Promise<Map<string, string[]>> {
    const rows = new Map<string, string[]>();
    for (const key of keys) {
      const address = parseFileKey(key);
      const object = this.bucket(purpose).current(key);
      const compacted = parseCompactedKey(key);
      if (object === undefined) continue;
      const bytes = await bytesOf(this.#store, object);
      const columnsOf = (dataset: string) => members.find(({ name }) => name === dataset)?.columns ?? [];
      if (address !== undefined) {
        const lines = await linesOf(bytes, address, columnsOf(address.dataset));
        append(rows, `${address.dataset}/${address.objectId}/${address.version}`, lines);
      } else if (compacted !== undefined) {
        const { dataset } = compacted;
        const lines = await linesOf(bytes, { ...compacted, extension: 'parquet' }, columnsOf(dataset));
        for (const [i, { source, version }] of (await originsOf(bytes)).entries()) {
          const path = versionPath({ dataset, key: source, versionId: version });
          append(rows, `${dataset}/${path.objectId}/${path.version}`, [lines[i] ?? '']);
        }
      }
    }
    return rows;
  }

  /**
   * Record numbers and codes, by version.
   *
   * @param but keys that are left out
   */
  async rejects(but: ReadonlySet<string>): Promise<Map<string, string[]>> {
    const rejects = new Map<string, string[]>();
    for (const key of this.keys('failed')) {
      const address = parseFailedKey(key);
      if (address?.kind !== 'rejects' || but.has(key)) continue;
      const lines = ((await this.text('failed', key)) ?? '').trimEnd().split('\n');
      append(
        rejects,
        `${address.dataset}/${address.objectId}/${address.version}`,
        lines.map((line) => {
          const { recordNumber, code } = rejectLine.parse(JSON.parse(line));
          return `${recordNumber} ${code}`;
        }),
      );
    }
    return rejects;
  }
}

function append(to: Map<string, string[]>, name: string, lines: readonly string[]): void {
  to.set(name, [...(to.get(name) ?? []), ...lines]);
}
