import { isUtf8 } from 'node:buffer';
import Papa from 'papaparse';
import { PermanentError } from '../../domain/errors.ts';
import { contentOf } from '../../domain/records/decoding/content.ts';
import { type Encoding, textOf } from '../../domain/records/decoding/encoding.ts';
import { splitJson } from '../../domain/records/decoding/json/json.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import type { AvroFormat, CsvFormat, JsonFormat, ParquetFormat } from '../../domain/source-format.ts';
import { UserError } from '../terminal/user-error.ts';
import { listPath } from './list-path.ts';

/** How much of a file is looked at to find its format. Bytes. */
const HEAD_BYTES = 1024 * 1024;
const DELIMITERS = [',', ';', '\t', '|'];
/** How many records tell the delimiter. */
const ROWS = 100;
/** The share of the records that must have as many fields as the first. */
const LEAST_EVENNESS = 0.5;
/** What no name of a column looks like: a number, a date, or nothing. */
const VALUE = /^\s*$|^\s*[-+]?[\d.,]+\s*$|^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/;

/** The format of a file, as a dataset declares it; and the names of its columns if it is CSV. */
export type Sniffed =
  | { readonly format: JsonFormat | ParquetFormat | AvroFormat }
  | { readonly format: CsvFormat; readonly columns: readonly string[] };

/** Finds out the format of a file by its content. @throws {UserError} if it is none that Sluice reads */
export async function sniff(open: Source): Promise<Sniffed> {
  try {
    if (await isParquet(open)) return { format: { format: 'parquet' } };
    if (await isAvro(open)) return { format: { format: 'avro' } };
    const head = await headOf(open);
    const first = head.toString('latin1').trimStart()[0];
    if (first === undefined) throw new UserError('The file is empty: take one with some records.');
    return first === '[' || first === '{' ? await json(open, head) : csv(head);
  } catch (error) {
    if (error instanceof PermanentError) throw new UserError(error.message);
    throw error;
  }
}

async function isParquet(open: Source): Promise<boolean> {
  for await (const chunk of await open()) return Buffer.from(chunk).toString('latin1', 0, 4) === 'PAR1';
  return false;
}

async function isAvro(open: Source): Promise<boolean> {
  for await (const chunk of contentOf({ format: 'avro' }, open))
    return chunk.toString('latin1', 0, 4) === 'Obj\x01';
  return false;
}

/** The beginning of the content, decompressed, up to the last whole line. */
async function headOf(open: Source): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  let isAll = true;
  for await (const chunk of contentOf({ format: 'json' }, open)) {
    chunks.push(chunk);
    length += chunk.length;
    isAll = length < HEAD_BYTES;
    if (!isAll) break;
  }
  const head = Buffer.concat(chunks);
  const end = Math.max(head.lastIndexOf('\n'), head.lastIndexOf('\r')) + 1;
  return isAll || end === 0 ? head : head.subarray(0, end);
}

/** A file that is one document may have its records in a list. */
async function json(open: Source, head: Buffer): Promise<Sniffed> {
  const list = listPath(head.toString('utf8'));
  if (list === undefined) return { format: { format: 'json' } };
  let records = 0;
  try {
    for await (const { pieces } of splitJson({}, contentOf({ format: 'json' }, open))) {
      records += pieces.length;
      if (records > 1) return { format: { format: 'json' } };
    }
  } catch (error) {
    // It is one object that is larger than a record may be.
    if (!(error instanceof PermanentError)) throw error;
  }
  return { format: { format: 'json', list } };
}

function csv(head: Buffer): Sniffed {
  const encoding: Encoding = isUtf8(head) ? 'utf-8' : 'windows-1252';
  const text = textOf(head, encoding);
  const comment = /^\s*#/.test(text) ? '#' : undefined;
  const tables = DELIMITERS.map((delimiter) => ({ delimiter, rows: rowsOf(text, delimiter, comment) }));
  const best = tables.reduce((a, b) => (evenness(b.rows) > evenness(a.rows) ? b : a));
  if (evenness(best.rows) < LEAST_EVENNESS)
    throw new UserError(
      'The file is neither JSON nor CSV: no comma, semicolon, tab or | parts most of its lines into as many fields as the first.',
    );
  const [names = []] = best.rows;
  const isNamed = names.every((name) => !VALUE.test(name)) && new Set(names).size === names.length;
  return {
    format: {
      format: 'csv',
      ...(best.delimiter !== ',' && { delimiter: best.delimiter }),
      ...(encoding !== 'utf-8' && { encoding }),
      ...(comment !== undefined && { comment }),
      ...(!isNamed && { header: false }),
    },
    columns: isNamed ? names.map((name) => name.trim()) : names.map((_, i) => `column_${i + 1}`),
  };
}

function rowsOf(text: string, delimiter: string, comment: string | undefined): string[][] {
  const options = { delimiter, preview: ROWS, skipEmptyLines: true, comments: comment ?? false } as const;
  return Papa.parse<string[]>(text, options).data;
}

/** How many records have the same number of fields as the first, if that has several; more fields first. */
function evenness(rows: readonly string[][]): number {
  const width = rows[0]?.length ?? 0;
  if (width < 2) return 0;
  const share = rows.filter((row) => row.length === width).length / rows.length;
  return share + Math.min(width, 100) / 1000;
}
