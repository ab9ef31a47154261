import type { Dataset } from '../dataset.ts';
import { isOlder, type LedgerEntry, takesEffect } from './ledger.ts';
import type { ExtractionReceipt, Receipt } from './receipt.ts';

/**
 * Rebuilds an unreadable ledger entry from the receipts of all versions of its key: the newest version that
 * took effect, and the newest one that was rejected since. All other versions are superseded. A deletion
 * leaves no receipt, so a deleted object seems to be active until a sweep corrects that.
 *
 * @returns `undefined` if nothing was ever extracted
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
  const kept = [current, rejected].map((each) => each?.versionId);
  const idle = { status: 'rejected', message: '', invocation: '', codeVersion: '', leaseUntil: 0 } as const;
  return {
    dataset: any.dataset,
    key: any.key,
    ...(current && { current: { type: 'created', ...namesOf(current), parts: current.parts.length } }),
    attempts: rejected === undefined ? [] : [{ ...namesOf(rejected), ...idle, parts: rejected.parts.length }],
    superseded: [...new Set(receipts.map(({ versionId }) => versionId))].filter((id) => !kept.includes(id)),
  };
}

const namesOf = ({ sequencer, versionId }: ExtractionReceipt) => ({ sequencer, versionId });

function newest(extractions: readonly ExtractionReceipt[]): ExtractionReceipt | undefined {
  return extractions.reduce<ExtractionReceipt | undefined>(
    (latest, each) => (latest === undefined || isOlder(latest, each) ? each : latest),
    undefined,
  );
}
