import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { DuckDBConnection } from '@duckdb/node-api';
import pLimit from 'p-limit';
import { type Column, type ColumnType, columnsOf } from '../domain/columns.ts';
import type { Dataset } from '../domain/dataset.ts';
import { datasets } from '../domain/datasets/index.ts';
import { parsePartitionPath, parseProcessedKey } from '../domain/key-layout.ts';
import { listObjects } from './ledger.ts';
import type { Target } from './target.ts';
import { UserError } from './user-error.ts';

const DOWNLOADS_AT_ONCE = 8;
const KEEP_COPIES_MS = 10 * 60_000;

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly numeric: boolean }[];
  /** Values as JSON has them: integers beyond 2^53, decimals and times as text. */
  readonly rows: readonly (readonly unknown[])[];
}

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)/;

/** DuckDB gives every integer of 64 bits or more as text; those that JSON's numbers hold exactly are numbers here. */
function plain(value: unknown, type: string): unknown {
  const isInteger = typeof value === 'string' && /^U?(BIG|HUGE)INT$/.test(type);
  return isInteger && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Answers SQL over the lake, each dataset a view of its name. The lake's files are copied here once each. */
export async function queryLake(
  target: Target,
  sql: string,
  progress: (text: string) => void,
): Promise<QueryResult> {
  const { DuckDBInstance } = await loadDuckDb();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    for (const dataset of datasets)
      await createView(connection, dataset, await copyFiles(target, dataset, progress));
    const reader = await connection.runAndReadAll(sql);
    const types = reader.columnTypes().map(String);
    const columns = reader
      .deduplicatedColumnNames()
      .map((name, i) => ({ name, numeric: NUMERIC.test(types[i] ?? '') }));
    const rows = reader.getRowsJson().map((row) => row.map((value, i) => plain(value, types[i] ?? '')));
    return { columns, rows };
  } catch (error) {
    if (error instanceof UserError || !(error instanceof Error)) throw error;
    throw new UserError(`The query failed: ${error.message}`);
  } finally {
    connection.closeSync();
  }
}

async function loadDuckDb(): Promise<typeof import('@duckdb/node-api')> {
  try {
    return await import('@duckdb/node-api');
  } catch (error) {
    throw new UserError(
      `DuckDB, which answers queries here, does not load: ${(error as Error).message}. Run: npm ci`,
    );
  }
}

interface LakeFile {
  readonly path: string;
  readonly partitionPath: string;
}

/** Brings the copies of a dataset's files up to date: what is new is fetched, what is gone from the lake goes here too. */
async function copyFiles(
  target: Target,
  { name }: Dataset,
  progress: (text: string) => void,
): Promise<LakeFile[]> {
  const directory = join(target.directory, 'lake', name);
  await mkdir(directory, { recursive: true });
  const present = new Set(await readdir(directory));
  const limit = pLimit(DOWNLOADS_AT_ONCE);
  const bucket = target.outputs.buckets.processed;
  const files: LakeFile[] = [];
  const missing: { readonly key: string; readonly path: string }[] = [];
  for await (const { Key, ETag = '' } of listObjects(target, bucket, `${name}/`)) {
    const address = parseProcessedKey(Key);
    if (address === undefined) continue;
    const copy = copyName(Key, ETag);
    const path = join(directory, copy);
    files.push({ path, partitionPath: address.partitionPath });
    if (!present.delete(copy)) missing.push({ key: Key, path });
  }
  let done = 0;
  await Promise.all(
    missing.map(({ key, path }) =>
      limit(async () => {
        await download(target, bucket, key, path);
        done += 1;
        progress(`Fetching ${name}: ${done} of ${missing.length} files`);
      }),
    ),
  );
  for (const copy of present) await removeOld(join(directory, copy));
  return files;
}

/** Copies of what is gone from the lake; not the new ones, which another query may just have made for itself. */
async function removeOld(path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > KEEP_COPIES_MS) await rm(path, { force: true });
}

/** A name for the copy of a file; the ETag is in it, so a file that was overwritten is another copy. */
function copyName(key: string, etag: string): string {
  return `${createHash('sha256').update(`${etag}\n${key}`).digest('hex').slice(0, 32)}.parquet`;
}

async function download(target: Target, bucket: string, key: string, path: string): Promise<void> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const unfinished = `${path}.${process.pid}`;
  await pipeline(Body as Readable, createWriteStream(unfinished));
  await rename(unfinished, path);
}

/** A dataset's view: its stored columns, and its partition columns from the files' keys, as in the catalog. */
async function createView(
  connection: DuckDBConnection,
  dataset: Dataset,
  files: readonly LakeFile[],
): Promise<void> {
  const columns = columnsOf(dataset.row);
  const types = columns.map(
    (column) =>
      `cast(${identifier(column.name)} as ${duckDbType(column.type)}) as ${identifier(column.name)}`,
  );
  await connection.run(
    `create view ${identifier(dataset.name)} as select ${types.join(', ')} from (${source(columns, files)})`,
  );
}

function source(columns: readonly Column[], files: readonly LakeFile[]): string {
  if (files.length === 0) {
    return `select ${columns.map(({ name }) => `null as ${identifier(name)}`).join(', ')} where false`;
  }
  const byPartition = Map.groupBy(files, ({ partitionPath }) => partitionPath);
  const selects = [...byPartition].map(([path, group]) => {
    const values = parsePartitionPath(path).map(
      ([column, value]) => `, ${value === null ? 'null' : literal(value)} as ${identifier(column)}`,
    );
    return `select *${values.join('')} from read_parquet([${group.map((file) => literal(file.path)).join(', ')}], hive_partitioning = false)`;
  });
  return selects.join(' union all by name ');
}

function duckDbType(type: ColumnType): string {
  switch (type.kind) {
    case 'string':
      return 'varchar';
    case 'int32':
      return 'integer';
    case 'int64':
      return 'bigint';
    case 'list':
      return `${duckDbType(type.element)}[]`;
    case 'struct':
      return `struct(${type.fields.map((field) => `${identifier(field.name)} ${duckDbType(field.type)}`).join(', ')})`;
    default:
      return type.kind;
  }
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** DuckDB's parser ends a text at a NUL, so that is put together. */
const literal = (text: string) =>
  text
    .split('\0')
    .map((piece) => `'${piece.replaceAll("'", "''")}'`)
    .join(' || chr(0) || ');
