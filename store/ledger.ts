import pLimit from 'p-limit';
import type * as z from 'zod';
import { WHOLE } from '../domain/stage.ts';
import { parseDocument, renderDocument, UnreadableDocument } from '../domain/versions/document.ts';
import {
  deletionKey,
  extractionReceiptKey,
  type LedgerPlace,
  ledgerEntryKey,
  parseLedgerKey,
  parsePublicationKey,
  publicationKey,
  publicationPrefix,
  receiptsPrefix,
  transformationReceiptKey,
  type VersionPath,
  versionSegment,
} from '../domain/versions/key-layout.ts';
import {
  type Claim,
  type Decision,
  decide,
  type LedgerEntry,
  ledgerEntry,
  mayBeForgotten,
} from '../domain/versions/ledger.ts';
import type { ObjectEvent } from '../domain/versions/object-event.ts';
import { plainFilesOf } from '../domain/versions/plain-files.ts';
import {
  type PublishedDeletion,
  type PublishedPart,
  publication,
  publishedPart,
} from '../domain/versions/publication.ts';
import {
  type ExtractionReceipt,
  extractedInPlace,
  extractionReceipt,
  type Receipt,
  receipt,
  receiptsIn,
  transformationReceipt,
  writtenReceipt,
} from '../domain/versions/receipt.ts';
import { parseRevision } from '../domain/versions/revision.ts';
import type { ObjectStore } from './object-store.ts';
import { settleAll } from './settle-all.ts';

/** How many small objects are read at once. */
export const READS_AT_ONCE = 32;

/** How often an entry is read and changed again if others change it at the same time. */
const SWAP_ATTEMPTS = 20;

/** The ledger entry of a raw key in one of its states, which its ETag names. */
export interface EntryState {
  readonly entry: LedgerEntry;
  readonly etag: string;
}

/** The ledger entry of a raw key as it was read. */
export interface KnownEntry extends EntryState {
  /** When it was changed last, in milliseconds since the epoch. */
  readonly modified: number;
}

/** What came of an event: the decision, the entry before it, and the entry with the claim. */
export interface Claimed {
  readonly decision: Decision;
  readonly known: LedgerEntry | undefined;
  readonly claimed: EntryState | undefined;
  /** Whether there is no entry since somebody has deleted it: nothing else removes one. */
  readonly wasLost: boolean;
}

/**
 * The pipeline's knowledge of its objects: an entry for each raw key, and a receipt for each finished work
 * item.
 */
export class Ledger {
  readonly #store: ObjectStore;
  readonly #bucket: string;

  constructor(store: ObjectStore, bucket: string) {
    this.#store = store;
    this.#bucket = bucket;
  }

  async entry(path: LedgerPlace): Promise<LedgerEntry | undefined> {
    return (await this.known(path))?.entry;
  }

  /** @throws {UnreadableDocument} */
  known(path: LedgerPlace): Promise<KnownEntry | undefined> {
    return this.#read(ledgerEntryKey(path));
  }

  /** Decides about an event of the raw bucket, and claims its version if that is the decision. */
  async claim(path: VersionPath, event: ObjectEvent, claim: Claim): Promise<Claimed> {
    let before: LedgerEntry | undefined;
    let wasLost = false;
    /** Whether the version was extracted before the entry was read; `undefined` if that was not checked. */
    let wasExtracted: boolean | undefined;
    /** Names that the version may get: those that have receipts are used, the others are free. */
    const used: string[] = [];
    const free: string[] = [];
    for (;;) {
      let decision: Decision | undefined;
      let name: string | undefined;
      const decideAnew = (known: LedgerEntry | undefined) => {
        before = known;
        decision = decide(known, event, { ...claim, used });
        name = decision.action === 'extract' ? newName(decision.next, known, claim) : undefined;
        if (decision.action === 'extract' && known !== undefined && mayBeForgotten(known, event)) {
          // Extracting it again would be useless, and would leave an attempt behind if this one dies and its
          // message was a copy.
          if (wasExtracted === true) decision = { action: 'stale' };
          if (wasExtracted === undefined) decision = undefined;
          // If the entry changes, this must be checked again.
          wasExtracted = undefined;
        }
        if (decision?.action === 'extract' && name !== undefined && !free.includes(name))
          decision = undefined;
        return decision !== undefined && 'next' in decision ? decision.next : known;
      };
      const claimed = await this.swap(path, decideAnew, undefined, () => {
        wasLost = true;
      });
      if (decision !== undefined) return { decision, known: before, claimed, wasLost };
      if (name !== undefined && !free.includes(name)) {
        const receipts = await this.receiptKeys({ ...path, version: versionSegment(name) });
        (receipts.length === 0 ? free : used).push(name);
      } else wasExtracted = (await this.extraction(path)) !== undefined;
    }
  }

