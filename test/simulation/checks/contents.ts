import { rejectLine } from '../../../domain/records/reject.ts';
import { parseFailedKey, parseProcessedKey } from '../../../domain/versions/key-layout.ts';
import { type LedgerEntry, ledgerEntry } from '../../../domain/versions/ledger.ts';
import { type Receipt, receipt } from '../../../domain/versions/receipt.ts';
import type { Bucket } from '../../../local-aws/s3/storage/bucket.ts';
import type { Store } from '../../../local-aws/s3/storage/store.ts';
import { members } from '../load/datasets.ts';
import { bytesOf } from '../services/store.ts';
import { linesOf } from './specification.ts';

const purposes = ['raw', 'temp', 'processed', 'archive', 'failed', 'ledger'] as const;
export type Purpose = (typeof purposes)[number];

/** What the buckets hold, by what it is about. */
export class Contents {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  bucket(purpose: Purpose): Bucket {
    const bucket = this.#store.buckets.find(({ settings }) => settings.name.includes(`-${purpose}-`));
    if (bucket === undefined) throw new Error(`There is no ${purpose} bucket.`);
    return bucket;
  }

  /** Those that are not deleted. */
  keys(purpose: Purpose): string[] {
    const bucket = this.bucket(purpose);
    return [...bucket.keys].filter((key) => bucket.current(key) !== undefined);
  }

  async text(purpose: Purpose, key: string): Promise<string | undefined> {
    const object = this.bucket(purpose).current(key);
    return object && String(await bytesOf(this.#store, object));
  }

  /** By raw key. */
  async entries(): Promise<Map<string, LedgerEntry>> {
    const entries = new Map<string, LedgerEntry>();
    for (const key of this.keys('ledger')) {
      if (!key.startsWith('heads/')) continue;
      const each = ledgerEntry.parse(JSON.parse((await this.text('ledger', key)) ?? ''));
      entries.set(each.key, each);
    }
    return entries;
  }

  async receipts(prefix = 'receipts/'): Promise<Receipt[]> {
    const keys = this.keys('ledger').filter((key) => key.startsWith(prefix));
    return Promise.all(
      keys.map(async (key) => receipt.parse(JSON.parse((await this.text('ledger', key)) ?? ''))),
    );
  }

  /**
   * The rows of the lake or the archive, by the version that they come from, as its keys tell.
   *
   * @param but keys that are left out
   */
  async rows(purpose: 'processed' | 'archive', but: ReadonlySet<string>): Promise<Map<string, string[]>> {
    const rows = new Map<string, string[]>();
    for (const key of this.keys(purpose)) {
      if (but.has(key)) continue;
      const address = parseProcessedKey(key);
      const object = this.bucket(purpose).current(key);
      if (address === undefined || object === undefined) continue;
      const columns = members.find(({ name }) => name === address.dataset)?.columns ?? [];
      const lines = await linesOf(await bytesOf(this.#store, object), address, columns);
      append(rows, `${address.dataset}/${address.objectId}/${address.version}`, lines);
    }
    return rows;
  }

  /**
   * Record numbers and codes, by version.
   *
   * @param but keys that are left out
   */
  async rejects(but: ReadonlySet<string>): Promise<Map<string, string[]>> {
    const rejects = new Map<string, string[]>();
    for (const key of this.keys('failed')) {
      const address = parseFailedKey(key);
      if (address?.kind !== 'rejects' || but.has(key)) continue;
      const lines = ((await this.text('failed', key)) ?? '').trimEnd().split('\n');
      append(
        rejects,
        `${address.dataset}/${address.objectId}/${address.version}`,
        lines.map((line) => {
          const { recordNumber, code } = rejectLine.parse(JSON.parse(line));
          return `${recordNumber} ${code}`;
        }),
      );
    }
    return rejects;
  }
}

function append(to: Map<string, string[]>, name: string, lines: readonly string[]): void {
  to.set(name, [...(to.get(name) ?? []), ...lines]);
}
