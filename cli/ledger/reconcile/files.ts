import type { LimitFunction } from 'p-limit';
import {
  differencesOfFile,
  differencesOfRejects,
  type NamedFile,
  type Place,
  type RecordTotals,
  sumOf,
} from '../../../domain/operations/reconciliation.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';
import type { Target } from '../../target/target.ts';
import { countRecords } from './count-records.ts';

/** The parts of a version, which stay in the temp bucket until they expire. */
export function partsOf(receipts: readonly Receipt[]): NamedFile[] {
  return receipts.flatMap((each) =>
    each.stage === 'extraction' ? each.parts.map((part): NamedFile => ({ ...part, place: 'temp' })) : [],
  );
}

/** What is known of files besides the receipts. */
export interface Elsewhere {
  /** Of files of the lake, whose records are counted once. */
  readonly copies: readonly NamedFile[];
  /** Files whose rows were counted in compacted files: the maintenance may have removed them. */
  readonly compacted: readonly NamedFile[];
}

/** Compares the files that receipts name with those that are there. */
export async function reconcileFiles(
  target: Target,
  { files, withLines, tables }: RecordTotals,
  { copies, compacted }: Elsewhere,
  limit: LimitFunction,
) {
  const { buckets } = target.outputs;
  const found = await Promise.all(
    files.map((file) =>
      limit(async () => {
        const counted = await countRecords(target, buckets[file.place], file);
        const { records } = file;
        return { file, found: counted ?? (compacted.includes(file) ? { records } : undefined) };
      }),
    ),
  );
  const copied = await Promise.all(
    copies.map((file) =>
      limit(async () => ({ file, found: await countRecords(target, buckets[file.place], file) })),
    ),
  );
  const rowsIn = (place: Place) =>
    found.reduce(
      (sum, each) =>
        each.file.place === place && each.found !== undefined && 'records' in each.found
          ? sum + each.found.records
          : sum,
      0,
    );
  const differences = [...found, ...copied].flatMap((each) => differencesOfFile(each.file, each.found));
  const unread = found.flatMap(({ file: { place, key, records }, found: each }) =>
    each !== undefined && 'storageClass' in each
      ? [{ place, file: key, storageClass: each.storageClass, records }]
      : [],
  );
  // A missing file of rejects has been reported already, and an unread one can't be counted.
  const rejects = [...differences, ...unread].some(({ place }) => place === 'failed')
    ? []
    : differencesOfRejects(
        sumOf([withLines, tables?.rejected ?? {}]),
        sumOf(
          found.map((each) =>
            each.found !== undefined && 'byCode' in each.found ? (each.found.byCode ?? {}) : {},
          ),
        ),
      );
  return {
    lake: rowsIn('processed'),
    archive: rowsIn('archive'),
    unread,
    differences: [...differences, ...rejects],
  };
}
