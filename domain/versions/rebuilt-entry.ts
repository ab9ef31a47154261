import type { Dataset } from '../dataset.ts';
import { isOlder, type LedgerEntry, takesEffect } from './ledger.ts';
import type { ExtractionReceipt, Receipt } from './receipt.ts';

/**
 * The entry of a key whose entry can't be read, out of the receipts of all its versions: the newest version that took effect,
 * and one that was rejected since. Everything else is superseded. A deletion leaves no receipt: what was deleted since
 * seems to stand, and a sweep finds that.
 *
 * @returns `undefined` when nothing was ever extracted
 */
export function rebuiltEntry(
  receipts: readonly Receipt[],
  onReject: Dataset['onReject'],
): LedgerEntry | undefined {
  const extractions = receipts.filter((each) => each.stage === 'extraction');
  const [any] = extractions;
  if (any === undefined) return undefined;
  const current = newest(extractions.filter((each) => takesEffect(each, onReject)));
  const rejected = newest(
    extractions.filter(
      (each) => !takesEffect(each, onReject) && (current === undefined || isOlder(current, each)),
    ),
  );
  const standing = [current, rejected].map((each) => each?.versionId);
  const idle = { status: 'rejected', message: '', invocation: '', codeVersion: '', leaseUntil: 0 } as const;
  return {
    dataset: any.dataset,
    key: any.key,
    ...(current && { current: { type: 'created', ...namesOf(current) } }),
    attempts: rejected === undefined ? [] : [{ ...namesOf(rejected), ...idle, parts: rejected.parts.length }],
    superseded: [...new Set(receipts.map(({ versionId }) => versionId))].filter(
      (id) => !standing.includes(id),
    ),
  };
}

const namesOf = ({ sequencer, versionId }: ExtractionReceipt) => ({ sequencer, versionId });

function newest(extractions: readonly ExtractionReceipt[]): ExtractionReceipt | undefined {
  return extractions.reduce<ExtractionReceipt | undefined>(
    (latest, each) => (latest === undefined || isOlder(latest, each) ? each : latest),
    undefined,
  );
}
