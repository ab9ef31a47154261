import type { Receipt, UnknownTally } from '../../versions/receipt.ts';
import { BoundedCounts } from './bounded-counts.ts';
import type { UnknownFields } from './unknown-fields.ts';

/** How many names a receipt has. */
const MOST_NAMES = 50;
/** How many a sum of receipts has. */
const MOST_ADDED = 1000;
/** How many of them a sentence has. */
const MOST_TOLD = 5;

/** Counts the fields of a part's records that the dataset does not name. */
export class UnknownCounts {
  readonly #counts = new BoundedCounts(MOST_NAMES);

  add({ names }: Pick<UnknownFields, 'names'>): void {
    for (const name of names) this.#counts.add(name);
  }

  /** `undefined` if there were none. */
  get tally(): UnknownTally | undefined {
    const tally = tallyOf(this.#counts);
    return tally.fields.length === 0 ? undefined : tally;
  }
}

/** How often there were unknown fields. */
export function unknownIn({ fields, others }: UnknownTally): number {
  return fields.reduce((sum, { records }) => sum + records, others);
}

/** Adds up what the parts of a version tell; `undefined` if there is nothing. */
export function unknownOf(receipts: Iterable<Receipt>): UnknownTally | undefined {
  let sum: UnknownTally | undefined;
  for (const each of receipts) {
    if (each.stage !== 'transformation' || each.unknown === undefined) continue;
    sum = sum === undefined ? each.unknown : added(sum, each.unknown);
  }
  return sum;
}

export function added(...tallies: readonly UnknownTally[]): UnknownTally {
  const counts = new BoundedCounts(MOST_ADDED);
  for (const { fields, others } of tallies) {
    for (const { field, records } of fields) counts.add(field, records);
    counts.others += others;
  }
  return tallyOf(counts);
}

const tallyOf = (counts: BoundedCounts): UnknownTally => ({
  fields: counts.sorted.map(({ name, count }) => ({ field: name, records: count })),
  others: counts.others,
});

/** `colour 2,000, items[*].size 3, and 12 others`: the most frequent ones, with their records. */
export function unknownText(tally: UnknownTally): string {
  const told = tally.fields.slice(0, MOST_TOLD);
  const others = unknownIn({ fields: tally.fields.slice(MOST_TOLD), others: tally.others });
  const names = told.map(({ field, records }) => `${field} ${records.toLocaleString('en')}`);
  return [...names, ...(others > 0 ? [`and ${others.toLocaleString('en')} of other names`] : [])].join(', ');
}
