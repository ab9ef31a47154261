import type { DuckDBConnection } from '@duckdb/node-api';
import { tableColumns } from '../domain/columns.ts';
import type { Dataset } from '../domain/dataset.ts';
import { glueType } from '../domain/tables/glue.ts';
import { type HiveType, parseHiveType } from '../domain/tables/hive-type.ts';
import { externalSchema } from '../domain/tables/redshift.ts';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import type { LakeFile } from './lake-files.ts';

/** Of a row of CSV: more than any record makes. DuckDB takes several times as much for its buffer. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** Makes the schemas that `createViews` fills. */
export async function createSchemas(connection: DuckDBConnection): Promise<void> {
  await connection.run(`create schema ${externalSchema}; create schema stored`);
}

/**
 * A table as Redshift shows it: `lake.NAME` with the types of the catalog, and `NAME` with those of the dataset, which differ
 * where the files are CSV. A column that a file lacks is NULL, as for Hive.
 */
export async function createViews(
  connection: DuckDBConnection,
  table: CatalogTable,
  dataset: Dataset | undefined,
  files: readonly LakeFile[],
): Promise<void> {
  const name = identifier(table.name);
  const all = [...table.columns, ...table.partitionKeys];
  await connection.run(`create view stored.${name} as ${source(table, files)}`);
  // The serde of CSV knows no NULL: what is empty is empty text.
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
    ([column, type]) => `${cast(column, duckDbType(parseHiveType(type)))} as ${identifier(column)}`,
  );
  await connection.run(`create view ${name} as select ${columns.join(', ')} from stored.${name}`);
}

const isCsv = ({ format }: CatalogTable) => format === 'csv';

/** All rows of the files with the values of their partitions, and every column of the table whether a file has it or not. */
function source(table: CatalogTable, files: readonly LakeFile[]): string {
  const columns = [...table.columns, ...table.partitionKeys];
  const nothing = columns.map(({ name }) => `null as ${identifier(name)}`);
  const groups = Map.groupBy(files, ({ partition }) => partition.prefix);
  const selects = [...groups.values()].map((group) => {
    const values = table.partitionKeys.map(({ name }, index) => {
      const value = group[0]?.partition.values[index] ?? null;
      return `, ${value === null ? 'null' : literal(value)} as ${identifier(name)}`;
    });
    const paths = `[${group.map(({ path }) => literal(path)).join(', ')}]`;
    const rows = isCsv(table)
      ? readCsv(table.columns, paths)
      : `read_parquet(${paths}, hive_partitioning = false, union_by_name = true)`;
    return `select *${values.join('')} from ${rows}`;
  });
  return [`select ${nothing.join(', ')} where false`, ...selects].join(' union all by name ');
}

/** Reads CSV as the pipeline writes it: only an empty field without quotes is NULL, and nothing is guessed. */
function readCsv(columns: readonly CatalogColumn[], paths: string): string {
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
    // A file from before a column was added.
    null_padding: true,
    max_line_size: MAX_LINE_BYTES,
    columns: `{${columns.map(({ name }) => `${literal(name)}: 'varchar'`).join(', ')}}`,
  };
  const settings = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
  return `read_csv(${paths}, ${settings.join(', ')})`;
}

const cast = (name: string, type: string) => `cast(${identifier(name)} as ${type})`;

function duckDbType(type: HiveType): string {
  switch (type.kind) {
    case 'scalar':
      return { string: 'varchar', int: 'integer' }[type.name] ?? type.name;
    case 'array':
      return `${duckDbType(type.element)}[]`;
    case 'map':
      return `map(${duckDbType(type.key)}, ${duckDbType(type.value)})`;
    case 'struct':
      return `struct(${type.fields.map((field) => `${identifier(field.name)} ${duckDbType(field.type)}`).join(', ')})`;
  }
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** DuckDB's parser ends a text at a NUL, so that is put together. */
const literal = (text: string) =>
  text
    .split('\0')
    .map((piece) => `'${piece.replaceAll("'", "''")}'`)
    .join(' || chr(0) || ');
