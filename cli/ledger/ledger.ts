import { GetObjectCommand, paginateListObjectsV2, S3ServiceException } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { parseDocument, UnreadableDocument } from '../../domain/versions/document.ts';
import {
  ledgerEntryKey,
  objectId,
  parseLedgerKey,
  receiptsPrefix,
  UNKNOWN_DATASET,
  type VersionPath,
} from '../../domain/versions/key-layout.ts';
import { type LedgerEntry, ledgerEntry } from '../../domain/versions/ledger.ts';
import { type Receipt, receipt } from '../../domain/versions/receipt.ts';
import type { Target } from '../target/target.ts';
import { listObjects } from './listing.ts';

/** How many small objects are read at once. */
export const READS_AT_ONCE = 32;

export async function readText(target: Target, bucket: string, key: string): Promise<string> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString()) ?? '';
}

/** Whether S3 says that there is no such key, or version. */
export function isNotFound(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;
}

/** What the ledger knows of a raw key, and when that was changed last, in milliseconds since the epoch. */
export interface KnownEntry {
  readonly entry: LedgerEntry;
  readonly modified: number;
}

/** @throws {UnreadableDocument} */
export async function readEntry(
  { s3, outputs }: Target,
  path: Pick<VersionPath, 'dataset' | 'objectId'>,
): Promise<KnownEntry | undefined> {
  try {
    const { Body, LastModified } = await s3.send(
      new GetObjectCommand({ Bucket: outputs.buckets.ledger, Key: ledgerEntryKey(path) }),
    );
    const text = (await Body?.transformToString()) ?? '';
    const known = parseDocument(ledgerEntry, text, {
      bucket: outputs.buckets.ledger,
      key: ledgerEntryKey(path),
    });
    return { entry: known, modified: LastModified?.getTime() ?? 0 };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** An entry is under its dataset's name; of a key that belongs to none now, perhaps under one that is gone. */
export async function entryOf(target: Target, key: string): Promise<KnownEntry | undefined> {
  const dataset = target.registry.of(key)?.name;
  const known = await readEntry(target, { dataset: dataset ?? UNKNOWN_DATASET, objectId: objectId(key) });
  if (known !== undefined || dataset !== undefined) return known;
  return entryInGone(target, key, await goneDatasets(target));
}

/** What the ledger knows of a key under the names of datasets that are gone. */
export async function entryInGone(
  target: Target,
  key: string,
  gone: readonly string[],
): Promise<KnownEntry | undefined> {
  for (const dataset of gone) {
    const known = await readEntry(target, { dataset, objectId: objectId(key) });
    if (known !== undefined) return known;
  }
  return undefined;
}

/** The datasets that the ledger has entries of and that are gone. */
export async function goneDatasets({ s3, outputs, registry }: Target): Promise<string[]> {
  const names: string[] = [];
  const request = { Bucket: outputs.buckets.ledger, Prefix: 'heads/', Delimiter: '/' };
  for await (const { CommonPrefixes = [] } of paginateListObjectsV2({ client: s3 }, request))
    for (const { Prefix = '' } of CommonPrefixes) names.push(Prefix.split('/')[1] ?? '');
  return names.filter((name) => registry.isGone(name));
}

/** Every receipt of one version of an object, whatever the stage. @throws {UnreadableDocument} */
export async function readReceipts(target: Target, path: VersionPath): Promise<Receipt[]> {
  const keys: string[] = [];
  for await (const { Key } of listObjects(target, target.outputs.buckets.ledger, receiptsPrefix(path)))
    keys.push(Key);
  return readReceiptsOf(target, keys);
}

/** The receipts of these keys; what isn't there any more is left out. @throws {UnreadableDocument} */
export async function readReceiptsOf(target: Target, keys: readonly string[]): Promise<Receipt[]> {
  const { receipts, unreadable } = await readableReceipts(target, keys);
  for (const error of unreadable) throw error;
  return receipts;
}

/** The same, and what of it can't be read. */
export async function readableReceipts(
  target: Target,
  keys: readonly string[],
): Promise<{ readonly receipts: Receipt[]; readonly unreadable: UnreadableDocument[] }> {
  const limit = pLimit(READS_AT_ONCE);
  const found = await Promise.all(
    keys.map((key) => limit(() => readReceipt(target, key).catch(unreadableDocument))),
  );
  const unreadable = found.filter((each) => each instanceof UnreadableDocument);
  const receipts = found.filter((each): each is Receipt => each !== undefined && 'stage' in each);
  return { receipts, unreadable };
}

/** Takes a document that can't be read for an answer: it is about one object, and others wait. */
export function unreadableDocument(error: unknown): UnreadableDocument {
  if (error instanceof UnreadableDocument) return error;
  throw error;
}

async function readReceipt(target: Target, key: string): Promise<Receipt | undefined> {
  try {
    const bucket = target.outputs.buckets.ledger;
    return parseDocument(receipt, await readText(target, bucket, key), { bucket, key });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** What the ledger has of one raw key. */
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
 * All that the ledger has, key by key: two listings, of entries and of receipts, that are merged. Both are in the order of
 * object ids, none of which another one begins with.
 *
 * @param dataset of this one alone
 */
export async function* listedEntries(target: Target, dataset?: string): AsyncGenerator<ListedEntry> {
  const within = dataset === undefined ? '' : `${dataset}/`;
  const entries = listed(target, `heads/${within}`)[Symbol.asyncIterator]();
  const receipts = listed(target, `receipts/${within}`)[Symbol.asyncIterator]();
  let [nextHead, nextReceipt] = [await entries.next(), await receipts.next()];
  for (;;) {
    const ids = [nextHead, nextReceipt].flatMap(({ value }) => (value === undefined ? [] : [value.id]));
    const [id] = ids.sort();
    if (id === undefined) return;
    let hasHead = false;
    let modified = 0;
    const versions = new Map<string, string[]>();
    while (nextHead.value?.id === id) {
      hasHead = true;
      nextHead = await entries.next();
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
      hasEntry: hasHead,
      versions,
      modified,
    };
  }
}

/** What the ledger has of one raw key. */
export async function listedEntry(
  target: Target,
  { dataset, objectId }: Pick<VersionPath, 'dataset' | 'objectId'>,
): Promise<ListedEntry> {
  const versions = new Map<string, string[]>();
  let modified = 0;
  for await (const { version = '', key, modified: written } of listed(
    target,
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

async function* listed(target: Target, prefix: string): AsyncGenerator<Listed, undefined> {
  for await (const { Key, LastModified } of listObjects(target, target.outputs.buckets.ledger, prefix)) {
    const place = parseLedgerKey(Key);
    if (place === undefined) continue;
    const { dataset, objectId, version } = place;
    yield { id: `${dataset}/${objectId}`, version, key: Key, modified: LastModified?.getTime() ?? 0 };
  }
  return undefined;
}
