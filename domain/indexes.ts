import type { Column, ColumnType } from './column-type.ts';
import { MAX_PARTITION_VALUE } from './versions/partition-path.ts';

/** The maximum length of a key's text that names none, which is in an index. Characters. */
const MAX_KEY_TEXT = 255;
/** InnoDB: bytes in the columns of an index, four a character (reference manual, "InnoDB Limits"). */
export const MAX_INDEX_BYTES = 3072;
const BYTES_A_CHARACTER = 4;
/** The other columns have fewer. */
const MOST_BYTES = 17;
/** MySQL reference manual, "Multiple-Column Indexes". */
const MAX_INDEX_COLUMNS = 16;

const OWN_COLUMN = 'Make what you look for a column of its own.';

/** The names of a dataset's columns that matter to MySQL. */
export interface Indexed {
  readonly key: readonly string[];
  readonly partitionBy: readonly string[];
  readonly indexes?: readonly (readonly string[])[];
}

/** How many characters a text column of the dataset's own table holds in MySQL; `undefined` of any text. */
export function textLength(
  { key, partitionBy }: Indexed,
  name: string,
  type: ColumnType,
): number | undefined {
  if (type.kind !== 'string' || type.time) return undefined;
  if (type.length !== undefined) return type.length;
  if (key.includes(name)) return MAX_KEY_TEXT;
  return partitionBy.includes(name) ? MAX_PARTITION_VALUE : undefined;
}

/** Why the tables in MySQL can't have a dataset's indexes: a sentence. `undefined` if they can. */
export function whyNoIndex(dataset: Indexed, columns: ReadonlyMap<string, Column>): string | undefined {
  const { indexes = [] } = dataset;
  for (const [i, index] of indexes.entries()) {
    const name = `the index of ${index.join(', ')}`;
    if (index.length === 0) return 'an index names no column.';
    if (index.length > MAX_INDEX_COLUMNS) return `${name} has more than ${MAX_INDEX_COLUMNS} columns.`;
    if (new Set(index).size < index.length) return `${name} names a column twice.`;
    if (indexes.findIndex((each) => each.join() === index.join()) < i) return `${name} is there twice.`;
    let bytes = 0;
    for (const column of index) {
      const type = columns.get(column)?.type;
      if (type === undefined) return `${name}: ${column} is not a column of its row.`;
      const length = textLength(dataset, column, type);
      const why = whyNotIndexed(type, length);
      if (why !== undefined) return `${name}: ${column} ${why}`;
      bytes += length === undefined ? MOST_BYTES : length * BYTES_A_CHARACTER;
    }
    if (bytes > MAX_INDEX_BYTES)
      return `${name} would have ${bytes} bytes, and MySQL allows ${MAX_INDEX_BYTES}, four for each character. Give its texts a shorter length, or leave a column out.`;
  }
  return undefined;
}

/** @param length of a text */
function whyNotIndexed(type: ColumnType, length: number | undefined): string | undefined {
  switch (type.kind) {
    case 'string':
      if (type.time) return undefined;
      if (type.json) return `is JSON, which MySQL can’t index. ${OWN_COLUMN}`;
      return length === undefined
        ? 'is a text of any length, which MySQL can’t index. Say how long it may be in the row: text({ length: 200 }).'
        : undefined;
    case 'binary':
    case 'list':
    case 'map':
    case 'struct':
      return `is ${type.kind === 'binary' ? '' : 'a '}${type.kind}, which MySQL can’t index. ${OWN_COLUMN}`;
    default:
      return undefined;
  }
}
