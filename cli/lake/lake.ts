import { registry } from '../../datasets/index.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import { readCatalog } from './catalog.ts';
import { copyFiles, type LakeFile } from './lake-files.ts';
import { createSchemas, createViews } from './lake-views.ts';
import { queryWarehouse } from './warehouse.ts';

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly numeric: boolean }[];
  /** Values as JSON has them: integers beyond 2^53, decimals and times as text. */
  readonly rows: readonly (readonly unknown[])[];
}

/** Answers SQL over the lake: on AWS by the stack's Redshift where it has one, else by DuckDB on this machine. */
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

/** DuckDB gives every integer of 64 bits or more as text; those that JSON's numbers hold exactly are numbers here. */
function plain(value: unknown, type: string): unknown {
  const isInteger = typeof value === 'string' && /^U?(BIG|HUGE)INT$/.test(type);
  return isInteger && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Each table of the catalog is a view, over the files of the partitions that are registered. They are copied here once each. */
async function queryHere(
  target: Target,
  sql: string,
  progress: (text: string) => void,
): Promise<QueryResult> {
  const { DuckDBInstance } = await loadDuckDb();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const originals: LakeFile[] = [];
  const unreadable = new Map<string, unknown>();
  try {
    await createSchemas(connection);
    for (const table of await readCatalog(target)) {
      const files = await copyFiles(target, table, progress);
      originals.push(...files);
      try {
        await createViews(connection, table, registry.named(table.name), files);
      } catch (error) {
        // It is no reason not to read the others.
        unreadable.set(table.name, error);
      }
    }
    const reader = await connection.runAndReadAll(sql);
    const types = reader.columnTypes().map(String);
    const columns = reader
      .deduplicatedColumnNames()
      .map((name, i) => ({ name, numeric: NUMERIC.test(types[i] ?? '') }));
    const rows = reader.getRowsJson().map((row) => row.map((value, i) => plain(value, types[i] ?? '')));
    return { columns, rows };
  } catch (error) {
    if (error instanceof UserError || !(error instanceof Error) || '$metadata' in error) throw error;
    const [table, why] = [...unreadable].find(([name]) => namesTable(error.message, name)) ?? [];
    throw new UserError(
      table === undefined
        ? `The query failed: ${nameOriginals(error, originals)}`
        : `The files of ${table} can't be read: ${nameOriginals(why, originals)}\nWhich they are: npx sluice catalog --check`,
    );
  } finally {
    connection.closeSync();
  }
}

const namesTable = (message: string, name: string) => new RegExp(`\\b${name}\\b`).test(message);

/** What DuckDB says, with the files of the lake in place of their copies; without the statement, which is ours. */
function nameOriginals(error: unknown, files: readonly LakeFile[]): string {
  const [message = ''] = (error as Error).message.split(/\n\nLINE \d+:/);
  return files.reduce((text, { path, origin }) => text.replaceAll(path, origin), message);
}

const wholeText = new TextDecoder('utf-8', { ignoreBOM: true });

export async function loadDuckDb(): Promise<typeof import('@duckdb/node-api')> {
  try {
    const duckdb = await import('@duckdb/node-api');
    const { textDecoder } = await import('@duckdb/node-api/lib/vectors/dataAccessors.js');
    // Its own drops the byte-order mark that a text begins with, and there is no setting for it.
    textDecoder.decode = (bytes?: Uint8Array) => wholeText.decode(bytes);
    return duckdb;
  } catch (error) {
    throw new UserError(
      `DuckDB, which answers queries here, does not load: ${(error as Error).message}. Run: npm ci`,
    );
  }
}
