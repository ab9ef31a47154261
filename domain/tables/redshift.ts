import { createHash } from 'node:crypto';
import { isNested } from '../column-type.ts';
import { type ColumnType, tableColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';
import { errorText } from '../errors.ts';
import type { GlueColumn, GlueTable } from './glue.ts';
import { archiveGlueTable, glueTable, glueType, noEscape, tableLocation } from './glue.ts';
import { type HiveType, parseHiveType } from './hive-type.ts';
import { type LedgerTable, ledgerColumns } from './ledger-tables.ts';

/** The external schema through which Redshift sees the catalog's database. */
export const externalSchema = 'lake';

/**
 * The longest text that Redshift holds. Bytes ("Amazon Redshift Database Developer Guide: Character types").
 */
const MAX_TEXT = 65_535;
const text = `varchar(${MAX_TEXT})`;

/**
 * The types that Spectrum reads, by the catalog's name ("Database Developer Guide: CREATE EXTERNAL TABLE,
 * Parameters").
 */
const scalars: Readonly<Record<string, string>> = {
  string: text,
  smallint: 'smallint',
  int: 'integer',
  bigint: 'bigint',
  float: 'real',
  double: 'double precision',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp',
  binary: 'varbyte',
};

/** "Database Developer Guide: Nested data limitations", and the columns of "CREATE EXTERNAL TABLE". */
const MAX_NESTING = 100;
const MAX_COLUMNS = 1_598;

/**
 * The parts of a table that Redshift Spectrum can't read, or would misread; empty if there are none.
 *
 * Follows "CREATE EXTERNAL TABLE", "Nested data limitations" and "Data files for queries in Amazon Redshift
 * Spectrum" (Database Developer Guide). Arrays of arrays or maps and nanoseconds are refused, since these
 * pages don't mention them.
 */
export function spectrumFaults(table: GlueTable): string[] {
  const { columns, partitionKeys } = table;
  const all = [...columns, ...partitionKeys];
  const names = all.map(({ name }) => name.toLowerCase());
  const twice = new Set(names.filter((name, index) => names.indexOf(name) < index));
  const faults = [...twice].map((name) =>
    partitionKeys.some((key) => key.name.toLowerCase() === name)
      ? `${name}: a partition column must not be among the columns of the files`
      : `${name}: it is there twice`,
  );
  for (const { name, type } of all) faults.push(...nameFaults(name, name), ...typeFaults(name, type));
  for (const { name, type } of partitionKeys)
    if (type.includes('<') || type === 'timestamp')
      faults.push(`${name}: a partition column must be a scalar and no timestamp, not ${type}`);
  if (columns.length === 0) faults.push('it has no column besides those of its partitions');
  if (all.length > MAX_COLUMNS) faults.push(`it has more than ${MAX_COLUMNS} columns`);
  if (table.timestampUnit === 'nanos' && all.some(({ type }) => type.includes('timestamp')))
    faults.push('timestamps in nanoseconds are misread; write milliseconds or microseconds');
  return faults.map((fault) => `${table.name}: ${fault}.`);
}

/** Redshift folds identifiers to lower case, and does not find a Parquet column in other case. */
function nameFaults(name: string, path: string): string[] {
  const faults: string[] = [];
  if (name !== name.toLowerCase()) faults.push(`${path}: a name must be lower-case`);
  if (!/^[A-Za-z_][\w$]{0,126}$/.test(name))
    faults.push(`${path}: a name must be letters, digits and underscores, at most 127`);
  return faults;
}

function typeFaults(path: string, type: string): string[] {
  let parsed: HiveType;
  try {
    parsed = parseHiveType(type);
  } catch (error) {
    return [`${path}: ${errorText(error).replace(/\.$/, '')}`];
  }
  return nestedFaults(path, parsed, 0);
}

function nestedFaults(path: string, type: HiveType, depth: number): string[] {
  if (depth > MAX_NESTING) return [`${path}: it is nested more than ${MAX_NESTING} levels deep`];
  switch (type.kind) {
    case 'scalar':
      return redshiftScalar(type.name) === undefined
        ? [`${path}: Spectrum does not know the type ${type.name}`]
        : [];
    case 'array':
      return type.element.kind === 'array' || type.element.kind === 'map'
        ? [`${path}: an array must hold scalars or structs, not ${type.element.kind}s`]
        : nestedFaults(`${path}[]`, type.element, depth + 1);
    case 'map':
      return [
        ...(type.key.kind === 'scalar' ? [] : [`${path}: a map's key must be a scalar`]),
        ...nestedFaults(`${path}{}`, type.value, depth + 1),
      ];
    case 'struct':
      return type.fields.flatMap((field) => [
        ...nameFaults(field.name, `${path}.${field.name}`),
        ...nestedFaults(`${path}.${field.name}`, field.type, depth + 1),
      ]);
  }
}

function redshiftScalar(name: string): string | undefined {
  if (/^(decimal\(\d+, ?\d+\)|(var)?char\(\d+\))$/.test(name)) return name;
  return Object.hasOwn(scalars, name) ? scalars[name] : undefined;
}

/**
 * Refuses a dataset whose table Redshift Spectrum can't read. Called when the table is declared, so that both
 * `pulumi preview` and the local cloud stop at it.
 *
 * @throws {Error} that names every column and why
 */
export function checkForSpectrum(table: GlueTable): GlueTable {
  const faults = spectrumFaults(table);
  if (faults.length === 0) return table;
  throw new Error(
    `Redshift Spectrum can't read the table ${table.name}. Change the row of datasets/${table.name}.ts:\n` +
      faults.map((fault) => `  ${fault}`).join('\n'),
  );
}

/**
 * What Redshift has of a dataset: the external table, as one would declare it by hand, or the view of an
 * Iceberg table, which the catalog alone declares ("Database Developer Guide: Referencing Iceberg tables in
 * Amazon Redshift").
 */
export function redshiftDdl(dataset: Dataset, bucket: string): string {
  return dataset.processedAs === 'csv'
    ? externalTableDdl(dataset, tableLocation(bucket, dataset))
    : `${typedViewDdl(dataset).create};`;
}

function externalTableDdl(dataset: Dataset, location: string): string {
  const table = checkForSpectrum(glueTable(dataset));
  const list = (columns: readonly GlueColumn[]) =>
    columns.map(({ name, type }) => `  ${identifier(name)} ${redshiftType(parseHiveType(type))}`).join(',\n');
  const properties = (entries: Readonly<Record<string, string>>) =>
    Object.entries(entries)
      .map(([name, value]) => `${literal(name)}=${literal(value)}`)
      .join(', ');
  const { serde, inputFormat, outputFormat, parameters } = table;
  const { EXTERNAL: _, ...own } = parameters;
  return [
    `CREATE EXTERNAL TABLE ${externalSchema}.${identifier(table.name)} (\n${list(table.columns)}\n)`,
    ...(table.partitionKeys.length === 0 ? [] : [`PARTITIONED BY (\n${list(table.partitionKeys)}\n)`]),
    `ROW FORMAT SERDE ${literal(serde.library)}`,
    `WITH SERDEPROPERTIES (${properties(serde.parameters)})`,
    `STORED AS INPUTFORMAT ${literal(inputFormat)}\nOUTPUTFORMAT ${literal(outputFormat)}`,
    `LOCATION ${literal(location)}`,
    `TABLE PROPERTIES (${properties(own)});`,
  ].join('\n');
}

function redshiftType(type: HiveType): string {
  switch (type.kind) {
    case 'scalar':
      return redshiftScalar(type.name) ?? type.name;
    case 'array':
      return `array<${redshiftType(type.element)}>`;
    case 'map':
      return `map<${redshiftType(type.key)},${redshiftType(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map((field) => `${field.name}:${redshiftType(field.type)}`).join(', ')}>`;
  }
}

/** Makes the catalog's database visible as the schema `lake`. It does not create a database. */
export function externalSchemaDdl(database: string, roleArn: string, region: string): string {
  return `CREATE EXTERNAL SCHEMA IF NOT EXISTS ${externalSchema} FROM DATA CATALOG DATABASE ${literal(database)} REGION ${literal(region)} IAM_ROLE ${literal(roleArn)}`;
}

/** The statements that make a view, in their order. */
type ViewDdl = Readonly<Record<'drop' | 'create' | 'grant', string>>;

/**
 * A view over a dataset's external table, with the dataset's name, since `search_path` can't have an external
 * schema. It has all scalar columns ("Nested data limitations": result columns must be scalar); those of CSV
 * have their real types, and empty text is NULL. An instant of an Iceberg table, which Redshift reads as
 * timestamptz ("Supported data types with Apache Iceberg tables"), is a timestamp of UTC, as everywhere else.
 * The table need not exist yet: the first commit makes it.
 *
 * A view can't be replaced by one with other columns ("Database Developer Guide: CREATE VIEW"), and after it
 * was dropped and created again, nobody has the right to read it. So there are three statements, each with a
 * hash of the view: if the view changes, all three differ.
 */
export function typedViewDdl(dataset: Dataset): ViewDdl {
  const { format, columns: stored, name: table } = glueTable(dataset);
  const isCsv = format === 'csv';
  const asText = (name: string) => isCsv && stored.some((column) => column.name === name);
  const utc = (name: string) => `${identifier(name)} AT TIME ZONE 'UTC' AS ${identifier(name)}`;
  const columns = tableColumns(dataset)
    .filter(({ type }) => !isNested(type))
    .map(({ name, type }) => {
      if (asText(name)) return castText(name, type);
      if (type.kind === 'string' && type.time) return castTime(identifier(name));
      return type.kind === 'timestamp' && !isCsv ? utc(name) : identifier(name);
    });
  return viewDdl(table, columns);
}

/** The view of a dataset's archive, of its scalar columns. Its files have the real types. */
export function archiveViewDdl(dataset: Dataset): ViewDdl {
  const { name, columns, partitionKeys } = archiveGlueTable(dataset);
  const scalar = [...columns, ...partitionKeys].filter(({ type }) => !type.includes('<'));
  return viewDdl(
    name,
    scalar.map((column) => identifier(column.name)),
  );
}

/** The view of a table about the pipeline's own work, for the same reason. All of its columns are scalar. */
export function ledgerViewDdl(table: LedgerTable): ViewDdl {
  return viewDdl(
    table.name,
    ledgerColumns(table).map(({ name }) => identifier(name)),
  );
}

function viewDdl(table: string, columns: readonly string[]): ViewDdl {
  const view = `public.${identifier(table)}`;
  const create = `CREATE VIEW ${view} AS SELECT ${columns.join(', ')} FROM ${externalSchema}.${identifier(table)} WITH NO SCHEMA BINDING`;
  const revision = `/* ${createHash('sha256').update(create).digest('hex').slice(0, 12)} */`;
  return {
    drop: `${revision} DROP VIEW IF EXISTS ${view}`,
    create: `${revision} ${create}`,
    grant: `${revision} GRANT SELECT ON ${view} TO PUBLIC`,
  };
}

function castText(column: string, type: ColumnType): string {
  const name = identifier(column);
  const value = `nullif(${name}, '')`;
  if (type.kind === 'string') return type.time ? castTime(name, value) : `${value} AS ${name}`;
  // CAST does not turn text into a boolean ("Database Developer Guide: CAST function").
  if (type.kind === 'boolean') return `(${value} = 'true') AS ${name}`;
  // "Database Developer Guide: TO_VARBYTE function".
  if (type.kind === 'binary') return `to_varbyte(${value}, 'base64') AS ${name}`;
  return `CAST(${value} AS ${redshiftScalar(glueType(type))}) AS ${name}`;
}

/** Spectrum has no times of the day, and Redshift has ("Database Developer Guide: Datetime types"). */
const castTime = (name: string, value = name) => `CAST(${value} AS time) AS ${name}`;

/** Quoted, since a dataset's column may have a keyword of SQL as its name. */
const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** Redshift reads a backslash in a text as an escape. */
const literal = (value: string) =>
  `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll(noEscape, '\\001')}'`;
