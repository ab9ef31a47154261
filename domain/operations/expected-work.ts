import * as z from 'zod';
import { recordBytes } from '../cost/load.ts';
import type { Receipt } from '../versions/receipt.ts';
import { summarize } from './reconciliation.ts';

/** How much a version was when it was processed before: its records, and its files in the lake. */
export interface KnownWork {
  readonly records: number;
  readonly files: number;
}

export function knownWork(receipts: readonly Receipt[]): KnownWork {
  const outputs = receipts.map((each) => (each.stage === 'transformation' ? each.outputs.length : 0));
  return { records: summarize(receipts).read, files: outputs.reduce((sum, n) => sum + n, 0) };
}

/** How much a dry run would have processed. */
export const expectedWork = z.object({
  objects: z.int(),
  /** As they are stored. */
  bytes: z.int(),
  records: z.int(),
  files: z.int(),
});
export type ExpectedWork = z.infer<typeof expectedWork>;

/**
 * Of a version that is to be processed. If it never was before, the number of records is estimated.
 *
 * @param size in bytes
 */
export const expectedOf = (size: number, known: KnownWork | undefined): ExpectedWork => ({
  objects: 1,
  bytes: size,
  records: known?.records ?? Math.ceil(size / recordBytes),
  files: known?.files ?? 1,
});

export function sumOfWork(all: readonly ExpectedWork[]): ExpectedWork {
  const sum = { objects: 0, bytes: 0, records: 0, files: 0 };
  for (const name of ['objects', 'bytes', 'records', 'files'] as const)
    for (const each of all) sum[name] += each[name];
  return sum;
}
