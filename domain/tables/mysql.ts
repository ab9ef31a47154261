import { createHash } from 'node:crypto';
import {
  type Column,
  type ColumnType,
  columnsOf,
  loadedAtColumn,
  recordColumn,
  sourceColumn,
  versionColumn,
} from '../columns.ts';
import { type Dataset, VERIFICATION } from '../dataset.ts';
import { decimalName } from '../decimal.ts';
import { MAX_INDEX_BYTES, textLength } from '../indexes.ts';

/** A column in MySQL or MariaDB. */
export interface MysqlColumn {
  readonly name: string;
  /** `VARCHAR(255)`, without NULL or NOT NULL. */
  readonly type: string;
  readonly nullable: boolean;
}

export interface MysqlIndex {
  readonly name: string;
  /** Column names, with the length of the prefix if only that is in the index. */
  readonly columns: readonly { readonly name: string; readonly prefix?: number }[];
}

export interface MysqlTable {
  readonly name: string;
  readonly columns: readonly MysqlColumn[];
  readonly primaryKey: readonly string[];
  readonly indexes: readonly MysqlIndex[];
  /** The name of the view that shows its rows with their provenance; of a dataset's own table. */
  readonly view?: string;
}

/** A column of the dataset, with its column in the database. */
export interface StoredColumn extends MysqlColumn {
  readonly kind: ColumnType['kind'];
  readonly of: ColumnType;
}

/** The table of a list: a row for each element. */
export interface ListTable {
  /** The list's column in the dataset. */
  readonly column: string;
  readonly table: MysqlTable;
  /** The element itself as `value`, or the fields of a struct. */
  readonly values: readonly StoredColumn[];
  readonly ofStructs: boolean;
}

/** A dataset's tables in MySQL. */
export interface DatasetTables {
  readonly table: MysqlTable;
  /** The columns of the dataset that the table itself has, in order. */
  readonly values: readonly StoredColumn[];
  readonly lists: readonly ListTable[];
}

/** MySQL reference manual, "Identifier Length Limits". */
const MAX_NAME = 64;
/** Bytes of a row, 65,535 with its other columns ("Limits on Table Column Count and Row Size"). */
const MAX_ROW_BYTES = 64_000;
const BYTES_A_CHARACTER = 4;

/**
 * The record and the object that a row comes from. No object has 2^32 records: its line feeds alone would
 * exceed S3's limit.
 */
const identity: readonly MysqlColumn[] = [
  { name: '_object', type: 'BINARY(12)', nullable: false },
  { name: '_record', type: 'INT UNSIGNED', nullable: false },
];

const sequencer = 'VARBINARY(64)';

/** The newest sequencer that was seen of each object. It keeps older versions out. */
export const objectsTable: MysqlTable = {
  name: 'sluice_objects',
  columns: [
    { name: 'dataset', type: `VARCHAR(${MAX_NAME})`, nullable: false },
    { name: '_object', type: 'BINARY(12)', nullable: false },
    { name: 'sequencer', type: sequencer, nullable: false },
  ],
  primaryKey: ['dataset', '_object'],
  indexes: [],
};

/** S3 User Guide, "Object keys" and "Versioning": bytes, of which a character has one at least. */
const MAX_KEY = 1024;
const MAX_REVISION_SUFFIX = '!0000'.length;
/** As many as an index needs to find an object. Characters. */
const SOURCE_PREFIX = 200;

/**
 * The provenance of rows: once for each version of an object, by the sequencer that its rows have. In each
 * row it would cost more than the rest of a short one.
 */
export const versionsTable: MysqlTable = {
  name: 'sluice_versions',
  columns: [
    { name: 'dataset', type: `VARCHAR(${MAX_NAME})`, nullable: false },
    { name: '_object', type: 'BINARY(12)', nullable: false },
    { name: '_sequencer', type: sequencer, nullable: false },
    { name: sourceColumn.name, type: `VARCHAR(${MAX_KEY})`, nullable: false },
    { name: versionColumn.name, type: `VARCHAR(${MAX_KEY + MAX_REVISION_SUFFIX})`, nullable: false },
    { name: loadedAtColumn.name, type: 'DATETIME(6)', nullable: true },
  ],
  primaryKey: ['dataset', '_object', '_sequencer'],
  indexes: [
    {
      name: 'by_source',
      columns: [{ name: 'dataset' }, { name: sourceColumn.name, prefix: SOURCE_PREFIX }],
    },
  ],
};

/**
 * Derives a dataset's tables from the schema of its rows.
 *
 * A list becomes a table of its own, `<dataset>_<column>`, with a row for each element, in order. Anything
 * else that is nested becomes JSON. The dataset's key has an index but is not unique: the same row in two
 * files is two rows, so that every sink has the same count, and deleting one file never removes rows of
 * another.
 *
 * @throws {Error} that names the table or column that is not possible in MySQL
 */
