import { createHash } from 'node:crypto';
import {
  columnSql,
  createTableSql,
  createViewSql,
  indexSql,
  type MysqlColumn,
  type MysqlIndex,
  type MysqlRename,
  type MysqlTable,
  mysqlName,
  varcharLength,
} from './mysql.ts';

/** A numbered change of the database's tables. Once it was applied to a database, it must not change. */
export interface Migration {
  /** From 1, without gaps. */
  readonly number: number;
  /** Its purpose, in a few words. */
  readonly name: string;
  /** Statements, each as its lines. */
  readonly statements: readonly (readonly string[])[];
}

/** The statements that change the tables, and the tables after them. */
export interface MigrationPlan {
  readonly name: string;
  readonly statements: readonly (readonly string[])[];
  /** The tables after it, which the next migration starts from. */
  readonly tables: readonly MysqlTable[];
}

/** Thrown if the tables could not become what the datasets declare without losing data. */
export class LosesData extends Error {
  override readonly name = 'LosesData';
  /** A sentence each. */
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super(
      [
        'The tables in MySQL can’t be changed to what the datasets declare without losing data:',
        ...reasons.map((reason) => `  ${reason}`),
        'Leave the row schema as it was and add a column with another name, or write the migration yourself: docs/mysql.md.',
      ].join('\n'),
    );
    this.reasons = reasons;
  }
}

/**
 * First 16 hexadecimal digits of the SHA-256 of the statements, to recognise a migration that has changed.
 */
export function migrationChecksum({ statements }: Migration): string {
  return createHash('sha256').update(JSON.stringify(statements)).digest('hex').slice(0, 16);
}

/**
 * Plans the change from the tables after the last migration to those that the datasets declare.
 *
 * A new column allows NULL, whatever is declared: existing rows have no value for it until their objects are
 * replayed. A column that is declared NOT NULL but allows NULL is left as it is, since a change would gain
 * nothing.
 *
 * @param renames of tables and columns, which are done first; those that the tables have already are left out
 * @returns `undefined` if there is nothing to do @throws {LosesData} if a column or table would be dropped,
 * or could not hold its present values
 */
export function planMigration(
  present: readonly MysqlTable[],
  declared: readonly MysqlTable[],
  renames: readonly MysqlRename[] = [],
): MigrationPlan | undefined {
  const before = renamed(present, renames);
  const wanted = new Map(declared.map((table) => [table.name, table]));
  const reasons: string[] = [];
  const statements = [...before.statements];
  const changed: string[] = [];
  const created: string[] = [];
  const tables: MysqlTable[] = [];
  for (const table of before.tables) {
    const target = wanted.get(table.name);
    wanted.delete(table.name);
    if (target === undefined) {
      reasons.push(`The table ${table.name} is no longer declared.`);
      continue;
    }
    const change = changeOf(table, target);
    reasons.push(...change.reasons);
    tables.push(change.table);
    if (change.clauses.length === 0) continue;
    statements.push([
      `ALTER TABLE ${mysqlName(table.name)}`,
      ...change.clauses.map((clause, i) => `  ${clause}${i < change.clauses.length - 1 ? ',' : ''}`),
    ]);
    changed.push(table.name);
  }
  for (const table of wanted.values()) {
    statements.push(createTableSql(table).split('\n'));
    created.push(table.name);
    tables.push(table);
  }
  const views = new Map(present.map((table) => [table.name, createViewSql(table)]));
  for (const table of tables) {
    const view = createViewSql(table);
    if (view === undefined || view === views.get(table.name)) continue;
    statements.push(view.split('\n'));
    if (!views.has(table.name) || changed.includes(table.name)) continue;
    changed.push(table.view ?? '');
  }
  if (reasons.length > 0) throw new LosesData(reasons);
  if (statements.length === 0) return undefined;
  const name = [
    ...phrase('rename', before.names),
    ...phrase('change', changed),
    ...phrase('create', created),
  ].join('; ');
  return { name, statements, tables };
}

/** The tables with their new names, and a statement for each name that changes. */
function renamed(present: readonly MysqlTable[], renames: readonly MysqlRename[]) {
  const statements: string[][] = [];
  const names: string[] = [];
  let tables = present;
  for (const { table: name, column, to } of renames) {
    const table = tables.find((each) => each.name === name);
    if (table === undefined) continue;
    const [siblings, former] = column === undefined ? [tables, name] : [table.columns, column];
    const has = (sibling: string) => siblings.some((each) => each.name === sibling);
    if (!has(former) || has(to)) continue;
    const next = column === undefined ? { ...table, name: to } : withColumnRenamed(table, column, to);
    tables = tables.map((each) => (each === table ? next : each));
    const what = column === undefined ? 'TO' : `COLUMN ${mysqlName(column)} TO`;
    statements.push([`ALTER TABLE ${mysqlName(name)} RENAME ${what} ${mysqlName(to)}`]);
    names.push(column === undefined ? name : `${name}.${column}`);
  }
  return { statements, names, tables };
}