  /**
   * Changes an entry by compare-and-swap: `next` is called again if somebody else was first. Its result is
   * written, unless it is `undefined` or the entry as it was.
   *
   * @param read the entry as the caller knows it, which saves reading it again unless it has changed since
   */
  async change(
    path: VersionPath,
    next: (known: LedgerEntry | undefined) => LedgerEntry | undefined,
    read?: EntryState,
  ): Promise<LedgerEntry | undefined> {
    return (await this.swap(path, next, read))?.entry;
  }

  /**
   * The same, with the ETag of the entry afterwards.
   *
   * @param wasDeleted is called if there is no entry since it was deleted
   */
  async swap(
    path: VersionPath,
    next: (known: LedgerEntry | undefined) => LedgerEntry | undefined,
    read?: EntryState,
    wasDeleted?: () => void,
  ): Promise<EntryState | undefined> {
    const key = ledgerEntryKey(path);
    for (let attempt = 1; attempt <= SWAP_ATTEMPTS; attempt += 1) {
      const known = attempt === 1 && read !== undefined ? read : await this.#read(key, wasDeleted);
      const wanted = next(known?.entry);
      if (wanted === undefined) return undefined;
      if (wanted === known?.entry) return known;
      const object = {
        bucket: this.#bucket,
        key,
        body: renderDocument(ledgerEntry, wanted),
        contentType: 'application/json',
      };
      const swapped =
        known === undefined
          ? await this.#store.create(object)
          : await this.#store.replace(object, known.etag);
      if (swapped !== undefined) return { entry: wanted, etag: swapped.etag };
    }
    throw new Error(
      `s3://${this.#bucket}/${key} could not be changed: others changed it ${SWAP_ATTEMPTS} times in a row.`,
    );
  }

