import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  DuckDBBlobValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBResultReader,
  DuckDBValueConverter,
  Json,
} from '@duckdb/node-api';
import { registry } from '../../datasets/index.ts';
import { base64Of } from '../../domain/base64.ts';
import { VERIFICATION } from '../../domain/dataset.ts';
import { errorText } from '../../domain/errors.ts';
import { ledgerTables } from '../../domain/tables/ledger-tables.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import { type CatalogTable, ICEBERG, readCatalog } from './catalog.ts';
import { copyFiles, type LakeFile, registeredFiles } from './lake-files.ts';
import { createSchemas, createViews } from './lake-views.ts';
import { ledgerCatalogTable, writeLedgerFiles } from './ledger-files.ts';
import type { QueryResult } from './query-result.ts';
import { checkSingleQuery, shutIn } from './single-query.ts';
import { type At, snapshotTable, tableFiles } from './tables/snapshots.ts';
import type { Unseen } from './tables/unseen.ts';
import { queryWarehouse } from './warehouse.ts';

export interface QueryOptions {
  /** How many rows to return at most. */
  readonly rows?: number;
  /** Reads this snapshot of each table that the query names, in place of the current one. */
  readonly at?: At;
  /** Interrupts a query on this machine. */
  readonly signal?: AbortSignal;
}

/**
 * Runs one statement that only reads over the lake: with the stack's Redshift if it has one, else with DuckDB
 * on this machine, as every query of an older snapshot.
 *
 * @throws {UserError} that says why the statement can't be run
 */
export async function queryLake(
  target: Target,
  sql: string,
  progress: (text: string) => void,
  options: QueryOptions = {},
): Promise<QueryResult> {
  const { warehouse } = target.outputs;
  const result =
    target.control === undefined && warehouse !== undefined && options.at === undefined
      ? await queryWarehouse(target.redshift, warehouse, sql, progress)
      : await queryHere(target, sql, progress, options);
  const { rows = Number.POSITIVE_INFINITY } = options;
  return result.rows.length > rows ? { ...result, rows: result.rows.slice(0, rows), cut: true } : result;
}

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)/;

/**
 * DuckDB returns integers of 64 bits or more as text. Those that a JSON number holds exactly become numbers.
 */
