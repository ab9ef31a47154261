import { parseDataKey, parsePublicationKey } from '../../domain/versions/key-layout.ts';
import { type LedgerEntry, ledgerEntry } from '../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { parseMetadata, type TableMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../formats/iceberg/metadata/snapshot-manifests.ts';
import { Commits } from '../../handlers/stages/commit/commits.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { extractObject } from '../../handlers/stages/extraction/extract-object.ts';
import { loadPart } from '../../handlers/stages/loading/load-part.ts';
import type { Outcome } from '../../handlers/stages/outcome.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { parseS3Uri } from '../../lake/table-files.ts';
import { createdEvent, type MemoryStore, stageContextOf } from '../store/memory-store.ts';

export const buckets = {
  raw: 'raw',
  temp: 'temp',
  failed: 'failed',
  ledger: 'ledger',
  processed: 'processed',
  archive: 'archive',
} as const;

export interface Recipe {
  readonly title: string;
  readonly ingredients: readonly string[];
  readonly directions: readonly string[];
  readonly tags?: readonly string[];
}

export function recipe(n: number, directions = 1): Recipe {
  const steps = Array.from({ length: directions }, (_, i) => `Step ${i + 1}: stir for ${n % 60} minutes.`);
  return { title: `Recipe ${n}`, ingredients: ['water', 'salt'], directions: steps };
}

export function ndjson(records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

export function extract(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
  event: Partial<ObjectEvent> = {},
): Promise<Outcome> {
  const created = { ...createdEvent('raw', key), ...event };
  return extractObject(created, buckets, stageContextOf(store, changes));
}

export function transform(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
): Promise<Outcome> {
  return transformPart(createdEvent('temp', key), buckets, stageContextOf(store, changes));
}

/** The documents that publish versions and deletions. */
export const publications = (store: MemoryStore) =>
  store.keys('ledger').filter((key) => parsePublicationKey(key) !== undefined);

/** Of these, the ones that the commit is told of. */
export const wholePublications = (store: MemoryStore) =>
  publications(store).filter((key) => key.endsWith('.whole.json'));

export function commit(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
): Promise<Outcome> {
  return new Commits(buckets).commit(createdEvent('ledger', key), stageContextOf(store, changes));
}

export function load(store: MemoryStore, key: string, changes: Partial<StageContext> = {}): Promise<Outcome> {
  return loadPart(createdEvent('ledger', key), buckets, stageContextOf(store, changes));
}

/** Takes what is published to every sink. */
export async function settle(store: MemoryStore, changes: Partial<StageContext> = {}): Promise<void> {
  for (const key of wholePublications(store)) await commit(store, key, changes);
  for (const key of publications(store)) await load(store, key, changes);
}

/** Takes what was extracted through all stages. */
export async function drain(store: MemoryStore, changes: Partial<StageContext> = {}): Promise<void> {
  for (const part of store.keys('temp')) await transform(store, part, changes);
  await settle(store, changes);
}

/** Takes an object of the raw bucket through all stages. */
export async function runAll(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
): Promise<void> {
  await extract(store, key, changes);
  await drain(store, changes);
}

/** The metadata of a table of the lake; `undefined` before its first commit. */
export function metadataOf(store: MemoryStore, table = 'recipes'): TableMetadata | undefined {
  const location = store.catalog.metadataOf(table);
  return location === undefined ? undefined : parseMetadata(bytesAt(store, location));
}

/** The keys of the files that a reader of a table meets. */
export async function tableFiles(store: MemoryStore, table = 'recipes'): Promise<string[]> {
  const metadata = metadataOf(store, table);
  if (metadata === undefined) return [];
  const files = await liveFiles(metadata, async (uri) => bytesAt(store, uri));
  return files.map(({ filePath }) => parseS3Uri(filePath).key).sort();
}

function bytesAt(store: MemoryStore, uri: string): Buffer {
  const { bucket, key } = parseS3Uri(uri);
  return store.body(bucket, key);
}

/** The keys of the files of versions in the processed bucket, published or not. */
export const dataFiles = (store: MemoryStore) =>
  store.keys('processed').filter((key) => parseDataKey(key) !== undefined);

/**
 * What a run leaves, as it can be compared: of the table its rows' files, since each run gives its snapshots
 * other ids.
 */
export async function leftBy(store: MemoryStore): Promise<unknown> {
  const contents = Object.entries(store.contents()).filter(([key]) => !key.includes('/metadata/'));
  const entries = headsOf(store).map(({ committed, ...head }) => ({
    ...head,
    committed: [committed?.type, committed?.sequencer, committed?.versionId],
  }));
  const others = contents.filter(([key]) => !key.startsWith('ledger/heads/'));
  return { files: await tableFiles(store), entries, others };
}

/** The entries of the ledger. */
export function headsOf(store: MemoryStore): LedgerEntry[] {
  const keys = store.keys('ledger').filter((key) => key.startsWith('heads/'));
  return keys.map((key) => ledgerEntry.parse(JSON.parse(store.body('ledger', key).toString())));
}

/** The event that is active, as the entry tells it of each sink. */
export const activeEvent = ({ current }: LedgerEntry) =>
  current && { type: current.type, sequencer: current.sequencer, versionId: current.versionId };

export function putRaw(store: MemoryStore, key: string, body: string | Uint8Array): void {
  store.put({ bucket: 'raw', key, body, contentType: 'application/octet-stream' });
}
