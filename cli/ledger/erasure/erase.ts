import { rm } from 'node:fs/promises';
import { AbortMultipartUploadCommand, DeleteObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { type ErasureScope, fenced } from '../../../domain/operations/erasure.ts';
import { UnreadableDocument } from '../../../domain/versions/document.ts';
import { objectId, parseDataKey, versionPath } from '../../../domain/versions/key-layout.ts';
import { statusOf } from '../../../domain/versions/version-status.ts';
import type { Origin } from '../../../lake/compaction/sorted-rows.ts';
import { forgetFiles } from '../../../lake/forget-files.ts';
import { glueCatalog } from '../../../lake/glue-catalog.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import { foldersIn, versionsOf } from '../../../store/listing.ts';
import { isNotFound, s3ObjectStore } from '../../../store/object-store.ts';
import { settleAll } from '../../../store/settle-all.ts';
import { publish } from '../../lake/publish.ts';
import { publishedFilesWith } from '../../lake/published-files.ts';
import type { Target } from '../../target/target.ts';
import { count } from '../../terminal/terminal.ts';
import { ledgerOf } from '../ledger.ts';
import {
  type FoundVersion,
  foundVersions,
  type Inventory,
  isEmpty,
  takeInventory,
  visitMessages,
} from './inventory.ts';
import { untilQuiet } from './quiet.ts';
import type { ErasableRows } from './rows.ts';

const DELETES_AT_ONCE = 32;
/** How often everything is listed and erased: work that ends meanwhile may leave something once more. */
const ROUNDS = 3;

/** A version that S3 refuses to delete: it is locked, or a policy denies it. */
export interface Refused {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly reason: string;
}

export interface ErasureOptions {
  readonly target: Target;
  readonly scope: ErasureScope;
  readonly rows: ErasableRows | undefined;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/**
 * Erases everything in the scope for good, and lists it again until nothing is left. Each step can be
 * repeated, so a run that was killed is finished by the next one.
 */
export class Erasure {
  readonly #options: ErasureOptions;
  readonly #refused = new Map<string, Refused>();
  #deleted = 0;

  constructor(options: ErasureOptions) {
    this.#options = options;
  }

  get refused(): Refused[] {
    return [...this.#refused.values()];
  }

  inventory(): Promise<Inventory> {
    const { target, scope, rows, signal, progress } = this.#options;
    progress('Listing everything');
    return takeInventory(target, scope, rows, signal);
  }

  /** @param found everything that there is @returns what is left */
  async erase(found: Inventory): Promise<Inventory> {
    let left = found;
    for (const path of found.copies) await rm(path, { force: true });
    for (let round = 1; round <= ROUNDS && !isEmpty(left); round += 1) {
      this.#refused.clear();
      await this.#eraseSource(left);
      // What is under way may have stored something since, or removed it.
      await this.#eraseRest();
      left = await this.inventory();
      if (left.versions.length > 0 && left.versions.every((each) => this.#refused.has(nameOf(each)))) break;
    }
    return left;
  }

  /**
   * Erases what the rest is made of, and waits for the work that has read it. The ledger entry is changed
   * only then: a version that is read meanwhile no longer exists.
   */
  async #eraseSource({ versions, uploads, messages }: Inventory): Promise<void> {
    const { target, scope, signal, progress } = this.#options;
    const Bucket = target.outputs.buckets.raw;
    for (const { key: Key, uploadId: UploadId } of uploads)
      await target.s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(ifThere);
    // The oldest first: S3 must not show an older version again.
    for (const version of versions.filter(({ place }) => place === 'raw').reverse())
      await this.#delete(version);
    if (scope.keeping === undefined) await this.#fence();
    if (messages > 0) await visitMessages(target, scope, signal, true);
    await untilQuiet(target, signal, progress);
  }

  /** From now on, no stage stores anything of the keys' versions. */
  async #fence(): Promise<void> {
    const { target, scope } = this.#options;
    for (const dataset of await foldersIn(target, target.outputs.buckets.ledger, 'heads/'))
      for (const key of scope.keys) {
        const path = versionPath({ dataset, key, versionId: '' });
        // An unreadable entry lets no stage work either.
        await ledgerOf(target)
          .change(path, (entry) => entry && fenced(entry))
          .catch(unreadableDocument);
      }
  }

  async #eraseRest(): Promise<void> {
    const { target, scope, rows, signal } = this.#options;
    const versions = await foundVersions(target, scope, signal);
    const isEntry = ({ place, key }: FoundVersion) => place === 'ledger' && key.startsWith('heads/');
    await this.#forget();
    await this.#deleteAll(versions.filter(({ place }) => place !== 'ledger' && place !== 'raw'));
    await rows?.remove(scope, signal);
    // The ledger entry last: until then it keeps the stages from storing anything.
    await this.#deleteAll(versions.filter((each) => each.place === 'ledger' && !isEntry(each)));
    await this.#deleteAll(versions.filter(isEntry));
    await this.#erasePublished();
  }

  /** No snapshot of a table may name a file that goes. What only older snapshots showed goes as well. */
  async #forget(): Promise<void> {
    const { target, scope, progress } = this.#options;
    const bucket = target.outputs.buckets.processed;
    const store = s3ObjectStore(target.s3);
    const catalog = glueCatalog(target.outputs.catalog.database, target.glue);
    for (const table of await foldersIn(target, bucket, '')) {
      if (!(await foldersIn(target, bucket, `${table}/`)).includes('metadata')) continue;
      progress(`Taking it out of the snapshots of ${table}`);
      const isForgotten = (key: string) => scope.takes('processed', key, '');
      const isGone = ({ source, version }: Origin) => scope.takesVersion(source, version);
      const now = Date.now;
      const freed = await forgetFiles({ table, bucket, store, catalog, now, isForgotten, isGone });
      const limit = pLimit(DELETES_AT_ONCE);
      const versions = await settleAll(
        freed.map((key) =>
          limit(async () => ((await this.#isNeeded(key)) ? [] : versionsOf(target, bucket, key))),
        ),
      );
      await this.#deleteAll(versions.flat().map((each) => ({ ...each, place: 'processed' as const })));
    }
  }

  /** Whether a file is of another version, which is active: its rows may lie in a compacted file by now. */
  async #isNeeded(key: string): Promise<boolean> {
    const { target, scope } = this.#options;
    const path = parseDataKey(key);
    if (path === undefined || scope.takes('processed', key, '')) return false;
    const entry = await ledgerOf(target).entry(path).catch(unreadableDocument);
    if (entry instanceof UnreadableDocument) return true;
    return entry !== undefined && statusOf(entry, path) !== 'gone';
  }

  /** Queries read a new copy before the files of the old ones go. */
  async #erasePublished(): Promise<void> {
    const { target, scope, progress } = this.#options;
    const find = () => publishedFilesWith(target, (key, version) => scope.takesVersion(key, version));
    const before = await find();
    for (const table of new Set(before.filter(({ latest }) => latest).map((file) => file.table)))
      await publish(target, table, progress);
    for (const file of await find()) await this.#delete(file);
  }

  async #deleteAll(versions: readonly FoundVersion[]): Promise<void> {
    const limit = pLimit(DELETES_AT_ONCE);
    await settleAll(versions.map((each) => limit(() => this.#delete(each))));
  }

  async #delete(version: FoundVersion | Omit<Refused, 'reason'>): Promise<void> {
    const { target, signal, progress } = this.#options;
    const { key, versionId } = version;
    const bucket = 'place' in version ? target.outputs.buckets[version.place] : version.bucket;
    signal.throwIfAborted();
    try {
      await target.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
      this.#deleted += 1;
      progress(`Erased ${count(this.#deleted, 'version')}`);
    } catch (error) {
      if (isNotFound(error)) return;
      const status = error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
      if (!(error instanceof S3ServiceException) || status < 400 || status >= 500) throw error;
      const reason = `${error.name}: ${error.message}`;
      this.#refused.set(nameOf(version), { bucket, key, versionId, reason });
    }
  }
}

const nameOf = ({ key, versionId }: { readonly key: string; readonly versionId: string }) =>
  `${versionId}/${objectId(key)}/${key}`;

function ifThere(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
