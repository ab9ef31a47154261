import { added, unknownOf } from '../../../domain/records/contracts/unknown-tally.ts';
import { versionSegment } from '../../../domain/versions/key-layout.ts';
import { shownVersions } from '../../../domain/versions/ledger.ts';
import type { UnknownTally } from '../../../domain/versions/receipt.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import { type ListedEntry, listedEntries } from '../../../store/ledger-listing.ts';
import { concurrently } from '../../concurrently.ts';
import { ledgerOf } from '../../ledger/ledger.ts';
import type { Target } from '../../target/target.ts';

const OBJECTS_AT_ONCE = 16;

/** What the objects of a dataset have that it does not name. */
export interface UnknownDrift {
  readonly dataset: string;
  /** How many objects have such fields. */
  readonly objects: number;
  readonly unknown: UnknownTally;
}

/** Adds up, by dataset, the fields of active versions that the datasets do not name. */
export async function unknownDrift(target: Target): Promise<UnknownDrift[]> {
  const found = new Map<string, UnknownDrift>();
  const listed = listedEntries(target, target.outputs.buckets.ledger);
  const active = concurrently(listed, OBJECTS_AT_ONCE, (each) => activeTransformations(target, each));
  for await (const { dataset, receipts } of active) {
    const unknown = unknownOf(receipts);
    if (unknown === undefined) continue;
    const before = found.get(dataset);
    found.set(dataset, {
      dataset,
      objects: (before?.objects ?? 0) + 1,
      unknown: before === undefined ? unknown : added(before.unknown, unknown),
    });
  }
  return [...found.values()];
}

async function activeTransformations(target: Target, listed: ListedEntry) {
  const known = listed.hasEntry ? await ledgerOf(target).known(listed).catch(unreadableDocument) : undefined;
  const versions = known !== undefined && 'entry' in known ? shownVersions(known.entry) : [];
  const keys = versions.flatMap(({ versionId }) => listed.versions.get(versionSegment(versionId)) ?? []);
  const own = keys.filter((key) => key.includes('/transformation/'));
  const { receipts } = await ledgerOf(target).readableReceipts(own);
  return { dataset: listed.dataset, receipts };
}
