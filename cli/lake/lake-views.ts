import { open } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import pLimit from 'p-limit';
import { tableColumns } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { csvHeader, HEADER_BYTES } from '../../domain/tables/drift.ts';
import { glueType } from '../../domain/tables/glue.ts';
import { type HiveType, parseHiveType } from '../../domain/tables/hive-type.ts';
import { externalSchema } from '../../domain/tables/redshift.ts';
import { parsePartitionPath } from '../../domain/versions/partition-path.ts';
import { type CatalogColumn, type CatalogTable, ICEBERG } from './catalog.ts';
import type { LakeFile } from './lake-files.ts';

/**
 * Longer than any CSV row of a record of 1 MiB, even one of quotes in several columns. Smaller files take
 * less memory.
 */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

const HEADERS_AT_ONCE = 32;

/**
 * Makes the schemas that `createViews` fills, in which a timestamp is one of UTC wherever this machine is.
 */
export async function createSchemas(connection: DuckDBConnection): Promise<void> {
  await connection.run(`set TimeZone = 'UTC'; create schema ${externalSchema}; create schema stored`);
}

/**
 * Creates the views that Redshift has of a table: `lake.NAME` with the types of the catalog, and `NAME` with
 * those of the dataset, which differ for CSV. A column that is missing in a file is NULL, as in Hive.
 */
export async function createViews(
  connection: DuckDBConnection,
  table: CatalogTable,
  dataset: Dataset | undefined,
  files: readonly LakeFile[],
): Promise<void> {
  const name = identifier(table.name);
  const all = [...table.columns, ...table.partitionKeys];
  await connection.run(`create view stored.${name} as ${await source(table, files)}`);
  // The CSV serde has no NULL: an empty field is empty text.
  const inCatalog = all.map((column) => {
    const value = cast(column.name, duckDbType(parseHiveType(column.type)));
    return `${isCsv(table) && column.type === 'string' ? `coalesce(${value}, '')` : value} as ${identifier(column.name)}`;
  });
  await connection.run(
    `create view ${externalSchema}.${name} as select ${inCatalog.join(', ')} from stored.${name}`,
  );
  const known = new Set(all.map((column) => column.name));
  const typed =
    dataset === undefined
      ? all.map((column) => [column.name, column.type] as const)
      : tableColumns(dataset)
          .filter((column) => known.has(column.name))
          .map((column) => [column.name, glueType(column.type)] as const);
  const columns = typed.map(
    ([column, type]) =>
      `${isCsv(table) && type === 'binary' ? `from_base64(${identifier(column)})` : cast(column, duckDbType(parseHiveType(type)))} as ${identifier(column)}`,
  );
  await connection.run(`create view ${name} as select ${columns.join(', ')} from stored.${name}`);
}

const isCsv = ({ format }: CatalogTable) => format === 'csv';

/**
 * A query for all rows of the files with every column of the table, even one that a file does not have. The
 * values of a registered partition come from its folder, so a file stays right when its dataset is
 * partitioned differently later.
 */
async function source(table: CatalogTable, files: readonly LakeFile[]): Promise<string> {
  const columns = [...table.columns, ...table.partitionKeys];
  const nothing = columns.map(({ name }) => `null as ${identifier(name)}`);
  const selects = (await groupsOf(table, files)).map(({ folder, header, paths }) => {
    const partition = parsePartitionPath(folder.slice(table.prefix.length));
    const keys = partition.map(([name]) => name);
    const values = partition.map(
      ([name, value]) => `, ${value === null ? 'null' : literal(value)} as ${identifier(name)}`,
    );
    const list = `[${paths.map(literal).join(', ')}]`;
    const rows = isCsv(table)
      ? readCsv(header, list)
      : table.format === ICEBERG
        ? readByFieldId(table.columns, list)
        : `read_parquet(${list}, hive_partitioning = false, union_by_name = true)`;
    // A file of the archive may have the columns of its partition, whose values are those of the folder.
    const own = keys.length === 0 ? '*' : `columns(c -> c not in (${keys.map(literal).join(', ')}))`;
    return `select ${own}${values.join('')} from ${rows}`;
  });
  return [`select ${nothing.join(', ')} where false`, ...selects].join(' union all by name ');
}

/**
 * Reads the columns of a snapshot from files that are older or newer than their names and types. DuckDB finds
 * a column by its id, but the fields of a struct by their names ("Parquet: read_parquet, schema").
 */
function readByFieldId(columns: readonly CatalogColumn[], paths: string): string {
  const fields = columns.map(({ id, name, type }) => {
    const wanted = literal(duckDbType(parseHiveType(type)));
    return `${id}: {name: ${literal(name)}, type: ${wanted}, default_value: null}`;
  });
  return `read_parquet(${paths}, schema = map {${fields.join(', ')}})`;
}

/** Files that one statement can read: those of one folder and, for CSV, of one header. */
interface Group {
  readonly folder: string;
  /** Empty for Parquet, whose files contain the column names. */
  readonly header: readonly string[];
  readonly paths: readonly string[];
}

async function groupsOf(table: CatalogTable, files: readonly LakeFile[]): Promise<Group[]> {
  const limit = pLimit(HEADERS_AT_ONCE);
  const headers = await Promise.all(
    files.map(({ path }) => (isCsv(table) ? limit(() => headerOf(path)) : [])),
  );
  const groups = new Map<string, { folder: string; header: readonly string[]; paths: string[] }>();
  for (const [i, { path, partition }] of files.entries()) {
    const header = headers[i] ?? [];
    // The pipeline never writes an empty file: it is foreign, and has neither a header nor rows.
    if (isCsv(table) && header.length === 0) continue;
    const key = JSON.stringify([partition.prefix, header]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { folder: partition.prefix, header, paths: [path] });
    else group.paths.push(path);
  }
  return [...groups.values()];
}

async function headerOf(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return csvHeader(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/**
 * Reads CSV as the pipeline writes it: only an empty field without quotes is NULL, and nothing is guessed.
 */
function readCsv(header: readonly string[], paths: string): string {
  const options = {
    auto_detect: false,
    hive_partitioning: false,
    header: true,
    delim: literal(','),
    quote: literal('"'),
    escape: literal('"'),
    new_line: literal('\\r\\n'),
    nullstr: literal(''),
    allow_quoted_nulls: false,
    // A thread that starts in the middle of a file takes a line break in quotes for the end of a row. DuckDB
    // still reads several files in parallel.
    parallel: false,
    max_line_size: MAX_LINE_BYTES,
    columns: `{${header.map((name) => `${literal(name)}: 'varchar'`).join(', ')}}`,
  };
  const settings = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
  return `read_csv(${paths}, ${settings.join(', ')})`;
}

const cast = (name: string, type: string) => `cast(${identifier(name)} as ${type})`;

function duckDbType(type: HiveType): string {
  switch (type.kind) {
    case 'scalar':
      return { string: 'varchar', int: 'integer', binary: 'blob' }[type.name] ?? type.name;
    case 'array':
      return `${duckDbType(type.element)}[]`;
    case 'map':
      return `map(${duckDbType(type.key)}, ${duckDbType(type.value)})`;
    case 'struct':
      return `struct(${type.fields.map((field) => `${identifier(field.name)} ${duckDbType(field.type)}`).join(', ')})`;
  }
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** DuckDB's parser ends a text at a NUL, so a NUL is written as chr(0). */
const literal = (text: string) =>
  text
    .split('\0')
    .map((piece) => `'${piece.replaceAll("'", "''")}'`)
    .join(' || chr(0) || ');
