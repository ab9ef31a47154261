import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordColumn } from '../../domain/columns.ts';
import { parseFileKey } from '../../domain/versions/key-layout.ts';
import { parsePartitionPath } from '../../domain/versions/partition-path.ts';
import { isNotFound } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';
import { loadDuckDb, rowsOf } from './lake.ts';
import { download } from './lake-files.ts';

/**
 * Finds the row of a record in a version's files of the lake. It fetches one file after the other until it
 * finds the row.
 *
 * @param keys of the files, in the order of the parts
 */
export async function rowOfRecord(
  target: Target,
  keys: readonly string[],
  recordNumber: number,
): Promise<{ readonly key: string; readonly row: Readonly<Record<string, unknown>> } | undefined> {
  if (keys.length === 0) return undefined;
  const duckdb = await loadDuckDb();
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  const directory = await mkdtemp(join(tmpdir(), 'sluice-record-'));
  try {
    await connection.run("set TimeZone = 'UTC'");
    for (const [i, key] of keys.entries()) {
      const path = join(directory, `${i}`);
      if (!(await fetched(target, key, path))) continue;
      const rows = key.endsWith('.csv')
        ? `read_csv('${path}', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')`
        : `read_parquet('${path}', hive_partitioning = false)`;
      const reader = await connection.runAndReadAll(
        `select * from ${rows} where try_cast("${recordColumn.name}" as bigint) = ${recordNumber} limit 1`,
      );
      const [values] = rowsOf(reader, duckdb);
      await rm(path, { force: true });
      if (values === undefined) continue;
      const types = reader.columnTypes().map(String);
      const row = Object.fromEntries(
        reader.columnNames().map((name, i) => [name, withoutZone(values[i], types[i])]),
      );
      const partition = parsePartitionPath(parseFileKey(key)?.partitionPath ?? '');
      return { key, row: { ...Object.fromEntries(partition), ...row, [recordColumn.name]: recordNumber } };
    }
    return undefined;
  } finally {
    connection.closeSync();
    await rm(directory, { recursive: true, force: true });
  }
}

/** A timestamp as the table has it: all are in UTC. */
function withoutZone(value: unknown, type: string | undefined): unknown {
  return type === 'TIMESTAMP WITH TIME ZONE' && typeof value === 'string'
    ? value.replace(/\+00$/, '')
    : value;
}

/** Downloads a file of the lake. Returns false when it is missing. */
async function fetched(target: Target, key: string, path: string): Promise<boolean> {
  try {
    await download(target, target.outputs.buckets.processed, key, path);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
