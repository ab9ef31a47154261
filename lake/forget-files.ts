import { randomUUID } from 'node:crypto';
import { parseCompactedKey, parseDataKey, type VersionPath } from '../domain/versions/key-layout.ts';
import { mentioned, mentionedBy } from '../domain/versions/table-mentions.ts';
import type { DataFile } from '../formats/iceberg/manifest/data-file.ts';
import { readManifest } from '../formats/iceberg/manifest/manifest.ts';
import { commit } from '../formats/iceberg/metadata/commit.ts';
import { expire, onlyExpired } from '../formats/iceberg/metadata/expire.ts';
import { nextMetadata } from '../formats/iceberg/metadata/files.ts';
import {
  currentSchema,
  parseMetadata,
  snapshotOf,
  type TableMetadata,
} from '../formats/iceberg/metadata/metadata.ts';
import { liveFiles, manifestsOf } from '../formats/iceberg/metadata/snapshot-manifests.ts';
import { ObjectNotFound, type ObjectStore } from '../store/object-store.ts';
import { settleAll } from '../store/settle-all.ts';
import { pathOfOrigin, versionsIn } from './compaction/compacted-rows.ts';
import { isCompacted } from './compaction/plan.ts';
import { without } from './compaction/rewrite.ts';
import type { Origin } from './compaction/sorted-rows.ts';
import type { TableCatalog } from './table-catalog.ts';
import { parseS3Uri, readUri, TableFiles, writeFile } from './table-files.ts';

export interface ForgetOptions {
  readonly table: string;
  readonly store: ObjectStore;
  readonly catalog: TableCatalog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of the lake. */
  readonly bucket: string;
  /** Whether the file of a version is to be forgotten, by its key. */
  readonly isForgotten: (key: string) => boolean;
  /** Whether the rows of a version are, which may lie in compacted files. */
  readonly isGone: (origin: Origin) => boolean;
}

/** How often it is tried anew, because somebody else committed at the same time. */
const ATTEMPTS = 10;

/**
 * For so long, the message of a commit may come again that did not note its end: as long as a DLQ keeps it.
 * Then only the snapshots tell that it was done.
 */
const REMEMBERED_MS = 15 * 86_400_000;

/**
 * Takes files out of an Iceberg table for good: afterwards no snapshot shows one, and no manifest of one
 * names it. Older snapshots expire with them, since each that showed such a file can't be read without it.
 *
 * @returns the keys of the files that served the expired snapshots alone; deleting them is up to the caller
 * @throws {Error} if a branch or a tag shows such a file, or others commit all the time
 */
export async function forgetFiles(options: ForgetOptions): Promise<readonly string[]> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const freed = await tryToForget(options);
    if (freed !== undefined) return freed;
  }
  throw new Error(`The table ${options.table} was changed by others ${ATTEMPTS} times in a row. Try again.`);
}

/** @returns `undefined` if somebody else committed meanwhile */
async function tryToForget(options: ForgetOptions): Promise<readonly string[] | undefined> {
  const { table, store, catalog, now, isGone } = options;
  const pointer = await catalog.find(table);
  if (pointer === undefined) return [];
  const read = (uri: string) => readUri(store, uri);
  const metadata = parseMetadata(await read(pointer.metadata));
  const base = { path: pointer.metadata, metadata };
  const files = new TableFiles({ ...options, name: table });
  const naming = new NamingManifests(read, options, files);
  const last = await lastWhere(metadata.snapshots, (snapshot) => naming.isNamedBy(snapshot));
  if (last === undefined) return [];
  const current = snapshotOf(metadata);
  if (current !== undefined) await naming.isNamedBy(current);
  const forgotten = (uri: string) => naming.named.has(uri);
  const added = await rewritten(files, metadata, { forgotten, isGone });
  const remembered = metadata.snapshots.filter((each) => each['timestamp-ms'] >= now() - REMEMBERED_MS);
  const removed = { summary: mentioned({ committed: [], removed: versionsOf(table, naming.named) }) };
  const summary = mentionedBy([...remembered, removed]);
  const made = await commit({ base, added, forgotten, summary, read, now: now() });
  await settleAll([...made.manifests, made.manifestList].map((file) => writeFile(store, file)));
  const before = last['timestamp-ms'] + 1;
  const { metadata: rest, expired } = expire(made.metadata.metadata, { before, keep: 1 });
  const next = nextMetadata(base, rest ?? made.metadata.metadata, { now: now(), uuid: randomUUID() });
  const named = await lastWhere(next.metadata.snapshots, (snapshot) => naming.isNamedBy(snapshot));
  if (named !== undefined)
    throw new Error(
      `A branch or a tag of the table ${table} names the snapshot ${named['snapshot-id']}, which shows what is to be erased. Remove the branch or the tag, then run the command again.`,
    );
  const freed = await onlyExpired(next.metadata, expired, read);
  await writeFile(store, next);
  const moved = await catalog.move(
    table,
    pointer,
    next.path,
    metadata.location,
    currentSchema(next.metadata),
  );
  if (!moved) return undefined;
  return [...freed.data, ...freed.manifests, ...freed.manifestLists].map((uri) => parseS3Uri(uri).key);
}

