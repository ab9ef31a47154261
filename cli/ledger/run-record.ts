import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { runRecordKey } from '../../domain/versions/key-layout.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';

/** The record of one run in the failed bucket: who did what, when, why, and how it ended. */
export class RunRecord {
  readonly key: string;
  readonly #target: Target;
  readonly #begun: object;

  /** @param request what was asked of the run */
  constructor(target: Target, kind: Parameters<typeof runRecordKey>[0], request: object) {
    const startedAt = new Date().toISOString();
    this.key = runRecordKey(kind, startedAt, randomUUID().slice(0, 8));
    this.#target = target;
    this.#begun = { startedAt, by: userInfo().username, ...request };
  }

  /** Written before the run changes anything: a run that is killed has a record without an end. */
  begin(more: object = {}): Promise<void> {
    return this.#write(more);
  }

  end(result: object): Promise<void> {
    return this.#write({ ...result, endedAt: new Date().toISOString() });
  }

  async #write(more: object): Promise<void> {
    await s3ObjectStore(this.#target.s3).write({
      bucket: this.#target.outputs.buckets.failed,
      key: this.key,
      body: `${JSON.stringify({ ...this.#begun, ...more }, null, 2)}\n`,
      contentType: 'application/json',
    });
  }
}