export function mysqlTables(dataset: Dataset): DatasetTables {
  const columns = columnsOf(dataset.row);
  const values = columns.flatMap((column) => storedColumns(dataset, column));
  const lists = columns.flatMap((column) => listTables(dataset, column));
  const table = checked({
    name: dataset.name,
    columns: [
      ...identity,
      { name: '_sequencer', type: sequencer, nullable: false },
      { name: '_hash', type: 'BINARY(16)', nullable: false },
      ...values.map(columnOnly),
    ],
    primaryKey: ['_object', '_record'],
    indexes: [keyIndex(dataset, values), ...(dataset.indexes ?? []).map(furtherIndex)],
    view: shortName(`${dataset.name}_provenance`),
  });
  return { table, values, lists };
}

/** Every table of the datasets, and our own of their objects. @throws {Error} if two have the same name */
export function allMysqlTables(datasets: readonly Dataset[]): MysqlTable[] {
  const own = [objectsTable, versionsTable];
  const tables = [...own];
  for (const dataset of datasets) {
    const { table, lists } = mysqlTables(dataset);
    tables.push(table, ...lists.map((list) => list.table));
  }
  const names = tables.map(({ name }) => name);
  names.push(...tables.flatMap(({ view }) => (view?.startsWith(VERIFICATION) ? [] : (view ?? []))));
  const isReserved = (name: string) => name.startsWith('sluice_') && name !== VERIFICATION;
  const twice = names.find((name, i) => (isReserved(name) ? i >= own.length : names.indexOf(name) < i));
  if (twice !== undefined)
    throw new Error(`There would be two MySQL tables ${twice}: rename the dataset or the list.`);
  return tables;
}

/** A table, or a column of it, that gets another name. */
export interface MysqlRename {
  readonly table: string;
  /** `undefined` if it is the table itself. */
  readonly column?: string;
  readonly to: string;
}

/** What the datasets' renamed columns are named in MySQL: the table of a list goes with its column. */
export function mysqlRenames(datasets: readonly Dataset[]): MysqlRename[] {
  return datasets.flatMap(({ name: table, row, renamed = {} }) =>
    columnsOf(row).flatMap(({ name, type }): MysqlRename[] => {
      const former = renamed[name];
      if (former === undefined) return [];
      if (type.kind !== 'list') return [{ table, column: former, to: name }];
      return [
        { table, column: countColumn(former), to: countColumn(name) },
        { table: listTableName(table, former), to: listTableName(table, name) },
      ];
    }),
  );
}

/** The column in the dataset's own table: none for a list, unless the list may be null. */
function storedColumns(dataset: Dataset, { name, type, nullable }: Column): StoredColumn[] {
  if (type.kind !== 'list')
    return [{ name, kind: type.kind, of: type, type: mysqlType(dataset, name, type), nullable }];
  // A missing list must be distinguishable from an empty one.
  return nullable
    ? [{ name: countColumn(name), kind: 'list', of: type, type: 'INT UNSIGNED', nullable }]
    : [];
}

/** The column that says how many elements a nullable list has. */
function countColumn(name: string): string {
  return `${name}_count`;
}

function listTableName(dataset: string, column: string): string {
  return `${dataset}_${column}`;
}

function listTables(dataset: Dataset, { name, type }: Column): ListTable[] {
  if (type.kind !== 'list') return [];
  const { element } = type;
  const fields: readonly Column[] =
    element.kind === 'struct' ? element.fields : [{ name: 'value', type: element, nullable: type.nullable }];
  const values = fields.map(
    (field): StoredColumn => ({
      name: field.name,
      kind: field.type.kind,
      of: field.type,
      type: scalarType(field.type),
      // If a struct is null, its fields are.
      nullable: field.nullable || type.nullable,
    }),
  );
  const table = checked({
    name: listTableName(dataset.name, name),
    columns: [
      ...identity,
      { name: 'position', type: 'INT UNSIGNED', nullable: false },
      ...values.map(columnOnly),
    ],
    primaryKey: ['_object', '_record', 'position'],
    indexes: [],
  });
  return [{ column: name, table, values, ofStructs: element.kind === 'struct' }];
}

function columnOnly({ name, type, nullable }: StoredColumn): MysqlColumn {
  return { name, type, nullable };
}

function mysqlType(dataset: Dataset, name: string, type: ColumnType): string {
  const length = textLength(dataset, name, type);
  return length === undefined ? scalarType(type) : `VARCHAR(${length})`;
}

function scalarType(type: ColumnType): string {
  switch (type.kind) {
    case 'string':
      if (type.time) return 'TIME(6)';
      // A record may have 1 MiB, more than TEXT can hold.
      return type.length === undefined ? 'MEDIUMTEXT' : `VARCHAR(${type.length})`;
    case 'int32':
      return 'INT';
    case 'int64':
      return 'BIGINT';
    case 'double':
      return 'DOUBLE';
    case 'decimal':
      return decimalName(type).toUpperCase();
    case 'boolean':
      return 'TINYINT(1)';
    case 'date':
      return 'DATE';
    case 'timestamp':
      return 'DATETIME(6)';
    case 'binary':
      return 'MEDIUMBLOB';
    default:
      return 'JSON';
  }
}

