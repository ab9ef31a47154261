import type { Tally } from '../../domain/versions/receipt.ts';

/**
 * `duplicate`: the work was done before, and has a receipt. `stale`: a newer event took effect. `retracted`:
 * the output of a deleted object was removed. `kept`: the object was deleted, and its dataset keeps the rows.
 */
export const results = ['done', 'duplicate', 'stale', 'retracted', 'kept', 'failed'] as const;
export type Result = (typeof results)[number];

/** The outcome of one message, for its log line and metrics. */
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
