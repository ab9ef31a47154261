import type { PermanentError, TransientError } from '../../domain/errors.ts';
import type { Limits } from '../../domain/records/part.ts';
import { type Reject, renderReject } from '../../domain/records/reject.ts';
import type { Registry } from '../../domain/registry.ts';
import type { StoredObject, Tally } from '../../domain/versions/receipt.ts';
import type { Zstd } from '../../formats/zstd.ts';
import type { TableStore } from '../../mysql/table-store.ts';
import type { ObjectStore } from '../../store/object-store.ts';

/** What every stage is given from outside, so that it runs on Lambda, locally and in a simulation alike. */
export interface StageContext {
  readonly store: ObjectStore;
  /** Milliseconds since the epoch, by a clock that may be wrong and may step: for people to read. */
  readonly now: () => number;
  /** Milliseconds since some moment, by a clock that never goes back: for durations. */
  readonly elapsed: () => number;
  /** Resolves after so many milliseconds. */
  readonly wait: (ms: number) => Promise<unknown>;
  readonly zstd: Zstd;
  readonly limits: Limits;
  /** MySQL, where the stack has it. */
  readonly tables?: TableStore | undefined;
  /** Of the code that runs, for the receipts. */
  readonly codeVersion: string;
  /** The datasets that this code has. */
  readonly registry: Registry;
  /** When the invocation is over in any case, in milliseconds since the epoch. */
  readonly deadline: number;
  /** The message that is worked on, by its id. */
  readonly message: string;
  /** Tells this attempt from any other, also at the same message. */
  readonly invocation: string;
  /** How often the message has been received, this time included. */
  readonly receives: number;
}

/**
 * `duplicate`: the work had been done before, and there is a receipt to show for it. `stale`: something newer took
 * effect. `retracted`: what a deleted object left behind is gone. `kept`: it was deleted, and its dataset keeps the rows.
 */
export const results = ['done', 'duplicate', 'stale', 'retracted', 'kept', 'failed'] as const;
export type Result = (typeof results)[number];

/** What became of the records of one message, for its log line and metrics. */
export interface Outcome {
  readonly dataset: string;
  readonly result: Result;
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  readonly fault?: { readonly code: string; readonly message: string };
}

export function withoutRecords(dataset: string, result: Result): Outcome {
  return { dataset, result, read: 0, written: 0, filtered: {}, rejected: {} };
}

/**
 * Waits for all, also where one fails: nothing may be under way any more when its message is answered, for Lambda
 * freezes what is left, and may thaw it much later.
 *
 * @throws the first failure
 */
export async function settleAll<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** The rejected records of one piece of work, on their way into the failed bucket, in files of bounded size. */
export class RejectsWriter {
  readonly files: StoredObject[] = [];
  readonly #store: ObjectStore;
  readonly #fileLength: number;
  readonly #bucket: string;
  readonly #keyOf: (file: number) => string;
  #lines: string[] = [];
  #length = 0;

  constructor(
    { store, limits }: Pick<StageContext, 'store' | 'limits'>,
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

/** Leaves the reason why an object could not be processed in the failed bucket. */
export async function writeFault(
  store: ObjectStore,
  bucket: string,
  key: string,
  object: { readonly key: string; readonly versionId: string },
  { stage, code, message }: PermanentError | TransientError,
): Promise<void> {
  await store.write({
    bucket,
    key,
    body: `${JSON.stringify({ stage, key: object.key, versionId: object.versionId, code, message }, null, 2)}\n`,
    contentType: 'application/json',
  });
}
