import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { listObjects } from '../../store/listing.ts';
import type { Target } from '../target/target.ts';
import type { CatalogPartition, CatalogTable } from './catalog.ts';

const DOWNLOADS_AT_ONCE = 8;
const KEEP_COPIES_MS = 10 * 60_000;

/** A file of the lake, copied to this machine. */
export interface LakeFile {
  readonly path: string;
  /** Where the original lies: `s3://bucket/key` */
  readonly origin: string;
  readonly partition: CatalogPartition;
}

/**
 * Brings the copies of a table's files up to date, and returns those that the catalog knows of: of a table with partitions,
 * those that lie in a registered one. What is gone from the lake goes here too.
 */
export async function copyFiles(
  target: Target,
  table: CatalogTable,
  progress: (text: string) => void,
): Promise<LakeFile[]> {
  const directory = join(target.directory, 'lake', table.name);
  for (const each of [join(target.directory, 'lake'), directory]) {
    await mkdir(each, { recursive: true, mode: 0o700 });
    // It may be there, from a time when others could read it.
    await chmod(each, 0o700);
  }
  const present = new Set(await readdir(directory));
  const partitions = new Map(table.partitions.map((partition) => [partition.prefix, partition]));
  if (table.partitionKeys.length === 0) partitions.set(table.prefix, { values: [], prefix: table.prefix });
  const limit = pLimit(DOWNLOADS_AT_ONCE);
  const files: LakeFile[] = [];
  const missing: { readonly key: string; readonly path: string }[] = [];
  for await (const { Key, ETag = '' } of listObjects(target, table.bucket, table.prefix)) {
    const partition = partitions.get(Key.slice(0, Key.lastIndexOf('/') + 1));
    if (partition === undefined || isHidden(Key)) continue;
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
  return files;
}

/** What Spectrum skips ("Database Developer Guide: Data files for queries in Amazon Redshift Spectrum"). */
function isHidden(key: string): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return /^[._#]/.test(name) || name.endsWith('~') || name === '';
}

/** Copies of what is gone from the lake; not the new ones, which another query may just have made for itself. */
async function removeOld(path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > KEEP_COPIES_MS) await rm(path, { force: true });
}

/** A name for the copy of a file; the ETag is in it, so a file that was overwritten is another copy. */
function copyName(key: string, etag: string, format: string): string {
  return `${createHash('sha256').update(`${etag}\n${key}`).digest('hex').slice(0, 32)}.${format}`;
}

/** Also of one that was begun only. Other files are not ours to remove. */
const isCopy = (name: string) => /^[0-9a-f]{32}\.\w+(\.\d+)?$/.test(name);

export async function download(target: Target, bucket: string, key: string, path: string): Promise<void> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const unfinished = `${path}.${process.pid}`;
  await pipeline(Body as Readable, createWriteStream(unfinished, { mode: 0o600 }));
  await rename(unfinished, path);
}
