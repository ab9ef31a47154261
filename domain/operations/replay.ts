import { type Stage, stages } from '../stage.ts';
import { type LedgerEntry, shownVersions } from '../versions/ledger.ts';
import { type Receipt, rejectedBy, type Tally } from '../versions/receipt.ts';
import { isVersion, parseRevision } from '../versions/revision.ts';

/** The versions that are extracted and count: the active one, and newer ones that are not. */
export function extractedVersions(entry: Pick<LedgerEntry, 'current' | 'attempts'>) {
  const attempts = entry.attempts.filter(({ status }) => status !== 'extracting');
  return [...shownVersions(entry), ...attempts];
}

/** Whether another revision of the same version is being extracted. */
export function isUnderWay({ attempts }: Pick<LedgerEntry, 'attempts'>, name: string): boolean {
  const { versionId } = parseRevision(name);
  return attempts.some((each) => each.status === 'extracting' && isVersion(each.versionId, versionId));
}

/**
 * The counts of some codes in receipts (of all codes if none is named), and the last stage that has any.
 *
 * @param fault of the version as a whole
 */
export function matchingCodes(
  receipts: readonly Receipt[],
  codes: readonly string[],
  fault?: { readonly code: string },
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
  if (fault !== undefined && (codes.length === 0 || codes.includes(fault.code)) && !(fault.code in found))
    return { codes: { ...found, [fault.code]: 1 }, last: 'transformation' };
  return { codes: found, last };
}

/** The rejected records of a work item, by code; a fault counts as one. */
function codesOf(receipt: Receipt): Tally {
  const fault = receipt.stage === 'extraction' ? receipt.fault : undefined;
  return { ...rejectedBy(receipt), ...(fault && { [fault.code]: 1 }) };
}

/**
 * Whether the deployed code did all work up to the stage with the rejects: then it would reject the same
 * records. What was transformed in place was so by the code of the extraction.
 */
export function isBySameCode(
  receipts: readonly Receipt[],
  last: Stage,
  deployed: Readonly<Partial<Record<Stage, string>>>,
): boolean {
  const inPlace = receipts.some((each) => each.stage === 'extraction' && each.inPlace);
  const doneBy = (stage: Stage) => deployed[inPlace && stage === 'transformation' ? 'extraction' : stage];
  return receipts
    .filter(({ stage }) => stages.indexOf(stage) <= stages.indexOf(last))
    .every(({ stage, codeVersion }) => codeVersion === doneBy(stage));
}
