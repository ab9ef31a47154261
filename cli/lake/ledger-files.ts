import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { columnsOf } from '../../domain/columns.ts';
import { ledgerGlueTable } from '../../domain/tables/glue.ts';
import { datasetColumn, type LedgerTable, ledgerTablePrefix } from '../../domain/tables/ledger-tables.ts';
import { partitionPath } from '../../domain/versions/partition-path.ts';
import { ParquetFile } from '../../formats/parquet/file.ts';
import type { Target } from '../target/target.ts';
import { integer } from '../terminal/terminal.ts';
import type { CatalogTable } from './catalog.ts';
import type { LakeFile } from './lake-files.ts';
import { ledgerRows } from './ledger-rows.ts';

const MOST_ROWS = 100_000;
/** Characters of text in a file, before compression. */
const MOST_TEXT_IN_FILE = 128 * 1024 * 1024;

/** A file of rows of one dataset. */
export interface LedgerFile {
  readonly dataset: string;
  readonly name: string;
  readonly rows: number;
  readonly body: Uint8Array;
}

/** A file of rows, or why one of its rows is missing. */
export type LedgerFileStep = { readonly file: LedgerFile } | { readonly problem: string };

/** A table's rows as Parquet files of bounded size, dataset by dataset. Holds one file in memory. */
export async function* ledgerFiles(
  target: Target,
  table: LedgerTable,
  asOf: string,
  progress: (text: string) => void,
): AsyncGenerator<LedgerFileStep> {
  const columns = columnsOf(table.row);
  let open: { readonly dataset: string; readonly file: ParquetFile; text: number } | undefined;
  let files = 0;
  let rows = 0;
  const finished = ({ dataset, file }: NonNullable<typeof open>): LedgerFileStep => {
    const name = `part-${String(files).padStart(5, '0')}.parquet`;
    files += 1;
    return { file: { dataset, name, rows: file.rows, body: file.finish() } };
  };
  for await (const step of ledgerRows(target, table.name, asOf)) {
    if ('problem' in step) {
      yield step;
      continue;
    }
    const isFull =
      open !== undefined &&
      (open.dataset !== step.dataset || open.file.rows === MOST_ROWS || open.text > MOST_TEXT_IN_FILE);
    if (open !== undefined && isFull) {
      yield finished(open);
      open = undefined;
    }
    open ??= { dataset: step.dataset, file: new ParquetFile(columns, {}), text: 0 };
    open.file.add(step.row);
    for (const value of Object.values(step.row)) if (typeof value === 'string') open.text += value.length;
    rows += 1;
    if (rows % 1000 === 0) progress(`Reading ${table.name}: ${integer(rows)} rows`);
  }
  if (open !== undefined) yield finished(open);
}

/** The table as the catalog declares it, without partitions: a query here reads no copy. */
export function ledgerCatalogTable({ outputs }: Target, table: LedgerTable): CatalogTable {
  return {
    ...ledgerGlueTable(table),
    bucket: outputs.buckets[table.bucket],
    prefix: ledgerTablePrefix(table),
    partitions: [],
  };
}

/** Writes a table's files into a directory of this machine. */
export async function writeLedgerFiles(
  target: Target,
  table: LedgerTable,
  directory: string,
  progress: (text: string) => void,
): Promise<{ readonly files: LakeFile[]; readonly unread: string[] }> {
  const files: LakeFile[] = [];
  const unread: string[] = [];
  for await (const step of ledgerFiles(target, table, new Date().toISOString(), progress)) {
    if ('problem' in step) {
      unread.push(step.problem);
      continue;
    }
    const { dataset, name, body } = step.file;
    const path = join(directory, `${table.name}-${name}`);
    await writeFile(path, body, { mode: 0o600 });
    const folder = partitionPath([[datasetColumn.name, dataset]]);
    const partition = { values: [dataset], prefix: `${ledgerTablePrefix(table)}${folder}` };
    files.push({ path, origin: `${table.name}/${name}`, partition });
  }
  return { files, unread };
}
