import type { Tally } from '../../domain/versions/receipt.ts';

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
