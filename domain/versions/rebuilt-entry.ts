import { type Attempt, isOlder, type LedgerEntry } from './ledger.ts';
import { ended } from './publishing/conclusion.ts';
import type { VersionRules } from './publishing/rules.ts';
import { extractionOf, sumsOf, type Verdict, verdictOf } from './publishing/verdict.ts';
import type { ExtractionReceipt, Receipt } from './receipt.ts';

/** What the receipts of a version tell; without a verdict, some of its parts are not transformed. */
interface Extracted {
  readonly receipt: ExtractionReceipt;
  readonly verdict: Verdict | undefined;
}

/**
 * Rebuilds an unreadable ledger entry from the receipts of all versions of its key: the newest version that
 * took effect, and of those since then the newest one that was rejected, and all that wait for their
 * transformation. All other versions are superseded. A deletion leaves no receipt, so a deleted object seems
 * to be active until a sweep corrects that.
 *
 * @returns `undefined` if nothing was ever extracted
 */
export function rebuiltEntry(receipts: readonly Receipt[], rules: VersionRules): LedgerEntry | undefined {
  const versions: Extracted[] = [];
  const inOrder = receipts
    .filter((each) => each.stage === 'extraction')
    .sort((a, b) => Number(isOlder(b, a)) - Number(isOlder(a, b)));
  let before: number | undefined;
  for (const each of inOrder) {
    const version = extracted(each, receipts, rules, before);
    if (version.verdict?.accepted) before = each.read;
    versions.push(version);
  }
  const [any] = versions;
  if (any === undefined) return undefined;
  const current = newest(versions.filter(({ verdict }) => verdict?.accepted));
  const since = versions.filter(({ receipt }) => current === undefined || isOlder(current.receipt, receipt));
  const rejected = newest(since.filter(({ verdict }) => verdict?.accepted === false));
  const waiting = since.filter(({ verdict }) => verdict === undefined);
  const attempts = [...(rejected ? [rejected] : []), ...waiting];
  const kept = new Set([...(current ? [current] : []), ...attempts].map(({ receipt }) => receipt.versionId));
  const { dataset, key } = any.receipt;
  return {
    dataset,
    key,
    ...(current && {
      current: {
        type: 'created',
        ...namesOf(current.receipt),
        parts: current.receipt.parts.length,
        records: current.receipt.read,
        ...faultOf(current),
      },
    }),
    attempts: attempts.map(attemptOf),
    superseded: [...new Set(receipts.map(({ versionId }) => versionId))].filter((id) => !kept.has(id)),
  };
}

/** @param before how many records the version had that took effect before it */
function extracted(
  receipt: ExtractionReceipt,
  receipts: readonly Receipt[],
  rules: VersionRules,
  before: number | undefined,
): Extracted {
  const transformations = receipts
    .filter((each) => each.stage === 'transformation')
    .filter(({ versionId }) => versionId === receipt.versionId);
  if (transformations.length < receipt.parts.length) return { receipt, verdict: undefined };
  const sums = sumsOf(extractionOf(receipt), transformations);
  const inOrder = transformations.toSorted((a, b) => a.part - b.part);
  const verdict =
    'contradiction' in sums
      ? { accepted: false }
      : verdictOf(sums, rules, { before, transformations: inOrder });
  return { receipt, verdict };
}

function attemptOf({ receipt, verdict }: Extracted): Attempt {
  const parts = receipt.parts.length;
  return verdict === undefined
    ? { ...namesOf(receipt), ...ended('extracted', parts), extraction: extractionOf(receipt) }
    : { ...namesOf(receipt), ...ended('rejected', parts), ...faultOf({ verdict }) };
}

const namesOf = ({ sequencer, versionId }: ExtractionReceipt) => ({ sequencer, versionId });
const faultOf = ({ verdict }: Pick<Extracted, 'verdict'>) => verdict?.fault && { fault: verdict.fault };

function newest(versions: readonly Extracted[]): Extracted | undefined {
  return versions.reduce<Extracted | undefined>(
    (latest, each) => (latest === undefined || isOlder(latest.receipt, each.receipt) ? each : latest),
    undefined,
  );
}
