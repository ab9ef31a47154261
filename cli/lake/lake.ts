import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBResultReader } from '@duckdb/node-api';
import { registry } from '../../datasets/index.ts';
import { VERIFICATION } from '../../domain/dataset.ts';
import { errorText } from '../../domain/errors.ts';
import { ledgerTables } from '../../domain/tables/ledger-tables.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import { readCatalog } from './catalog.ts';
import { copyFiles, type LakeFile } from './lake-files.ts';
import { createSchemas, createViews } from './lake-views.ts';
import { ledgerCatalogTable, writeLedgerFiles } from './ledger-files.ts';
import type { QueryResult } from './query-result.ts';
import { checkSingleQuery, shutIn } from './single-query.ts';
import type { Unseen } from './unseen.ts';
import { queryWarehouse } from './warehouse.ts';

export interface QueryLimits {
  /** How many rows to return at most. */
  readonly rows?: number;
  /** Interrupts a query on this machine. */
  readonly signal?: AbortSignal;
}

/**
 * Runs one statement that only reads over the lake: with the stack's Redshift if it has one, else with DuckDB
 * on this machine.
 *
 * @throws {UserError} that says why the statement can't be run
 */
export async function queryLake(
  target: Target,
  sql: string,
  progress: (text: string) => void,
  limits: QueryLimits = {},
): Promise<QueryResult> {
  const { warehouse } = target.outputs;
  const result =
    target.control === undefined && warehouse !== undefined
      ? await queryWarehouse(target.redshift, warehouse, sql, progress)
      : await queryHere(target, sql, progress, limits);
  const { rows = Number.POSITIVE_INFINITY } = limits;
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

/** What a query answers, as JSON has it. */
export function rowsOf(reader: DuckDBResultReader): unknown[][] {
  const types = reader.columnTypes().map(String);
  return reader.getRowsJson().map((row) => row.map((value, i) => plain(value, types[i] ?? '')));
}

/**
 * Each table of the lake is a view over copies of the files of its registered partitions. A table about the
 * pipeline's own work is made of what the ledger says now, if the query names it: that may be much to read.
 */
async function queryHere(
  target: Target,
  sql: string,
  progress: (text: string) => void,
  { rows: most, signal }: QueryLimits,
): Promise<QueryResult> {
  const { DuckDBInstance } = await loadDuckDb();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const originals: LakeFile[] = [];
  const unreadable = new Map<string, unknown>();
  const problems: string[] = [];
  const unseen: Unseen[] = [];
  const tables: string[] = Object.values(ledgerTables).map(({ name }) => name);
  const interrupt = () => connection.interrupt();
  const directory = await mkdtemp(join(tmpdir(), 'sluice-ledger-'));
  try {
    await checkSingleQuery(connection, sql);
    await createSchemas(connection);
    for (const table of await readCatalog(target, namesTable(sql, VERIFICATION))) {
      const { files, unseen: others } = await copyFiles(target, table, progress);
      originals.push(...files);
      tables.unshift(table.name);
      if (others > 0 && namesTable(sql, table.name)) unseen.push({ table: table.name, files: others });
      try {
        await createViews(connection, table, registry.named(table.name), files);
      } catch (error) {
        // A table that can't be read does not matter to a query of others.
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
    const rows = rowsOf(reader);
    return { columns, rows, problems, unseen };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof UserError || !(error instanceof Error) || '$metadata' in error) throw error;
    const [table, why] = [...unreadable].find(([name]) => namesTable(error.message, name)) ?? [];
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
    connection.closeSync();
    await rm(directory, { recursive: true, force: true });
  }
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

export async function loadDuckDb(): Promise<typeof import('@duckdb/node-api')> {
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
