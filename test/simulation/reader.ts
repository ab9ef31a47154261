import {
  parseLedgerKey,
  parseProcessedKey,
  receiptsPrefix,
  versionSegment,
} from '../../domain/key-layout.ts';
import { head } from '../../domain/ledger.ts';
import { receipt } from '../../domain/receipt.ts';
import type { Bucket } from '../../local/s3/bucket.ts';
import type { Store } from '../../local/s3/store.ts';
import { bytesOf, metadataOf } from './memory-store.ts';

/** An object as derived keys have it. */
interface Derived {
  readonly dataset: string;
  readonly objectId: string;
}

/**
 * Looks at the lake and the archive after every change. Once a version was complete in every sink, its rows may only
 * go when a newer one is as complete, or when its key was deleted: a reader meets the old rows, the new ones or, for a
 * while, both, and never neither.
 */
export class Reader {
  readonly #store: Store;
  readonly #rowsOf: (key: string, versionId: string) => number;
  readonly #violations: string[];
  /** By object: the newest version that was complete, in its edition, and how many rows it has. */
  readonly #complete = new Map<string, { readonly name: string; readonly rows: number }>();

  /** @param rowsOf how many rows a version has, whatever its edition */
  constructor(store: Store, rowsOf: (key: string, versionId: string) => number, violations: string[]) {
    this.#store = store;
    this.#rowsOf = rowsOf;
    this.#violations = violations;
  }

  async look(bucket: string, key: string): Promise<void> {
    const changed = parseProcessedKey(key) ?? parseLedgerKey(key);
    if (changed === undefined) return;
    if (bucket.includes('-ledger-')) await this.#note(changed);
    else if (bucket.includes('-processed-') || bucket.includes('-archive-')) this.#check(changed, bucket);
  }

  async #note(object: Derived): Promise<void> {
    const ledger = this.#bucket('-ledger-');
    const name = `${object.dataset}/${object.objectId}`;
    const text = await this.#text(ledger, `heads/${name}.json`);
    const { key = '', current } = text === undefined ? {} : head.parse(JSON.parse(text));
    if (current?.type !== 'created') {
      this.#complete.delete(name);
      return;
    }
    const rows = this.#rowsOf(key, current.versionId);
    let loaded = 0;
    const prefix = receiptsPrefix({ ...object, version: versionSegment(current.versionId) });
    for (const each of ledger.keys) {
      if (!each.startsWith(`${prefix}loading/`)) continue;
      const done = receipt.parse(JSON.parse((await this.#text(ledger, each)) ?? ''));
      if (done.stage === 'loading') loaded += done.archive.records;
    }
    if (loaded === rows) this.#complete.set(name, { name: current.versionId, rows });
  }

  #check({ dataset, objectId }: Derived, bucketName: string): void {
    const complete = this.#complete.get(`${dataset}/${objectId}`);
    if (complete === undefined) return;
    const bucket = this.#store.bucket(bucketName);
    let rows = 0;
    for (const key of bucket.keys) {
      const file = parseProcessedKey(key);
      if (file?.objectId !== objectId || file.version !== versionSegment(complete.name)) continue;
      const object = bucket.current(key);
      if (object !== undefined) rows += Number(metadataOf(object.headers)['records']);
    }
    if (rows !== complete.rows) {
      const what = `${complete.name.slice(0, 6)} of ${objectId}, before a newer one was complete`;
      this.#violations.push(`a reader of ${bucketName} met ${rows} of the ${complete.rows} rows of ${what}`);
    }
  }

  async #text(bucket: Bucket, key: string): Promise<string | undefined> {
    const object = bucket.current(key);
    return object && String(await bytesOf(this.#store, object));
  }

  #bucket(part: string): Bucket {
    const bucket = this.#store.buckets.find(({ settings }) => settings.name.includes(part));
    if (bucket === undefined) throw new Error(`There is no bucket ${part}.`);
    return bucket;
  }
}
