import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordColumn, sourceColumn, versionColumn } from '../../domain/columns.ts';
import { type ObjectVersion, parseFileKey, versionPath } from '../../domain/versions/key-layout.ts';
import { parsePartitionPath } from '../../domain/versions/partition-path.ts';
import { parseMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { CompactedRows } from '../../lake/compaction/compacted-rows.ts';
import { glueCatalog } from '../../lake/glue-catalog.ts';
import { parseS3Uri, TableFiles } from '../../lake/table-files.ts';
import { isNotFound, s3ObjectStore } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';
import { loadDuckDb, rowsOf } from './lake.ts';
import { download } from './lake-files.ts';

/** A row of the lake, and the key of its file. */
interface StoredRow {
  readonly key: string;
  readonly row: Readonly<Record<string, unknown>>;
}

/**
 * Finds the row of a record of a version: in its own files or, if they are gone, in those that they were
 * compacted to. It fetches one file after the other until it finds the row.
 *
 * @param keys of the version's files, in the order of the parts
 */
export async function rowOfRecord(
  target: Target,
  version: ObjectVersion,
  keys: readonly string[],
  recordNumber: number,
): Promise<StoredRow | undefined> {
  if (keys.length === 0) return undefined;
  const isOfRecord = `try_cast("${recordColumn.name}" as bigint) = $1`;
  const own = await firstRow(target, keys, isOfRecord, [recordNumber]);
  // CSV is never compacted.
  if (own !== undefined || !keys.some((key) => key.endsWith('.parquet'))) return own;
  const isOfVersion = `"${sourceColumn.name}" = $2 and "${versionColumn.name}" = $3`;
  const values = [recordNumber, version.key, version.versionId];
  return firstRow(target, await compactedFiles(target, version), `${isOfRecord} and ${isOfVersion}`, values);
}

/** The keys of the compacted files with rows of a version. */
async function compactedFiles(
  { glue, s3, outputs }: Target,
  version: ObjectVersion,
): Promise<readonly string[]> {
  const { dataset: name, key } = version;
  const pointer = await glueCatalog(outputs.catalog.database, glue).find(name);
  if (pointer === undefined) return [];
  const files = new TableFiles({ name, bucket: outputs.buckets.processed, store: s3ObjectStore(s3) });
  const compacted = new CompactedRows(files, parseMetadata(await files.file(pointer.metadata)));
  const found = await compacted.ofVersion(key, versionPath(version));
  return found.map(({ file }) => parseS3Uri(file.filePath).key);
}

async function firstRow(
  target: Target,
  keys: readonly string[],
  condition: string,
  parameters: (string | number)[],
): Promise<StoredRow | undefined> {
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
        `select * from ${rows} where ${condition} limit 1`,
        parameters,
      );
      const [values] = rowsOf(reader, duckdb);
      await rm(path, { force: true });
      if (values === undefined) continue;
      const types = reader.columnTypes().map(String);
      const row = Object.fromEntries(
        reader.columnNames().map((name, i) => [name, withoutZone(values[i], types[i])]),
      );
      // A file of an Iceberg table has all columns.
      const isWhole = sourceColumn.name in row;
      const partition = isWhole ? [] : parsePartitionPath(parseFileKey(key)?.partitionPath ?? '');
      const record = { [recordColumn.name]: Number(row[recordColumn.name]) };
      return { key, row: { ...Object.fromEntries(partition), ...row, ...record } };
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
