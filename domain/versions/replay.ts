import { type Stage, stages } from '../stage.ts';
import { type LedgerEntry, shownVersions } from './ledger.ts';
import { type Receipt, rejectedBy, type Tally } from './receipt.ts';
import { isVersion, parseRevision } from './revision.ts';

/** Versions whose rejects count: the one that the tables show, and one that was rejected since. */
export function activeAndRejected(entry: Pick<LedgerEntry, 'current' | 'attempts'>) {
  const rejected = entry.attempts.filter(({ status }) => status === 'rejected');
  return [...shownVersions(entry), ...rejected];
}

/** Whether another revision of the same version is being extracted. */
export function isUnderWay({ attempts }: Pick<LedgerEntry, 'attempts'>, name: string): boolean {
  const { versionId } = parseRevision(name);
  return attempts.some((each) => each.status === 'extracting' && isVersion(each.versionId, versionId));
}

/** What receipts count of some codes (of all, when none is named), and the last stage that has any. */
export function matchingCodes(
  receipts: readonly Receipt[],
  codes: readonly string[],
): { readonly codes: Tally; readonly last: Stage } {
  const found: Record<string, number> = {};
  let last: Stage = 'extraction';
  for (const each of receipts) {
    for (const [code, n] of Object.entries(codesOf(each))) {
      if (codes.length > 0 && !codes.includes(code)) continue;
      found[code] = (found[code] ?? 0) + n;
      if (stages.indexOf(each.stage) > stages.indexOf(last)) last = each.stage;
    }
  }
  return { codes: found, last };
}

/** How many records a piece of work rejected, by code; its fault counts as one. */
function codesOf(receipt: Receipt): Tally {
  const fault = receipt.stage === 'extraction' ? receipt.fault : undefined;
  return { ...rejectedBy(receipt), ...(fault && { [fault.code]: 1 }) };
}

/** Whether the code that is deployed did all that led to a stage's rejects: it would reject the same. */
export function isBySameCode(
  receipts: readonly Receipt[],
  last: Stage,
  deployed: Readonly<Record<Stage, string>>,
): boolean {
  return receipts
    .filter(({ stage }) => stages.indexOf(stage) <= stages.indexOf(last))
    .every(({ stage, codeVersion }) => codeVersion === deployed[stage]);
}
