import { jsonOf } from '../../domain/long.ts';
import { parseCompactedKey, parseDataKey } from '../../domain/versions/key-layout.ts';
import type { LiveFile } from '../../formats/iceberg/manifest/data-file.ts';
import { parseS3Uri } from '../table-files.ts';

/** When files are worth being compacted. */
export interface CompactionPolicy {
  /** How large a compacted file is to become at most. Bytes; half of it is not small any more. */
  readonly target: number;
  /** How many small files there must be. */
  readonly least: number;
  /**
   * How much of the new file may be of one file that was there: else the same rows would be written again by
   * each run, for the sake of some new ones.
   */
  readonly mostOfOne: number;
}

/** Every so many files are worth it, unless most of their bytes are in one of them. */
export const asTheyCome: CompactionPolicy = { target: 64 * 1024 * 1024, least: 6, mostOfOne: 0.8 };
/** Whatever makes fewer files. */
export const allThereIs: CompactionPolicy = { ...asTheyCome, least: 2, mostOfOne: 1 };

/** Compacted files at once, of each of which a row group is in memory. */
const MOST_COMPACTED = 4;
/** Of one group: reading so many takes about a minute. */
const MOST_FILES = 10_000;

/**
 * The files of a table's snapshot that are to become one file each time: small ones of one partition. Those
 * with the most files come first.
 *
 * @param specId the table's current partition spec: files of others stay as they are
 */
export function planCompaction(
  files: readonly LiveFile[],
  specId: number,
  policy: CompactionPolicy,
): LiveFile[][] {
  const small = files.filter(
    (file) => file.specId === specId && file.fileSizeInBytes < policy.target / 2 && isOurs(file),
  );
  const groups = [...Map.groupBy(small, ({ partition }) => jsonOf(partition)).values()].flatMap((all) => [
    ...packed(all, policy),
  ]);
  return groups.sort((a, b) => b.length - a.length);
}

export const isCompacted = ({ filePath }: Pick<LiveFile, 'filePath'>): boolean =>
  parseCompactedKey(parseS3Uri(filePath).key) !== undefined;

/** Another engine's files may have anything in them. */
const isOurs = (file: LiveFile) =>
  isCompacted(file) || parseDataKey(parseS3Uri(file.filePath).key)?.extension === 'parquet';

/** The smallest together, and so on. */
function* packed(
  files: readonly LiveFile[],
  { target, least, mostOfOne }: CompactionPolicy,
): Generator<LiveFile[]> {
  let group: LiveFile[] = [];
  let bytes = 0;
  let compacted = 0;
  const worthwhile = function* () {
    let largest = group.at(-1)?.fileSizeInBytes ?? 0;
    while (group.length > 1 && largest > mostOfOne * bytes) {
      group.pop();
      bytes -= largest;
      largest = group.at(-1)?.fileSizeInBytes ?? 0;
    }
    if (group.length >= least) yield group;
    [group, bytes, compacted] = [[], 0, 0];
  };
  for (const file of files.toSorted((a, b) => a.fileSizeInBytes - b.fileSizeInBytes)) {
    const isFull =
      bytes + file.fileSizeInBytes > target ||
      group.length === MOST_FILES ||
      (isCompacted(file) && compacted === MOST_COMPACTED);
    if (isFull) yield* worthwhile();
    group.push(file);
    bytes += file.fileSizeInBytes;
    compacted += Number(isCompacted(file));
  }
  yield* worthwhile();
}
