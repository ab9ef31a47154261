import type { VersionPath } from '../../../domain/versions/key-layout.ts';
import { isLive } from '../../../formats/iceberg/manifest/manifest.ts';
import { parseMetadata, snapshotOf, type TableMetadata } from '../../../formats/iceberg/metadata/metadata.ts';
import { hasLive, manifestsOf, openManifests } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { CompactedRows, pathOfOrigin, versionsIn } from '../../../lake/compaction/compacted-rows.ts';
import { glueCatalog } from '../../../lake/glue-catalog.ts';
import { parseS3Uri, readUri, TableFiles } from '../../../lake/table-files.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import { KeySet } from '../../key-set.ts';
import type { Target } from '../../target/target.ts';

/** An Iceberg table as it was at one time. */
interface Seen {
  readonly uri: string;
  readonly metadata: TableMetadata;
  /** The files of the current snapshot. */
  readonly live: KeySet;
  /** The files of all snapshots. */
  readonly kept: KeySet;
}

/** A compacted file, and how many rows it has by `nameOf`. */
interface CompactedFile {
  readonly key: string;
  readonly versions: ReadonlyMap<string, number>;
}

/** A version within its dataset. */
export const nameOf = ({ objectId, version }: Pick<VersionPath, 'objectId' | 'version'>): string =>
  `${objectId}/${version}`;

/** What the Iceberg tables of the lake show, by the keys of their files. */
export class ShownFiles {
  readonly #target: Target;
  /** By the URI of the table's metadata. */
  readonly #compacted = new Map<string, Promise<readonly CompactedFile[]>>();
  readonly #seen = new Map<string, Promise<Seen | undefined>>();

  constructor(target: Target) {
    this.#target = target;
  }

  /** Whether a table shows a file; if it did not when it was read, it is read again. */
  async shows(table: string, key: string): Promise<boolean> {
    if ((await this.#first(table))?.live.has(key)) return true;
    return (await this.#latest(table))?.live.has(key) ?? false;
  }

  /** Whether a snapshot of the table shows a file, an older one perhaps. */
  async keeps(table: string, key: string): Promise<boolean> {
    if ((await this.#first(table))?.kept.has(key)) return true;
    return (await this.#latest(table))?.kept.has(key) ?? false;
  }

  /** The files that a table shows. */
  async *files(table: string): AsyncGenerator<string> {
    const seen = await this.#latest(table);
    if (seen === undefined) return;
    const current = snapshotOf(seen.metadata);
    for await (const key of this.#filesOf(seen.metadata, current === undefined ? [] : [current])) yield key;
  }

  /** How many rows of a version the compacted files have that a table shows. */
  async compactedRows(table: string, path: VersionPath): Promise<number> {
    let rows = 0;
    for (const { versions } of await this.compacted(table)) rows += versions.get(nameOf(path)) ?? 0;
    return rows;
  }

  /** The compacted files that a table shows, and how many rows of which versions they have. */
  async compacted(table: string): Promise<readonly CompactedFile[]> {
    const seen = await this.#latest(table);
    if (seen === undefined) return [];
    const known = this.#compacted.get(seen.uri) ?? this.#readCompacted(table, seen.metadata);
    this.#compacted.set(seen.uri, known);
    return known;
  }

  async #readCompacted(table: string, metadata: TableMetadata): Promise<CompactedFile[]> {
    const { s3, outputs } = this.#target;
    const files = new TableFiles({
      name: table,
      bucket: outputs.buckets.processed,
      store: s3ObjectStore(s3),
    });
    const found: CompactedFile[] = [];
    for (const file of await new CompactedRows(files, metadata).files()) {
      const versions = new Map<string, number>();
      for (const { rows, ...origin } of await versionsIn(await files.open(file))) {
        const name = nameOf(pathOfOrigin(table, origin));
        versions.set(name, (versions.get(name) ?? 0) + rows);
      }
      found.push({ key: parseS3Uri(file.filePath).key, versions });
    }
    return found;
  }

  #first(table: string): Promise<Seen | undefined> {
    const seen = this.#seen.get(table) ?? this.#read(table, undefined);
    this.#seen.set(table, seen);
    return seen;
  }

  /** As it is now. */
  #latest(table: string): Promise<Seen | undefined> {
    const latest = this.#first(table).then((before) => this.#read(table, before));
    this.#seen.set(table, latest);
    return latest;
  }

  async #read(table: string, before: Seen | undefined): Promise<Seen | undefined> {
    const { glue, outputs } = this.#target;
    const pointer = await glueCatalog(outputs.catalog.database, glue).find(table);
    if (pointer === undefined) return undefined;
    if (pointer.metadata === before?.uri) return before;
    const metadata = parseMetadata(await this.#bytes(pointer.metadata));
    const current = snapshotOf(metadata);
    const [live, kept] = [new KeySet(), new KeySet()];
    for await (const key of this.#filesOf(metadata, current === undefined ? [] : [current])) live.add(key);
    for await (const key of this.#filesOf(metadata, metadata.snapshots)) kept.add(key);
    return { uri: pointer.metadata, metadata, live, kept };
  }

  async *#filesOf(metadata: TableMetadata, snapshots: TableMetadata['snapshots']): AsyncGenerator<string> {
    const read = (uri: string) => this.#bytes(uri);
    const manifests = new Map<string, Awaited<ReturnType<typeof manifestsOf>>[number]>();
    for (const snapshot of snapshots)
      for (const each of await manifestsOf(snapshot, read)) manifests.set(each.manifestPath, each);
    for await (const { entries } of openManifests(metadata, [...manifests.values()].filter(hasLive), read))
      for (const { dataFile } of entries.filter(isLive)) yield parseS3Uri(dataFile.filePath).key;
  }

  #bytes(uri: string): Promise<Buffer> {
    return readUri(s3ObjectStore(this.#target.s3), uri);
  }
}
