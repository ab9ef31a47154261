import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registry } from '../../datasets/index.ts';
import { errorText } from '../../domain/errors.ts';
import { ledgerTables } from '../../domain/tables/ledger-tables.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import { readCatalog } from './catalog.ts';
import { copyFiles, type LakeFile } from './lake-files.ts';
import { createSchemas, createViews } from './lake-views.ts';
import { ledgerCatalogTable, writeLedgerFiles } from './ledger-files.ts';
import type { QueryResult } from './query-result.ts';
import { queryWarehouse } from './warehouse.ts';

/** Runs SQL over the lake: with the stack's Redshift if it has one, else with DuckDB on this machine. */
export function queryLake(
  target: Target,
  sql: string,
  progress: (text: string) => void,
): Promise<QueryResult> {
  const { warehouse } = target.outputs;
  return target.control === undefined && warehouse !== undefined
    ? queryWarehouse(target.redshift, warehouse, sql, progress)
    : queryHere(target, sql, progress);
}

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)/;

/**
 * DuckDB returns integers of 64 bits or more as text. Those that a JSON number holds exactly become numbers.
 */
function plain(value: unknown, type: string): unknown {
  const isInteger = typeof value === 'string' && /^U?(BIG|HUGE)INT$/.test(type);
  return isInteger && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/**
 * Each table of the lake is a view over copies of the files of its registered partitions. A table about the
 * pipeline's own work is made of what the ledger says now, if the query names it: that may be much to read.
 */
async function queryHere(
  target: Target,
  sql: string,
  progress: (text: string) => void,
): Promise<QueryResult> {
  const { DuckDBInstance } = await loadDuckDb();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const originals: LakeFile[] = [];
  const unreadable = new Map<string, unknown>();
  const problems: string[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'sluice-ledger-'));
  try {
    await createSchemas(connection);
    for (const table of await readCatalog(target)) {
      const files = await copyFiles(target, table, progress);
      originals.push(...files);
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
    const reader = await connection.runAndReadAll(sql);
    const types = reader.columnTypes().map(String);
    const columns = reader
      .deduplicatedColumnNames()
      .map((name, i) => ({ name, numeric: NUMERIC.test(types[i] ?? '') }));
    const rows = reader.getRowsJson().map((row) => row.map((value, i) => plain(value, types[i] ?? '')));
    return { columns, rows, problems };
  } catch (error) {
    if (error instanceof UserError || !(error instanceof Error) || '$metadata' in error) throw error;
    const [table, why] = [...unreadable].find(([name]) => namesTable(error.message, name)) ?? [];
    throw new UserError(
      table === undefined
        ? `The query failed: ${nameOriginals(error, originals)}`
        : `The files of ${table} can't be read: ${nameOriginals(why, originals)}\nTo list these files: npx sluice catalog --check`,
    );
  } finally {
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
