import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { partitionValues } from '../../domain/versions/key-layout.ts';
import { listObjects } from '../../store/listing.ts';
import type { Target } from '../target/target.ts';
import type { CatalogPartition, CatalogTable } from './catalog.ts';

const DOWNLOADS_AT_ONCE = 8;
const KEEP_COPIES_MS = 10 * 60_000;

/** A file of the lake, copied to this machine. */
export interface LakeFile {
  readonly path: string;
  /** The original: `s3://bucket/key` */
  readonly origin: string;
  readonly partition: CatalogPartition;
}

/**
 * Updates the local copies of a table's files, and returns those that the catalog knows: if the table has
 * partitions, the files of registered partitions; of the others, the number. It deletes copies of files that
 * are gone from the lake.
 */
export async function copyFiles(
  target: Target,
  table: CatalogTable,
  progress: (text: string) => void,
): Promise<{ readonly files: readonly LakeFile[]; readonly unseen: number }> {
  const directory = join(target.directory, 'lake', table.name);
  for (const each of [join(target.directory, 'lake'), directory]) {
    await mkdir(each, { recursive: true, mode: 0o700 });
    // It may exist already, readable for others.
    await chmod(each, 0o700);
  }
  const present = new Set(await readdir(directory));
  const partitions = new Map(table.partitions.map((partition) => [partition.prefix, partition]));
  if (table.partitionKeys.length === 0) partitions.set(table.prefix, { values: [], prefix: table.prefix });
  const limit = pLimit(DOWNLOADS_AT_ONCE);
  const files: LakeFile[] = [];
  let unseen = 0;
  const missing: { readonly key: string; readonly path: string }[] = [];
  for await (const { Key, ETag = '' } of listObjects(target, table.bucket, table.prefix)) {
    if (isHidden(Key)) continue;
    const folder = Key.slice(0, Key.lastIndexOf('/') + 1);
    const partition = partitions.get(folder);
    if (partition === undefined) {
      // A file elsewhere is foreign, and no crawl registers it.
      if (partitionValues(table.partitionKeys, folder.slice(table.prefix.length)) !== undefined) unseen += 1;
      continue;
    }
    const copy = copyName(Key, ETag, table.format);
    const path = join(directory, copy);
    files.push({ path, partition, origin: `s3://${table.bucket}/${Key}` });
    if (!present.delete(copy)) missing.push({ key: Key, path });
  }
  let done = 0;
  await Promise.all(
    missing.map(({ key, path }) =>
      limit(async () => {
        await download(target, table.bucket, key, path);
        done += 1;
        progress(`Fetching ${table.name}: ${done} of ${missing.length} files`);
      }),
    ),
  );
  for (const copy of present) if (isCopy(copy)) await removeOld(join(directory, copy));
  return { files, unseen };
}

/** The paths of all copies that queries have made of the files of these tables. */
export async function localCopies({ directory }: Target, tables: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    tables.map(async (table) => {
      const folder = join(directory, 'lake', table);
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      return names.filter(isCopy).map((name) => join(folder, name));
    }),
  );
  return found.flat();
}

/**
 * Whether Spectrum skips the file ("Database Developer Guide: Data files for queries in Amazon Redshift
 * Spectrum").
 */
function isHidden(key: string): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return /^[._#]/.test(name) || name.endsWith('~') || name === '';
}

/**
 * Deletes the copy of a file that is gone from the lake, unless it is new: another query may just have made
 * it.
 */
async function removeOld(path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > KEEP_COPIES_MS) await rm(path, { force: true });
}

/** The name of a file's copy. It depends on the ETag, so an overwritten file gets a new copy. */
function copyName(key: string, etag: string, format: string): string {
  return `${createHash('sha256').update(`${etag}\n${key}`).digest('hex').slice(0, 32)}.${format}`;
}

/** Also true for an unfinished copy. Other files are not ours to delete. */
const isCopy = (name: string) => /^[0-9a-f]{32}\.\w+(\.\d+)?$/.test(name);

export async function download(target: Target, bucket: string, key: string, path: string): Promise<void> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const unfinished = `${path}.${process.pid}`;
  await pipeline(Body as Readable, createWriteStream(unfinished, { mode: 0o600 }));
  await rename(unfinished, path);
}