function plain(value: unknown, type: string): unknown {
  const isInteger = typeof value === 'string' && /^U?(BIG|HUGE)INT$/.test(type);
  return isInteger && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** What a query answers, as JSON has it: bytes in base64, and maps as objects. */
export function rowsOf(
  reader: DuckDBResultReader,
  { JsonDuckDBValueConverter: others }: DuckDb,
): unknown[][] {
  const types = reader.columnTypes().map(String);
  const converter: DuckDBValueConverter<Json> = (value, type, inner) => {
    const { bytes, entries } = (value ?? {}) as Partial<DuckDBBlobValue & DuckDBMapValue>;
    if (bytes !== undefined && String(type) === 'BLOB') return base64Of(bytes);
    if (entries === undefined || !('valueType' in type)) return others(value, type, inner);
    const { valueType } = type as DuckDBMapType;
    return Object.fromEntries(entries.map((each) => [String(each.key), inner(each.value, valueType, inner)]));
  };
  return reader.convertRows(converter).map((row) => row.map((value, i) => plain(value, types[i] ?? '')));
}

/**
 * Each table of the lake is a view over copies of the files of one snapshot, or of its registered partitions,
 * if the query names it. A table about the pipeline's own work is made of what the ledger says now.
 */
async function queryHere(
  target: Target,
  sql: string,
  progress: (text: string) => void,
  { rows: most, signal, at }: QueryOptions,
): Promise<QueryResult> {
  const duckdb = await loadDuckDb();
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  const originals: (LakeFile & { readonly table: string })[] = [];
  const unreadable = new Map<string, unknown>();
  const problems: string[] = [];
  const unseen: Unseen[] = [];
  const tables: string[] = Object.values(ledgerTables).map(({ name }) => name);
  let interrupting: NodeJS.Timeout | undefined;
  // DuckDB forgets an interruption that comes just before a statement runs.
  const interrupt = () => {
    connection.interrupt();
    interrupting = setInterval(() => connection.interrupt(), 100);
  };
  const directory = await mkdtemp(join(tmpdir(), 'sluice-ledger-'));
  try {
    await checkSingleQuery(connection, sql);
    await createSchemas(connection);
    const catalog = await readCatalog(target, sql.toLowerCase().includes(VERIFICATION));
    tables.unshift(...catalog.map(({ name }) => name));
    const named = tables.filter((name) => namesTable(sql, name));
    if (at !== undefined) checkSnapshots(named, catalog);
    for (const table of catalog) {
      const of = named.includes(table.name)
        ? await filesOf(target, table, at)
        : { table, files: [], unseen: 0 };
      const files = of.files.length === 0 ? [] : await copyFiles(target, table, of.files, progress);
      originals.push(...files.map((file) => ({ ...file, table: table.name })));
      if (of.unseen > 0) unseen.push({ table: table.name, files: of.unseen });
      try {
        await createViews(connection, of.table, registry.named(table.name), files);
      } catch (error) {
        // A table that can't be read does not matter to a query that names it in a text or a comment.
        unreadable.set(table.name, error);
      }
    }
    for (const table of Object.values(ledgerTables)) {
      if (!namesTable(sql, table.name)) continue;
      const { files, unread } = await writeLedgerFiles(target, table, directory, progress);
      problems.push(...unread);
      await createViews(connection, ledgerCatalogTable(target, table), undefined, files);
    }
    // DuckDB puts there what does not fit into memory.
    await connection.run(`set temp_directory = '${directory}/spilled'`);
    await shutIn(connection, [join(target.directory, 'lake'), directory]);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', interrupt);
    const reader =
      most === undefined
        ? await connection.runAndReadAll(sql)
        : await connection.streamAndReadUntil(sql, most + 1);
    const types = reader.columnTypes().map(String);
    const columns = reader
      .deduplicatedColumnNames()
      .map((name, i) => ({ name, numeric: NUMERIC.test(types[i] ?? '') }));
    const rows = rowsOf(reader, duckdb);
    return { columns, rows, problems, unseen };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof UserError || !(error instanceof Error) || '$metadata' in error) throw error;
    const broken = originals.find(({ path }) => error.message.includes(path));
    const [table, why] = [...unreadable].find(([name]) => namesTable(error.message, name)) ?? [
      broken?.table,
      error,
    ];
    const [, missing] = /^Catalog Error: Table with name (.+?) does not exist!/.exec(error.message) ?? [];
    if (table === undefined && missing !== undefined)
      throw new UserError(`There is no table ${missing}. The tables are ${tables.join(', ')}.`);
    throw new UserError(
      table === undefined
        ? `The query failed: ${nameOriginals(error, originals)}`
        : `The files of ${table} can't be read: ${nameOriginals(why, originals)}\nTo list these files: npx sluice catalog --check`,
    );
  } finally {
    signal?.removeEventListener('abort', interrupt);
    clearInterval(interrupting);
    connection.closeSync();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The files of a table that a query reads, and the table with the columns that it has in them. */
async function filesOf(target: Target, table: CatalogTable, at: At | undefined) {
  if (table.format !== ICEBERG) return { table, ...(await registeredFiles(target, table)) };
  const shown = await snapshotTable(target, table, at);
  return { table: shown.table, files: tableFiles(shown), unseen: 0 };
}

/** @throws {UserError} if a query of an older snapshot names a table without snapshots, or none with them */
function checkSnapshots(named: readonly string[], catalog: readonly CatalogTable[]): void {
  const withSnapshots = catalog.filter(({ format }) => format === ICEBERG).map(({ name }) => name);
  const [without] = named.filter((name) => !withSnapshots.includes(name));
  if (without !== undefined)
    throw new UserError(
      `${without} has no snapshots, only what it shows now: leave out --at, or ${without}. Tables with snapshots are ${withSnapshots.join(', ')}.`,
    );
  if (named.length === 0)
    throw new UserError(
      `The query names no table of which --at could choose a snapshot. These are ${withSnapshots.join(', ')}.`,
    );
}

const namesTable = (text: string, name: string) => new RegExp(`\\b${name}\\b`, 'i').test(text);

/**
 * DuckDB's message with the names of the originals instead of their copies, and without the view's statement.
 */
function nameOriginals(error: unknown, files: readonly LakeFile[]): string {
  const [message = ''] = errorText(error).split(/\n\nLINE \d+:/);
  return files.reduce((text, { path, origin }) => text.replaceAll(path, origin), message);
}

const wholeText = new TextDecoder('utf-8', { ignoreBOM: true });

type DuckDb = typeof import('@duckdb/node-api');

export async function loadDuckDb(): Promise<DuckDb> {
  try {
    const duckdb = await import('@duckdb/node-api');
    const { textDecoder } = await import('@duckdb/node-api/lib/vectors/dataAccessors.js');
    // DuckDB's own decoder drops a byte-order mark at the start of a text, and has no setting for it.
    textDecoder.decode = (bytes?: Uint8Array) => wholeText.decode(bytes);
    return duckdb;
  } catch (error) {
    throw new UserError(
      `DuckDB, which runs queries on this machine, can't be loaded: ${errorText(error)}. To install it: npm ci`,
    );
  }
}