/** An index goes with its columns (MySQL reference manual, "ALTER TABLE", `RENAME COLUMN`). */
function withColumnRenamed(table: MysqlTable, from: string, to: string): MysqlTable {
  const rename = <Each extends { readonly name: string }>(each: Each): Each =>
    each.name === from ? { ...each, name: to } : each;
  return {
    ...table,
    columns: table.columns.map(rename),
    primaryKey: table.primaryKey.map((name) => (name === from ? to : name)),
    indexes: table.indexes.map((index) => ({ ...index, columns: index.columns.map(rename) })),
  };
}

/** `create countries and 8 more` */
function phrase(verb: string, [first, ...others]: readonly string[]): string[] {
  if (first === undefined) return [];
  return [`${verb} ${first}${others.length === 0 ? '' : ` and ${others.length} more`}`];
}

interface TableChange {
  /** The clauses of one ALTER TABLE. */
  readonly clauses: readonly string[];
  readonly reasons: readonly string[];
  /** The table after the change. */
  readonly table: MysqlTable;
}

function changeOf(present: MysqlTable, declared: MysqlTable): TableChange {
  const clauses: string[] = [];
  const reasons: string[] = [];
  const wanted = new Map(declared.columns.map((column) => [column.name, column]));
  const columns = present.columns.map((column) => {
    const target = wanted.get(column.name);
    wanted.delete(column.name);
    const place = `${present.name}.${column.name}`;
    if (target === undefined) {
      reasons.push(`The column ${place} is no longer declared.`);
      return column;
    }
    const next = { ...target, nullable: target.nullable || column.nullable };
    if (!holds(next.type, column.type)) {
      reasons.push(
        `The column ${place} is ${column.type}, and ${next.type} could not hold every value unchanged.`,
      );
      return column;
    }
    if (columnSql(next) !== columnSql(column)) clauses.push(`MODIFY COLUMN ${columnSql(next)}`);
    return next;
  });
  for (const added of wanted.values()) {
    const column: MysqlColumn = { ...added, nullable: true };
    clauses.push(`ADD COLUMN ${columnSql(column)}`);
    columns.push(column);
  }
  clauses.push(...indexChanges(present.indexes, declared.indexes));
  if (present.primaryKey.join() !== declared.primaryKey.join())
    reasons.push(`The primary key of ${present.name} would change.`);
  return { clauses, reasons, table: { ...declared, columns, primaryKey: present.primaryKey } };
}

function indexChanges(present: readonly MysqlIndex[], declared: readonly MysqlIndex[]): string[] {
  const before = new Set(present.map(indexSql));
  const after = new Set(declared.map(indexSql));
  return [
    ...present
      .filter((index) => !after.has(indexSql(index)))
      .map(({ name }) => `DROP KEY ${mysqlName(name)}`),
    ...declared.filter((index) => !before.has(indexSql(index))).map((index) => `ADD ${indexSql(index)}`),
  ];
}

/** The other types that hold every value of a type without loss. */
const wider: Readonly<Record<string, readonly string[]>> = {
  INT: ['BIGINT', 'DOUBLE'],
  'INT UNSIGNED': ['BIGINT'],
  DATE: ['DATETIME(6)'],
  'DATETIME(3)': ['DATETIME(6)'],
  'TINYINT(1)': ['INT', 'BIGINT', 'DOUBLE'],
};

/** Of `09:30:00.000000`. */
const TIME_CHARACTERS = 15;

function holds(type: string, former: string): boolean {
  if (type === former || (wider[former]?.includes(type) ?? false)) return true;
  const [before, after] = [decimalDigits(former), decimalDigits(type)];
  if (before !== undefined && after !== undefined)
    return after.whole >= before.whole && after.fraction >= before.fraction;
  if (former === 'TIME(6)') return type === 'MEDIUMTEXT' || (varcharLength(type) ?? 0) >= TIME_CHARACTERS;
  const length = varcharLength(former);
  return length !== undefined && (type === 'MEDIUMTEXT' || (varcharLength(type) ?? 0) >= length);
}

function decimalDigits(type: string): { readonly whole: number; readonly fraction: number } | undefined {
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  return precision === undefined
    ? undefined
    : { whole: Number(precision) - Number(scale), fraction: Number(scale) };
}
