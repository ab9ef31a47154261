import type { PermanentError, TransientError } from '../domain/errors.ts';
import type { Limits } from '../domain/records/part.ts';
import { type Reject, renderReject } from '../domain/records/reject.ts';
import {
  type Attempt,
  type Fault,
  type FaultSubject,
  parseFault,
  renderFault,
} from '../domain/versions/failures/fault.ts';
import type { StoredObject } from '../domain/versions/receipt.ts';
import { readText, type S3Access } from './listing.ts';
import type { ObjectStore } from './object-store.ts';

/** Writes the rejected records of one work item to the failed bucket, in files of bounded size. */
export class RejectsWriter {
  readonly files: StoredObject[] = [];
  readonly #store: ObjectStore;
  readonly #fileLength: number;
  readonly #bucket: string;
  readonly #keyOf: (file: number) => string;
  #lines: string[] = [];
  #length = 0;

  constructor(
    { store, limits }: { readonly store: ObjectStore; readonly limits: Limits },
    bucket: string,
    keyOf: (file: number) => string,
  ) {
    this.#store = store;
    this.#fileLength = limits.rejects;
    this.#bucket = bucket;
    this.#keyOf = keyOf;
  }

  async add(reject: Reject): Promise<void> {
    const line = renderReject(reject);
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= this.#fileLength) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const body = Buffer.from(`${this.#lines.join('\n')}\n`);
    const key = this.#keyOf(this.files.length);
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
