import type { Limits } from '../../domain/records/part.ts';
import type { Registry } from '../../domain/registry.ts';
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
