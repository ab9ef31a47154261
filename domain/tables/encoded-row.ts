import { hash } from 'node:crypto';
import type { Dataset } from '../dataset.ts';
import { jsonOf } from '../long.ts';
import type { Reject } from '../records/reject.ts';
import type { Row } from '../records/transformation.ts';
import { type Literal, literalOf, NotStorable } from './literals.ts';
import { type DatasetTables, type ListTable, mysqlTables } from './mysql.ts';

/** A row on its way into the tables. */
export interface NumberedRow {
  /** The record's position in its raw object, from 1. */
  readonly record: number;
  readonly row: Row;
}

/** A row as literals of SQL. */
export interface EncodedRow {
  readonly record: number;
  /** The hash of the content, 32 hexadecimal digits: rows with equal hashes have equal content. */
  readonly hash: string;
  /** The values of the dataset's own columns: `'a',1,NULL`. */
  readonly values: string;
  /** For each list, the values of each element's columns. */
  readonly lists: readonly (readonly string[])[];
  /** The approximate size of its statements. Characters. */
  readonly size: number;
}

const HASH_DIGITS = 32;
/** The size of identity and punctuation in each row of a table. Characters. */
const OVERHEAD = 120;

/** Turns rows of one dataset into literals. */
export class RowEncoder {
  readonly tables: DatasetTables;
  readonly #columns: readonly { readonly name: string; readonly literal: Literal }[];
  readonly #lists: readonly ListEncoder[];

  constructor(dataset: Dataset) {
    this.tables = mysqlTables(dataset);
    this.#columns = this.tables.values.map((column) => {
      // The column with the number of a list's elements is derived from the list.
      const name =
        column.kind === 'list' && column.type !== 'JSON' ? column.name.replace(/_count$/, '') : column.name;
      return { name, literal: literalOf(column) };
    });
    this.#lists = this.tables.lists.map(listEncoder);
  }

  /** @param mostBytes the maximum size of a statement @returns a reject if a column can't hold its value */
  encode({ record, row }: NumberedRow, mostBytes: number): EncodedRow | { readonly reject: Reject } {
    let column = '';
    let index = -1;
    try {
      let values = '';
      for (const { name, literal } of this.#columns) {
        column = name;
        values += values === '' ? literal(row[name]) : `,${literal(row[name])}`;
      }
      column = '';
      checkSize(values, mostBytes);
      let content = values;
      let size = OVERHEAD + values.length;
      const lists: string[][] = [];
      for (const list of this.#lists) {
        column = list.column;
        const elements: string[] = [];
        const given = row[column] ?? [];
        if (!Array.isArray(given)) throw new NotStorable('is not a list');
        content += '[';
        for (index = 0; index < given.length; index += 1) {
          const element = list.element(given[index]);
          checkSize(element, mostBytes);
          elements.push(element);
          content += `${element},`;
          size += OVERHEAD + element.length;
        }
        index = -1;
        lists.push(elements);
      }
      return { record, hash: hash('sha256', content).slice(0, HASH_DIGITS), values, lists, size };
    } catch (error) {
      if (!(error instanceof NotStorable)) throw error;
      const path = index < 0 ? column : `${column}[${index}]`;
      const message = `${path === '' ? 'The row' : path} ${error.message}.`;
      return { reject: notStorable({ record, row }, path, message) };
    }
  }
}

/**
 * The reject of a row that MySQL can't hold. It contains the row, since the record itself is no longer
 * available.
 */
export function notStorable({ record, row }: NumberedRow, path: string, message: string): Reject {
  return { recordNumber: record, path, code: 'not_storable', message, json: jsonOf(row) };
}

interface ListEncoder {
  readonly column: string;
  readonly element: Literal;
}

function listEncoder({ column, values, ofStructs }: ListTable): ListEncoder {
  const fields = values.map((each) => ({ name: each.name, literal: literalOf(each) }));
  const [only] = fields;
  if (!ofStructs && only !== undefined) return { column, element: only.literal };
  const ofStruct = (struct: Row) => fields.map(({ name, literal }) => literal(struct[name])).join();
  return { column, element: (value) => ofStruct((value ?? {}) as Row) };
}

/** A statement must have room for at least one row. A character takes at most three bytes. */
function checkSize(values: string, mostBytes: number): void {
  if (values.length * 3 <= mostBytes) return;
  const bytes = Buffer.byteLength(values);
  if (bytes > mostBytes)
    throw new NotStorable(`takes ${bytes} bytes; max_allowed_packet leaves ${mostBytes}`);
}
