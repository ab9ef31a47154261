import { randomUUID } from 'node:crypto';
import { parseDataKey, type VersionPath } from '../domain/versions/key-layout.ts';
import { mentioned, mentionedBy } from '../domain/versions/table-mentions.ts';
import { readManifest } from '../formats/iceberg/manifest/manifest.ts';
import { commit } from '../formats/iceberg/metadata/commit.ts';
import { expire, onlyExpired } from '../formats/iceberg/metadata/expire.ts';
import { nextMetadata } from '../formats/iceberg/metadata/files.ts';
import { currentSchema, parseMetadata } from '../formats/iceberg/metadata/metadata.ts';
import { manifestsOf } from '../formats/iceberg/metadata/snapshot-manifests.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { settleAll } from '../store/settle-all.ts';
import { parseS3Uri, readUri, writeFile } from './iceberg-table.ts';
import type { TableCatalog } from './table-catalog.ts';

export interface ForgetOptions {
  readonly table: string;
  readonly store: ObjectStore;
  readonly catalog: TableCatalog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether a file is to be forgotten, by its key. */
  readonly isForgotten: (key: string) => boolean;
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
  const { table, store, catalog, now, isForgotten } = options;
  const pointer = await catalog.find(table);
  if (pointer === undefined) return [];
  const read = (uri: string) => readUri(store, uri);
  const forgotten = (uri: string) => isForgotten(parseS3Uri(uri).key);
  const metadata = parseMetadata(await read(pointer.metadata));
  const base = { path: pointer.metadata, metadata };
  const naming = new NamingManifests(read, forgotten);
  const last = await lastWhere(metadata.snapshots, (snapshot) => naming.isNamedBy(snapshot));
  if (last === undefined) return [];
  const remembered = metadata.snapshots.filter((each) => each['timestamp-ms'] >= now() - REMEMBERED_MS);
  const removed = { summary: mentioned({ committed: [], removed: versionsOf(naming.named) }) };
  const summary = mentionedBy([...remembered, removed]);
  const made = await commit({ base, forgotten, summary, read, now: now() });
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

/** The manifests that name one of some files, as live or as deleted. */
class NamingManifests {
  /** The URIs that were found. */
  readonly named = new Set<string>();
  readonly #known = new Map<string, Promise<boolean>>();
  readonly #read: (uri: string) => Promise<Buffer>;
  readonly #isOne: (uri: string) => boolean;

  constructor(read: (uri: string) => Promise<Buffer>, isOne: (uri: string) => boolean) {
    this.#read = read;
    this.#isOne = isOne;
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
    const found = filesNamedIn(await this.#read(manifestPath)).filter(this.#isOne);
    for (const uri of found) this.named.add(uri);
    return found.length > 0;
  }
}

/** The versions that have these files. */
function versionsOf(uris: Iterable<string>): VersionPath[] {
  const paths = [...uris].flatMap((uri) => parseDataKey(parseS3Uri(uri).key) ?? []);
  return [...new Map(paths.map((path) => [`${path.objectId}/${path.version}`, path])).values()];
}

/** The URIs of all files that a manifest names, of any partition spec. */
export function filesNamedIn(manifest: Buffer): string[] {
  return readManifest({ 'spec-id': 0, fields: [] }, manifest).map(({ dataFile }) => dataFile.filePath);
}

async function lastWhere<Value>(
  values: readonly Value[],
  isIt: (value: Value) => Promise<boolean>,
): Promise<Value | undefined> {
  for (const value of values.toReversed()) if (await isIt(value)) return value;
  return undefined;
}