/** What is left of the compacted files that the table shows and that are to be forgotten. */
async function rewritten(
  files: TableFiles,
  metadata: TableMetadata,
  { forgotten, isGone }: Pick<ForgetOptions, 'isGone'> & { readonly forgotten: (uri: string) => boolean },
): Promise<DataFile[]> {
  const made: DataFile[] = [];
  for (const file of await liveFiles(metadata, (uri) => files.file(uri))) {
    if (!isCompacted(file) || !forgotten(file.filePath)) continue;
    const rest = await without(files, metadata, file, isGone, randomUUID());
    if (rest !== undefined) made.push(rest);
  }
  return made;
}

/** The manifests that name one of the files to be forgotten, as live or as deleted. */
class NamingManifests {
  /** The URIs that were found, each with the versions of compacted files that are to be forgotten. */
  readonly named = new Map<string, readonly Origin[]>();
  readonly #files: TableFiles;
  /** By the URI of a compacted file. */
  readonly #gone = new Map<string, Promise<readonly Origin[]>>();
  readonly #known = new Map<string, Promise<boolean>>();
  readonly #read: (uri: string) => Promise<Buffer>;
  readonly #options: Pick<ForgetOptions, 'isForgotten' | 'isGone'>;

  constructor(
    read: (uri: string) => Promise<Buffer>,
    options: Pick<ForgetOptions, 'isForgotten' | 'isGone'>,
    files: TableFiles,
  ) {
    this.#read = read;
    this.#options = options;
    this.#files = files;
  }

  async isNamedBy(snapshot: Parameters<typeof manifestsOf>[0]): Promise<boolean> {
    let isNamed = false;
    for (const { manifestPath } of await manifestsOf(snapshot, this.#read)) {
      const known = this.#known.get(manifestPath) ?? this.#names(manifestPath);
      this.#known.set(manifestPath, known);
      if (await known) isNamed = true;
    }
    return isNamed;
  }

  async #names(manifestPath: string): Promise<boolean> {
    let found = false;
    for (const { filePath, fileSizeInBytes } of dataFilesIn(await this.#read(manifestPath))) {
      const { key } = parseS3Uri(filePath);
      const gone = parseCompactedKey(key) ? await this.#goneOf({ filePath, fileSizeInBytes }) : [];
      if (gone.length === 0 && !this.#options.isForgotten(key)) continue;
      this.named.set(filePath, gone);
      found = true;
    }
    return found;
  }

  /** The versions with rows in a compacted file that are to be forgotten; none of a file that is gone. */
  #goneOf(file: Pick<DataFile, 'filePath' | 'fileSizeInBytes'>): Promise<readonly Origin[]> {
    const known =
      this.#gone.get(file.filePath) ??
      this.#files
        .open(file)
        .then((open) => versionsIn(open))
        .then((all) => all.filter(this.#options.isGone))
        .catch((error: unknown) => {
          if (error instanceof ObjectNotFound) return [];
          throw error;
        });
    this.#gone.set(file.filePath, known);
    return known;
  }
}

/** The versions that have these files, or rows in them. */
function versionsOf(table: string, named: ReadonlyMap<string, readonly Origin[]>): VersionPath[] {
  const paths = [...named].flatMap(([uri, origins]): VersionPath[] => [
    ...[parseDataKey(parseS3Uri(uri).key)].filter((path) => path !== undefined),
    ...origins.map((origin) => pathOfOrigin(table, origin)),
  ]);
  return [...new Map(paths.map((path) => [`${path.objectId}/${path.version}`, path])).values()];
}

/** The URIs of all files that a manifest names, of any partition spec. */
export function filesNamedIn(manifest: Buffer): string[] {
  return dataFilesIn(manifest).map(({ filePath }) => filePath);
}

function dataFilesIn(manifest: Buffer): DataFile[] {
  return readManifest({ 'spec-id': 0, fields: [] }, manifest).map(({ dataFile }) => dataFile);
}

async function lastWhere<Value>(
  values: readonly Value[],
  isIt: (value: Value) => Promise<boolean>,
): Promise<Value | undefined> {
  for (const value of values.toReversed()) if (await isIt(value)) return value;
  return undefined;
}
