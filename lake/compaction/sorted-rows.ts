import { type Column, recordColumn, sourceColumn, versionColumn } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { parseDataKey } from '../../domain/versions/key-layout.ts';
import type { DataFile } from '../../formats/iceberg/manifest/data-file.ts';
import type { FieldIds } from '../../formats/parquet/field-ids.ts';
import type { OpenParquet } from '../../formats/parquet/read.ts';
import { parseS3Uri, type TableFiles } from '../table-files.ts';
import { columnsIn } from './columns.ts';
import { isCompacted } from './plan.ts';

/** Files of versions that are read before their turn, and their bytes. */
const FILES_AHEAD = 16;
const BYTES_AHEAD = 16 * 1024 * 1024;
const ROWS_AT_ONCE = 2000;

/** The columns of a table, and their ids. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly ids: FieldIds;
}

/** The object and the version that a row is from. */
export interface Origin {
  readonly source: string;
  readonly version: string;
}

/**
 * The rows of files of a table with its columns, those of each object together: by source, version and record
 * number. In memory are a row group of each compacted file and a few files of versions.
 */
export async function* sortedRows(
  table: TableFiles,
  files: readonly DataFile[],
  shape: Shape,
): AsyncGenerator<Row[]> {
  const runs = files.filter(isCompacted).map((file) => rowsOfFile(table, file, shape));
  const ofVersions = files.filter((file) => !isCompacted(file));
  if (ofVersions.length > 0) runs.push(rowsOfVersions(table, ofVersions, shape));
  const [only] = runs;
  if (only !== undefined && runs.length === 1) yield* only;
  else yield* merged(runs);
}

/** The rows of a compacted file in its order, in batches. */
export async function* rowsOfFile(
  table: TableFiles,
  file: DataFile,
  { columns, ids }: Shape,
): AsyncGenerator<Row[]> {
  const open = await table.open(file);
  yield* open.rows(columnsIn(open.columns, columns, ids));
}

async function* rowsOfVersions(
  table: TableFiles,
  files: readonly DataFile[],
  { columns, ids }: Shape,
): AsyncGenerator<Row[]> {
  const known: { readonly file: DataFile; readonly origin: Origin; readonly part: number }[] = [];
  for (const file of files) {
    const origin = originInBounds(file, ids) ?? originIn(await table.open(file), file);
    known.push({ file, origin, part: parseDataKey(parseS3Uri(file.filePath).key)?.part ?? 0 });
  }
  known.sort((a, b) => compareOrigins(a.origin, b.origin) || a.part - b.part);
  for await (const { origin, open } of openedAhead(table, known))
    for await (const rows of open.rows(columnsIn(open.columns, columns, ids)))
      yield rows.map((row) => ({
        ...row,
        [sourceColumn.name]: origin.source,
        [versionColumn.name]: origin.version,
      }));
}

/** Opens files in their order, some of them before their turn. */
async function* openedAhead<Known extends { readonly file: DataFile }>(
  table: TableFiles,
  all: readonly Known[],
): AsyncGenerator<Known & { readonly open: OpenParquet }> {
  const ahead: { readonly known: Known; readonly open: Promise<OpenParquet> }[] = [];
  let bytes = 0;
  let next = 0;
  for (;;) {
    for (let known = all[next]; known !== undefined; known = all[next]) {
      if (ahead.length === FILES_AHEAD || (ahead.length > 0 && bytes > BYTES_AHEAD)) break;
      const open = table.open(known.file, { whole: true });
      // Whoever stops before its turn does not wait for it.
      open.catch(() => {});
      ahead.push({ known, open });
      bytes += known.file.fileSizeInBytes;
      next += 1;
    }
    const first = ahead.shift();
    if (first === undefined) return;
    yield { ...first.known, open: await first.open };
    bytes -= first.known.file.fileSizeInBytes;
  }
}

/** A file of one version tells it by its bounds, which are whole. */
function originInBounds({ lowerBounds, upperBounds }: DataFile, ids: FieldIds): Origin | undefined {
  const only = ({ name }: Column) => {
    const id = ids[name]?.id ?? 0;
    const [lower, upper] = [lowerBounds?.get(id), upperBounds?.get(id)];
    return lower !== undefined && upper?.equals(lower) ? lower.toString() : undefined;
  };
  const [source, version] = [only(sourceColumn), only(versionColumn)];
  return source === undefined || version === undefined ? undefined : { source, version };
}

/** An older file of a version tells it in its footer. */
function originIn({ source: footer }: OpenParquet, { filePath }: DataFile): Origin {
  const [key, version] = [footer.get('source-key'), footer.get('source-version')];
  if (key === undefined || version === undefined)
    throw new Error(`${filePath} does not say which object its rows are from. Sluice did not write it.`);
  return { source: Buffer.from(key, 'base64url').toString(), version };
}

/** @param runs each in its order */
async function* merged(runs: readonly AsyncGenerator<Row[]>[]): AsyncGenerator<Row[]> {
  const cursors = runs.map((batches) => ({ batches, rows: [] as Row[], at: 0 }));
  let out: Row[] = [];
  for (;;) {
    let first: (typeof cursors)[number] | undefined;
    for (const cursor of cursors) {
      if (cursor.at === cursor.rows.length) {
        cursor.at = 0;
        cursor.rows = await nextBatch(cursor.batches);
      }
      const row = cursor.rows[cursor.at];
      if (row === undefined) continue;
      if (first === undefined || compareRows(row, first.rows[first.at] as Row) < 0) first = cursor;
    }
    if (first === undefined) break;
    out.push(first.rows[first.at] as Row);
    first.at += 1;
    if (out.length < ROWS_AT_ONCE) continue;
    yield out;
    out = [];
  }
  if (out.length > 0) yield out;
}

/** @returns no row at the end */
async function nextBatch(batches: AsyncGenerator<Row[]>): Promise<Row[]> {
  for (;;) {
    const { done, value } = await batches.next();
    if (done) return [];
    if (value.length > 0) return value;
  }
}

export const originOf = (row: Row): Origin => ({
  source: String(row[sourceColumn.name]),
  version: String(row[versionColumn.name]),
});

const compareRows = (a: Row, b: Row) =>
  compareOrigins(originOf(a), originOf(b)) || Number(a[recordColumn.name]) - Number(b[recordColumn.name]);

const compareOrigins = (a: Origin, b: Origin) =>
  compareTexts(a.source, b.source) || compareTexts(a.version, b.version);

const compareTexts = (a: string, b: string) => (a < b ? -1 : Number(a > b));
