import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { parseText } from '../column-text.ts';

const ROWS_PER_BATCH = 5000;

/**
 * The rows of a CSV file that `CsvFile` wrote, in batches. It reads no other files. Other parsers can't be
 * used, since they don't distinguish `""`, which is empty text, from an empty field, which is NULL.
 *
 * @param columns the columns of the rows; a nullable one that is missing in the file is NULL @throws {Error}
 * if the file was not written by `CsvFile`, or has other columns
 */
export function* readCsvRows(columns: readonly Column[], bytes: Uint8Array): Generator<Row[]> {
  const records = fieldsOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  const header = records.next().value ?? [];
  const positions = columns.map((column) => {
    const position = header.indexOf(column.name);
    if (position < 0 && !column.nullable) throw new Error(`The file has no column ${column.name}.`);
    return [column, position] as const;
  });
  let rows: Row[] = [];
  for (const fields of records) {
    if (fields.length !== header.length) throw damaged(`a row of ${fields.length} fields`);
    const row: Record<string, unknown> = {};
    for (const [column, position] of positions) {
      const text = fields[position] ?? null;
      if (text === null && !column.nullable) throw damaged(`no value of ${column.name}`);
      row[column.name] = text === null ? null : parseText(column, text);
    }
    rows.push(row);
    if (rows.length === ROWS_PER_BATCH) {
      yield rows;
      rows = [];
    }
  }
  if (rows.length > 0) yield rows;
}

/** The fields of each record; `null` for a field without even quotes. */
function* fieldsOf(text: string): Generator<(string | null)[]> {
  const boundary = /[,\r]/g;
  let at = 0;
  while (at < text.length) {
    const fields: (string | null)[] = [];
    for (let isLast = false; !isLast; ) {
      let end: number;
      if (text[at] === '"') {
        end = closingQuote(text, at) + 1;
        fields.push(text.slice(at + 1, end - 1).replaceAll('""', '"'));
      } else {
        boundary.lastIndex = at;
        end = boundary.exec(text)?.index ?? text.length;
        fields.push(end === at ? null : text.slice(at, end));
      }
      isLast = text[end] !== ',';
      if (isLast && !text.startsWith('\r\n', end)) throw damaged('an unfinished field');
      at = end + (isLast ? 2 : 1);
    }
    yield fields;
  }
}

function closingQuote(text: string, opening: number): number {
  let at = text.indexOf('"', opening + 1);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  if (at < 0) throw damaged('an unclosed quote');
  return at;
}

function damaged(what: string): Error {
  return new Error(`The pipeline did not write this file: it has ${what}.`);
}
