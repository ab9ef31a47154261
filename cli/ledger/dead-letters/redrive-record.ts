import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Stage } from '../../../domain/stage.ts';
import type { DeadLetter } from '../../../domain/versions/failures/dead-letter.ts';
import type { DeadLetterSelection } from '../../../domain/versions/failures/selection.ts';
import { redriveRecordKey } from '../../../domain/versions/key-layout.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import type { Target } from '../../target/target.ts';

/** What was asked of a run. */
export interface RedriveRequest {
  readonly action: 'redrive' | 'discard';
  readonly stages: readonly Stage[];
  readonly selection: DeadLetterSelection;
  /** Why, in the operator's words. */
  readonly reason?: string | undefined;
}

/** The record of one run in the failed bucket: who did what, when, why, and how it ended. */
export class RedriveRecord {
  readonly key: string;
  readonly #target: Target;
  readonly #begun: object;

  constructor(target: Target, request: RedriveRequest) {
    const startedAt = new Date().toISOString();
    this.key = redriveRecordKey(startedAt, randomUUID().slice(0, 8));
    this.#target = target;
    this.#begun = { startedAt, by: userInfo().username, ...request };
  }

  /** Written before the first message leaves: a run that is killed has a record without an end. */
  begin(messages: readonly DeadLetter[] = []): Promise<void> {
    return this.#write({ messages });
  }

  end(result: object, messages: readonly DeadLetter[]): Promise<void> {
    return this.#write({ ...result, endedAt: new Date().toISOString(), messages });
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
