import { randomBytes } from 'node:crypto';
import { metadataBytes, type TableMetadata } from './metadata.ts';

/** The content of a file that a table names by its full URI. @throws {Error} if it is gone */
export type ReadFile = (path: string) => Promise<Buffer>;

/** A file to be written. */
export interface NewFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** A table's metadata, and the file that it is from. */
export interface LocatedMetadata {
  readonly path: string;
  readonly metadata: TableMetadata;
}

/** The next metadata of a table. The commit is to make `path` the table's current metadata file. */
export interface NextMetadata extends LocatedMetadata, NewFile {
  /** Metadata files that the metadata log no longer names: nothing reads them once this one is current. */
  readonly forgotten: readonly string[];
}

/** How many metadata files the log names, by default (Iceberg's configuration, "Write properties"). */
const PREVIOUS_VERSIONS = 100;
const previousVersionsProperty = 'write.metadata.previous-versions-max';

export function metadataPath(location: string, name: string): string {
  return `${location.replace(/\/+$/, '')}/metadata/${name}`;
}

/** Ids of snapshots have 52 random bits: JSON's readers in other languages round longer numbers. */
export function newSnapshotId(): number {
  return Number(randomBytes(8).readBigUInt64BE() >> 12n) || newSnapshotId();
}

/**
 * The file of the metadata that follows `base`: its name is the next number's, its log names `base`.
 *
 * @param base `undefined` for a new table
 * @param now milliseconds; a clock that is behind the table's doesn't turn its time back
 */
export function nextMetadata(
  base: LocatedMetadata | undefined,
  changed: TableMetadata,
  { now, uuid }: { readonly now: number; readonly uuid: string },
): NextMetadata {
  const before = base?.metadata['last-updated-ms'] ?? 0;
  const log = base && [
    ...base.metadata['metadata-log'],
    { 'timestamp-ms': before, 'metadata-file': base.path },
  ];
  const most = Number(changed.properties[previousVersionsProperty] ?? PREVIOUS_VERSIONS);
  const dropped = Math.max(0, (log?.length ?? 0) - Math.max(1, most));
  const metadata: TableMetadata = {
    ...changed,
    'last-updated-ms': Math.max(now, before),
    'metadata-log': log?.slice(dropped) ?? [],
  };
  const name = `${String(versionOf(base?.path) + 1).padStart(5, '0')}-${uuid}.metadata.json`;
  return {
    path: metadataPath(metadata.location, name),
    bytes: metadataBytes(metadata),
    metadata,
    forgotten: log?.slice(0, dropped).map((each) => each['metadata-file']) ?? [],
  };
}

/** The number of a metadata file: `00004-….metadata.json`, or `v4.metadata.json`; -1 for none. */
function versionOf(path: string | undefined): number {
  return Number(/\/v?(\d+)[^/]*$/.exec(path ?? '')?.[1] ?? -1);
}
