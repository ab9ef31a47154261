import { type LedgerPlace, parseLedgerKey } from '../domain/versions/key-layout.ts';
import { listObjects, type S3Access } from './listing.ts';

/** The ledger's documents about one raw key. */
export interface ListedEntry {
  readonly dataset: string;
  readonly objectId: string;
  readonly hasEntry: boolean;
  /** The keys of the receipts of each version, by the version's segment in them. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
  /** When the newest receipt was written, in milliseconds since the epoch; 0 without any. */
  readonly modified: number;
}

/**
 * All of the ledger, key by key. Merges the listings of entries and of receipts, which both come in the order
 * of object ids, since no object id is the beginning of another.
 *
 * @param dataset only this dataset
 */
export async function* listedEntries(
  access: S3Access,
  bucket: string,
  dataset?: string,
): AsyncGenerator<ListedEntry> {
  const within = dataset === undefined ? '' : `${dataset}/`;
  const entries = listed(access, bucket, `heads/${within}`)[Symbol.asyncIterator]();
  const receipts = listed(access, bucket, `receipts/${within}`)[Symbol.asyncIterator]();
  let [nextEntry, nextReceipt] = [await entries.next(), await receipts.next()];
  for (;;) {
    const ids = [nextEntry, nextReceipt].flatMap(({ value }) => (value === undefined ? [] : [value.id]));
    const [id] = ids.sort();
    if (id === undefined) return;
    let hasEntry = false;
    let modified = 0;
    const versions = new Map<string, string[]>();
    while (nextEntry.value?.id === id) {
      hasEntry = true;
      nextEntry = await entries.next();
    }
    while (nextReceipt.value?.id === id) {
      const { version = '', key, modified: written } = nextReceipt.value;
      const keys = versions.get(version);
      if (keys === undefined) versions.set(version, [key]);
      else keys.push(key);
      modified = Math.max(modified, written);
      nextReceipt = await receipts.next();
    }
    const slash = id.indexOf('/');
    yield {
      dataset: id.slice(0, slash),
      objectId: id.slice(slash + 1),
      hasEntry,
      versions,
      modified,
    };
  }
}

/** The same for one raw key. */
export async function listedEntry(
  access: S3Access,
  bucket: string,
  { dataset, objectId }: LedgerPlace,
): Promise<ListedEntry> {
  const versions = new Map<string, string[]>();
  let modified = 0;
  for await (const { version = '', key, modified: written } of listed(
    access,
    bucket,
    `receipts/${dataset}/${objectId}/`,
  )) {
    versions.set(version, [...(versions.get(version) ?? []), key]);
    modified = Math.max(modified, written);
  }
  return { dataset, objectId, hasEntry: true, versions, modified };
}

interface Listed {
  readonly id: string;
  readonly version: string | undefined;
  readonly key: string;
  readonly modified: number;
}

async function* listed(access: S3Access, bucket: string, prefix: string): AsyncGenerator<Listed, undefined> {
  for await (const { Key, LastModified } of listObjects(access, bucket, prefix)) {
    const place = parseLedgerKey(Key);
    if (place === undefined) continue;
    const { dataset, objectId, version } = place;
    yield { id: `${dataset}/${objectId}`, version, key: Key, modified: LastModified?.getTime() ?? 0 };
  }
  return undefined;
}