  async #read(key: string, wasDeleted?: () => void): Promise<KnownEntry | undefined> {
    const found = await this.#store.find(this.#bucket, key, wasDeleted);
    if (found === undefined) return undefined;
    const { text, ...of } = found;
    return { ...of, entry: parseDocument(ledgerEntry, text, { bucket: this.#bucket, key }) };
  }

  hasReceipt(key: string): Promise<boolean> {
    return this.#store.exists(this.#bucket, key);
  }

  /** A receipt, or another document of the ledger. @throws {UnreadableDocument} */
  async receipt<Schema extends z.ZodType>(
    key: string,
    schema: Schema,
  ): Promise<z.output<Schema> | undefined> {
    const found = await this.#store.find(this.#bucket, key);
    return found && parseDocument(schema, found.text, { bucket: this.#bucket, key });
  }

  /**
   * The receipt of a version's extraction, also if the receipt of its only part tells it.
   *
   * @param keys of all receipts of the version, if they are known @throws {UnreadableDocument}
   */
  async extraction(path: VersionPath, keys?: ReadonlySet<string>): Promise<ExtractionReceipt | undefined> {
    const key = extractionReceiptKey(path);
    const own = keys?.has(key) === false ? undefined : await this.receipt(key, extractionReceipt);
    if (own !== undefined || keys?.size === 0) return own;
    const first = await this.receipt(transformationReceiptKey(path, 0), transformationReceipt);
    return first?.extraction && extractedInPlace(first, first.extraction);
  }

  /** The keys of a version's receipts. */
  receiptKeys(path: VersionPath): Promise<string[]> {
    return this.#store.list(this.#bucket, receiptsPrefix(path));
  }

  /** The segments of all revisions of a key that have receipts. */
  async versionsWithReceipts({ dataset, objectId }: LedgerPlace): Promise<string[]> {
    const keys = await this.#store.list(this.#bucket, `receipts/${dataset}/${objectId}/`);
    return [...new Set(keys.flatMap((key) => parseLedgerKey(key)?.version ?? []))];
  }

  /** Every receipt of one version of an object, whatever the stage. @throws {UnreadableDocument} */
  async receipts(path: VersionPath): Promise<Receipt[]> {
    return this.receiptsOf(await this.receiptKeys(path));
  }

  /** The receipts of these keys, except those that no longer exist. @throws {UnreadableDocument} */
  async receiptsOf(keys: readonly string[]): Promise<Receipt[]> {
    const { receipts, unreadable } = await this.readableReceipts(keys);
    for (const error of unreadable) throw error;
    return receipts;
  }

  /** The same, and the receipts that can't be read. */
  async readableReceipts(
    keys: readonly string[],
  ): Promise<{ readonly receipts: Receipt[]; readonly unreadable: UnreadableDocument[] }> {
    const limit = pLimit(READS_AT_ONCE);
    const found = await settleAll(
      keys.map((key) => limit(() => this.receipt(key, receipt).catch(unreadableDocument))),
    );
    const unreadable = found.filter((each) => each instanceof UnreadableDocument);
    const receipts = found.filter((each): each is Receipt => each !== undefined && 'stage' in each);
    return { receipts: receiptsIn(receipts), unreadable };
  }

  /**
   * Records permanently that a work item is done. If two invocations did it at once, the first receipt is
   * kept.
   *
   * @returns whether this receipt is the one that is kept
   */
  async writeReceipt(key: string, done: Receipt): Promise<boolean> {
    const body = renderDocument(writtenReceipt, done);
    const object = { bucket: this.#bucket, key, body, contentType: 'application/json' };
    return (await this.#store.create(object)) !== undefined;
  }

  /**
   * Publishes a version that is whole. The last document is written last. Those that exist already stay,
   * since everybody writes the same.
   */
  async publish(path: VersionPath, parts: readonly PublishedPart[]): Promise<void> {
    const limit = pLimit(READS_AT_ONCE);
    const write = (part: PublishedPart) => this.#create(publicationKey(path, part.part, part.parts), part);
    await settleAll(parts.slice(0, -1).map((part) => limit(() => write(part))));
    const last = parts.at(-1);
    if (last !== undefined) await write(last);
  }

  async #create(key: string, part: PublishedPart): Promise<void> {
    const body = renderDocument(publication, part);
    await this.#store.create({ bucket: this.#bucket, key, body, contentType: 'application/json' });
  }

  /** Publishes a deletion, also if that was done before: each time, the sinks look at the object again. */
  async publishDeletion(path: VersionPath, deletion: PublishedDeletion): Promise<void> {
    const body = renderDocument(publication, deletion);
    const key = deletionKey(path);
    await this.#store.write({ bucket: this.#bucket, key, body, contentType: 'application/json' });
  }

  /** Whether anything of a version was published, so that sinks may show it. */
  async isPublished(path: VersionPath): Promise<boolean> {
    return (await this.#publishedKeys(path)).length > 0;
  }

  /** Whether all of a version was published: its last document is written after the others. */
  async isPublishedWhole(path: VersionPath): Promise<boolean> {
    return (await this.#publishedKeys(path)).some((key) => key.endsWith(WHOLE));
  }

  /** The plain files of a version; an unreadable receipt names none. */
  async plainFiles(path: VersionPath): Promise<string[]> {
    const extraction = extractionReceiptKey(path);
    const keys = (await this.receiptKeys(path)).filter((key) => key !== extraction);
    return plainFilesOf((await this.readableReceipts(keys)).receipts);
  }

  /** A part of a published version, by the key of its document. @throws {UnreadableDocument} */
  async publishedPart(key: string): Promise<PublishedPart | undefined> {
    return this.receipt(key, publishedPart);
  }

  /** Without the document of a deletion: a version that was deleted for good gives its name to it. */
  async #publishedKeys(path: VersionPath): Promise<string[]> {
    const keys = await this.#store.list(this.#bucket, publicationPrefix(path));
    return keys.filter((key) => parsePublicationKey(key)?.part !== undefined);
  }

  /**
   * All parts of a published version.
   *
   * @param last the number of its last part, if that is known: then no listing is needed
   * @throws {UnreadableDocument}
   */
  async publishedParts(path: VersionPath, last?: number): Promise<PublishedPart[]> {
    const keys =
      last === undefined
        ? await this.#publishedKeys(path)
        : Array.from({ length: last + 1 }, (_, part) => publicationKey(path, part, last + 1));
    const limit = pLimit(READS_AT_ONCE);
    const found = await settleAll(keys.map((key) => limit(() => this.publishedPart(key))));
    return found.filter((each) => each !== undefined);
  }
}

/**
 * Turns the error of an unreadable document into a result: it concerns one object, and must not stop the
 * others.
 */
export function unreadableDocument(error: unknown): UnreadableDocument {
  if (error instanceof UnreadableDocument) return error;
  throw error;
}

/**
 * The name of the claimed revision, if it is new to an existing entry: the entry may have forgotten earlier
 * work under that name. `undefined` for the first version of a key, which has no entry.
 */
function newName(
  { attempts }: LedgerEntry,
  known: LedgerEntry | undefined,
  { message, invocation }: Pick<Claim, 'message' | 'invocation'>,
): string | undefined {
  const mine = attempts.find((each) => each.message === message && each.invocation === invocation)?.versionId;
  if (mine === undefined || known?.attempts.some(({ versionId }) => versionId === mine)) return undefined;
  return known === undefined && parseRevision(mine).revision === 0 ? undefined : mine;
}
