import type { Poison } from '../load/workload.ts';
import type { Change } from './specification.ts';

/** What was done to the pipeline, besides its faults. */
export interface Past {
  readonly history: readonly Change[];
  readonly poison: readonly Poison[];
  /** Versions in the revision that a replay has asked for. */
  readonly replayed: readonly string[];
  /** Whether somebody swept: then a version may be done anew more often than it was asked for. */
  readonly swept: boolean;
  /** Whether what waited in queues is gone: poison may be, too. */
  readonly purged: boolean;
}
