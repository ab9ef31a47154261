import { hash } from 'node:crypto';
import { type ColumnType, columnsOf } from '../columns.ts';
import type { Dataset } from '../dataset.ts';
import { parseJson } from '../long.ts';
import { RowEncoder } from './encoded-row.ts';
import { inOrder } from './literals.ts';
import type { DatasetTables, ListTable, StoredColumn } from './mysql.ts';

/**
 * The fields of a row from the server, as text, in the order of the selected columns: binary ones in
 * hexadecimal digits.
 */
export type Fields = readonly (string | null)[];

/** A row of a dataset's own table with the rows of its lists, as stored. */
export interface StoredRow {
  readonly record: number;
  /** The hash that loading stored in `_hash`: 32 hexadecimal digits. */
  readonly hash: string;
  /** The values of the dataset's columns. */
  readonly fields: Fields;
  /** For each list its elements in order, each preceded by its position. */
  readonly lists: readonly (readonly Fields[])[];
}

/** Turns a field from the server back into the value that was loaded; an impossible field stays as it is. */
type Decoder = (field: string) => unknown;

/** Checks whether rows in MySQL still have the content that was loaded. */
export class StoredRowCheck {
  readonly tables: DatasetTables;
  readonly #encoder: RowEncoder;
  /** The columns in the dataset's own table, except the numbers of lists' elements. */
  readonly #columns: readonly { readonly name: string; readonly at: number; readonly decode: Decoder }[];
  readonly #lists: readonly StoredList[];

  constructor(dataset: Dataset) {
    const types = new Map(columnsOf(dataset.row).map(({ name, type }) => [name, type]));
    this.#encoder = new RowEncoder(dataset);
    this.tables = this.#encoder.tables;
    const { values, lists } = this.tables;
    this.#lists = lists.map((list) => storedList(list, values, types.get(list.column)));
    const counts = new Set(this.#lists.map(({ countAt }) => countAt));
    this.#columns = values
      .map((column, at) => ({ name: column.name, at, decode: decoderOf(column, types.get(column.name)) }))
      .filter(({ at }) => !counts.has(at));
  }

  /** Whether a row and its lists, encoded as loading does, have the hash that loading stored. */
  isAsLoaded({ record, hash: loaded, fields, lists }: StoredRow): boolean {
    const row: Record<string, unknown> = {};
    for (const { name, at, decode } of this.#columns) row[name] = decoded(decode, fields[at]);
    for (const [i, { column, countAt, element }] of this.#lists.entries()) {
      const elements = lists[i] ?? [];
      if (elements.some(([position], at) => position !== `${at + 1}`)) return false;
      const count = countAt < 0 ? `${elements.length}` : (fields[countAt] ?? null);
      if (Number(count ?? 0) !== elements.length) return false;
      row[column] = count === null ? null : elements.map(element);
    }
    const encoded = this.#encoder.encode({ record, row }, Number.POSITIVE_INFINITY);
    return 'hash' in encoded && encoded.hash === loaded;
  }
}

/**
 * Names the row schema, on which the hash of a row depends: hashes under different schemas can't be compared.
 */
export function rowSchema(dataset: Dataset): string {
  return hash('sha256', JSON.stringify(columnsOf(dataset.row))).slice(0, 16);
}

interface StoredList {
  readonly column: string;
  /** Index of the column with the number of its elements, if the list may be null; otherwise -1. */
  readonly countAt: number;
  readonly element: (fields: Fields) => unknown;
}

function storedList(
  { column, values, ofStructs }: ListTable,
  ofTable: readonly StoredColumn[],
  type: ColumnType | undefined,
): StoredList {
  const countAt = ofTable.findIndex(({ name, kind }) => kind === 'list' && name === `${column}_count`);
  const inner = type?.kind === 'list' ? type.element : undefined;
  const fields = values.map((value, i) => {
    const own = inner?.kind === 'struct' ? inner.fields.find(({ name }) => name === value.name)?.type : inner;
    // The position comes first.
    return { name: value.name, at: i + 1, decode: decoderOf(value, own) };
  });
  const [only] = fields;
  const element = ofStructs
    ? (stored: Fields) =>
        Object.fromEntries(fields.map(({ name, at, decode }) => [name, decoded(decode, stored[at])]))
    : (stored: Fields) => only && decoded(only.decode, stored[only.at]);
  return { column, countAt, element };
}

const decoded = (decode: Decoder, field: string | null = null) => (field === null ? null : decode(field));

function decoderOf({ kind, type: sqlType }: StoredColumn, type: ColumnType | undefined): Decoder {
  if (sqlType === 'JSON') return (field) => (type === undefined ? field : inOrder(parsed(field), type));
  switch (kind) {
    case 'int32':
    case 'int64':
      return BigInt;
    case 'double':
      return Number;
    case 'boolean':
      return (field) => (field === '1' ? true : field === '0' ? false : field);
    case 'binary':
      return (field) => Buffer.from(field, 'hex').toString('base64');
    case 'timestamp':
      return (field) => `${field.replace(' ', 'T')}Z`;
    default:
      return (field) => field;
  }
}

/** Text that is no longer JSON stays text, which differs from any struct or list. */
function parsed(json: string): unknown {
  try {
    return parseJson(json);
  } catch {
    return json;
  }
}
