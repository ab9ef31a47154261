import type { PermanentError, TransientError } from '../domain/errors.ts';
import type { Limits } from '../domain/records/part.ts';
import { type Reject, renderReject } from '../domain/records/reject.ts';
import { SURELY_KEPT } from '../domain/records/reject-limit.ts';
import {
  type Attempt,
  type Fault,
  type FaultSubject,
  parseFault,
  renderFault,
} from '../domain/versions/failures/fault.ts';
import { count, type StoredObject, type Tally } from '../domain/versions/receipt.ts';
import { readText, type S3Access } from './listing.ts';
import type { ObjectStore } from './object-store.ts';

/** Where the rejects of a work item go, and how many of them. */
export interface RejectsFiles {
  readonly keyOf: (file: number) => string;
  /** Of how many rejects lines are kept. */
  readonly most?: number;
  /**
   * Whether with so many rejects of the work item its whole version has too many: then none has a line. Asked
   * once, when there are many, and before the first is written: so a retry writes the same, or nothing.
   */
  readonly areTooMany?: (rejected: number) => Promise<boolean>;
}

/** Writes the rejected records of one work item to the failed bucket, in files of bounded size. */
export class RejectsWriter {
  readonly files: StoredObject[] = [];
  /** All rejects, by code. */
  readonly counts: Tally = {};
  /** Those without a line, by code. */
  readonly withoutLines: Tally = {};
  readonly #store: ObjectStore;
  readonly #fileLength: number;
  readonly #bucket: string;
  readonly #files: RejectsFiles;
  #lines: string[] = [];
  #length = 0;
  #left: number;
  #isSure = false;

  constructor(
    { store, limits }: { readonly store: ObjectStore; readonly limits: Limits },
    bucket: string,
    files: RejectsFiles,
  ) {
    this.#store = store;
    this.#fileLength = limits.rejects;
    this.#bucket = bucket;
    this.#files = files;
    this.#left = files.most ?? Number.POSITIVE_INFINITY;
  }

  async add(reject: Reject): Promise<void> {
    count(this.counts, reject.code);
    if (this.#left === 0) {
      count(this.withoutLines, reject.code);
      return;
    }
    this.#left -= 1;
    const line = renderReject(reject);
    this.#lines.push(line);
    this.#length += line.length;
    const isFull = this.#length >= this.#fileLength;
    if (!this.#isSure && (isFull || this.#lines.length > SURELY_KEPT)) await this.#makeSure();
    if (isFull) await this.flush();
  }

  async #makeSure(): Promise<void> {
    this.#isSure = true;
    if (!(await this.#files.areTooMany?.(this.#lines.length))) return;
    this.#left = 0;
    this.#lines = [];
    this.#length = 0;
    Object.assign(this.withoutLines, this.counts);
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const body = Buffer.from(`${this.#lines.join('\n')}\n`);
    const key = this.#files.keyOf(this.files.length);
    await this.#store.write({ bucket: this.#bucket, key, body, contentType: 'application/x-ndjson' });
    this.files.push({ key, records: this.#lines.length, bytes: body.length });
    this.#lines = [];
    this.#length = 0;
  }
}

/** Writes the reason why an object could not be processed, or why an attempt failed, to the failed bucket. */
export async function writeFault(
  store: ObjectStore,
  bucket: string,
  key: string,
  subject: FaultSubject,
  error: PermanentError | TransientError,
  attempt?: Attempt,
): Promise<void> {
  const body = renderFault(subject, error, attempt);
  await store.write({ bucket, key, body, contentType: 'application/json' });
}

export async function readFault(s3: S3Access, bucket: string, key: string): Promise<Fault> {
  return parseFault(await readText(s3, bucket, key), { bucket, key });
}