function keyIndex({ name, key }: Dataset, values: readonly StoredColumn[]): MysqlIndex {
  const prefix = Math.floor(MAX_INDEX_BYTES / BYTES_A_CHARACTER / Math.max(1, key.length));
  return {
    name: `${name}_key`.slice(0, MAX_NAME),
    columns: key.map((column) => {
      const stored = values.find((each) => each.name === column);
      if (stored === undefined || stored.type === 'JSON')
        throw new Error(`Dataset ${name}: the key's column ${column} is nested, which MySQL can't index.`);
      return prefix < (varcharLength(stored.type) ?? 0) ? { name: column, prefix } : { name: column };
    }),
  };
}

/** An index of the dataset's `indexes`, named after its columns. */
function furtherIndex(columns: readonly string[]): MysqlIndex {
  return {
    name: shortName(`by_${columns.join('_')}`, columns.join()),
    columns: columns.map((column) => ({ name: column })),
  };
}

/** The name, or its beginning with a hash of what it names if it is too long. */
function shortName(name: string, whole = name): string {
  if (name.length <= MAX_NAME) return name;
  const digits = createHash('sha256').update(whole).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_NAME - digits.length - 1)}_${digits}`;
}

/** How many characters a column holds at most; `undefined` if it is no VARCHAR. */
export function varcharLength(type: string): number | undefined {
  const [, length] = /^VARCHAR\((\d+)\)$/.exec(type) ?? [];
  return length === undefined ? undefined : Number(length);
}

function checked(table: MysqlTable): MysqlTable {
  if (table.name.length > MAX_NAME)
    throw new Error(`The MySQL table ${table.name} has a name of more than ${MAX_NAME} characters.`);
  const seen = new Set<string>();
  for (const { name } of table.columns) {
    const place = `The MySQL table ${table.name}: the column ${JSON.stringify(name)}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.length > MAX_NAME)
      throw new Error(`${place} must be letters, digits and underscores, at most ${MAX_NAME}.`);
    if (seen.has(name.toLowerCase())) throw new Error(`${place} would be there twice.`);
    seen.add(name.toLowerCase());
  }
  const characters = table.columns.reduce((sum, { type }) => sum + (varcharLength(type) ?? 0), 0);
  if (characters * BYTES_A_CHARACTER > MAX_ROW_BYTES)
    throw new Error(
      `The MySQL table ${table.name}: its texts with a length have up to ${characters} characters together, and a row has room for ${Math.floor(MAX_ROW_BYTES / BYTES_A_CHARACTER)}. Leave out the length of the long ones: text().`,
    );
  return table;
}

/** A name, quoted for SQL. */
export function mysqlName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** `CREATE TABLE`, a line a column. */
export function createTableSql({ name, columns, primaryKey, indexes }: MysqlTable): string {
  const lines = [
    ...columns.map(columnSql),
    `PRIMARY KEY (${primaryKey.map(mysqlName).join(', ')})`,
    ...indexes.map(indexSql),
  ];
  return [
    `CREATE TABLE ${mysqlName(name)} (`,
    lines.map((line) => `  ${line}`).join(',\n'),
    // Compares bytes, regardless of languages, as the lake does. MariaDB has no utf8mb4_0900_bin.
    ') ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  ].join('\n');
}

/**
 * `CREATE VIEW`, of a table's rows with their provenance; `undefined` if it has no view. Whoever reads it
 * needs the right to read the tables, and no more.
 */
export function createViewSql({ name, columns, view }: MysqlTable): string | undefined {
  if (view === undefined) return undefined;
  const versions = [sourceColumn, versionColumn, loadedAtColumn].map(
    (column) => `v.${mysqlName(column.name)}`,
  );
  const known = ['_object', recordColumn.name, '_sequencer', '_hash'];
  const own = columns.filter((column) => !known.includes(column.name));
  return [
    `CREATE OR REPLACE SQL SECURITY INVOKER VIEW ${mysqlName(view)} AS SELECT`,
    [
      ...own.map((column) => `r.${mysqlName(column.name)}`),
      `r.${mysqlName(recordColumn.name)}`,
      ...versions,
      'r.`_object`',
    ]
      .map((column) => `  ${column}`)
      .join(',\n'),
    `FROM ${mysqlName(name)} r LEFT JOIN ${mysqlName(versionsTable.name)} v`,
    `  ON v.dataset = '${name}' AND v.\`_object\` = r.\`_object\` AND v.\`_sequencer\` = r.\`_sequencer\``,
  ].join('\n');
}

export function columnSql({ name, type, nullable }: MysqlColumn): string {
  return `${mysqlName(name)} ${type} ${nullable ? 'NULL' : 'NOT NULL'}`;
}

export function indexSql({ name, columns }: MysqlIndex): string {
  const parts = columns.map(
    (column) => mysqlName(column.name) + (column.prefix === undefined ? '' : `(${column.prefix})`),
  );
  return `KEY ${mysqlName(name)} (${parts.join(', ')})`;
}
