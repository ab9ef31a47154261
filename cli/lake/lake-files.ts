import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, InvalidObjectState } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { partitionValues } from '../../domain/versions/partition-path.ts';
import { listObjects } from '../../store/listing.ts';
import { isNotFound } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';
import type { CatalogPartition, CatalogTable } from './catalog.ts';

const DOWNLOADS_AT_ONCE = 32;
const KEEP_COPIES_MS = 10 * 60_000;

/** A file of a table. */
export interface TableFile {
  readonly key: string;
  /** Differs whenever the content does. */
  readonly tag: string;
  readonly partition: CatalogPartition;
}

/** A file of the lake, copied to this machine. */
export interface LakeFile {
  readonly path: string;
  /** The original: `s3://bucket/key` */
  readonly origin: string;
  readonly partition: CatalogPartition;
}

/**
 * The files of a table without snapshots that the catalog knows: if it has partitions, those of registered
 * partitions; of the others, the number.
 */
export async function registeredFiles(
  target: Target,
  table: CatalogTable,
): Promise<{ readonly files: readonly TableFile[]; readonly unseen: number }> {
  const partitions = new Map(table.partitions.map((partition) => [partition.prefix, partition]));
  if (table.partitionKeys.length === 0) partitions.set(table.prefix, { values: [], prefix: table.prefix });
  const files: TableFile[] = [];
  let unseen = 0;
  for await (const { Key: key, ETag: tag = '' } of listObjects(target, table.bucket, table.prefix)) {
    if (isHidden(key)) continue;
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    const partition = partitions.get(folder);
    if (partition !== undefined) files.push({ key, tag, partition });
    // A file elsewhere is foreign, and no crawl registers it.
    else if (partitionValues(table.partitionKeys, folder.slice(table.prefix.length)) !== undefined)
      unseen += 1;
  }
  return { files, unseen };
}

/** Copies files of a table to this machine, unless they are there. It deletes old copies of other files. */
export async function copyFiles(
  target: Target,
  table: CatalogTable,
  files: readonly TableFile[],
  progress: (text: string) => void,
): Promise<LakeFile[]> {
  const directory = join(target.directory, 'lake', table.name);
  for (const each of [join(target.directory, 'lake'), directory]) {
    await mkdir(each, { recursive: true, mode: 0o700 });
    // It may exist already, readable for others.
    await chmod(each, 0o700);
  }
  const present = new Set(await readdir(directory));
  const limit = pLimit(DOWNLOADS_AT_ONCE);
  const copies = files.map(({ key, tag, partition }) => {
    const name = copyName(key, tag);
    const origin = `s3://${table.bucket}/${key}`;
    return { key, isMissing: !present.delete(name), path: join(directory, name), origin, partition };
  });
  const missing = copies.filter(({ isMissing }) => isMissing);
  let done = 0;
  await Promise.all(
    missing.map(({ key, path }) =>
      limit(async () => {
        await download(target, table.bucket, key, path).catch((error: unknown) => {
          if (isNotFound(error)) throw gone(table, key);
          throw error instanceof InvalidObjectState ? notRestored(table, key, error) : error;
        });
        done += 1;
        progress(`Fetching ${table.name}: ${done} of ${missing.length} files`);
      }),
    ),
  );
  for (const copy of present) if (isCopy(copy)) await removeOld(join(directory, copy));
  return copies;
}

function gone({ name, bucket }: CatalogTable, key: string): UserError {
  return new UserError(
    `s3://${bucket}/${key} of ${name} is gone. It may have been replaced meanwhile: run the query again. If that does not help, see which files are missing: npx sluice catalog --check`,
  );
}

function notRestored({ name, bucket }: CatalogTable, key: string, { StorageClass }: InvalidObjectState) {
  return new UserError(
    `s3://${bucket}/${key} of ${name} is in ${StorageClass ?? 'an archive class'} of S3, so no query can read it. To restore it for a week: aws s3api restore-object --bucket ${bucket} --key '${key}' --restore-request Days=7`,
  );
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

/** Deletes a copy that the query does not need, unless it is new: another query may just have made it. */
async function removeOld(path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > KEEP_COPIES_MS) await rm(path, { force: true });
}

/** The name of a file's copy. It depends on the tag, so an overwritten file gets a new copy. */
function copyName(key: string, tag: string): string {
  const extension = /\.(\w+)$/.exec(key)?.[1] ?? 'file';
  return `${createHash('sha256').update(`${tag}\n${key}`).digest('hex').slice(0, 32)}.${extension}`;
}

/** Also true for an unfinished copy. Other files are not ours to delete. */
const isCopy = (name: string) => /^[0-9a-f]{32}\.\w+(\.\d+)?$/.test(name);

export async function download(target: Target, bucket: string, key: string, path: string): Promise<void> {
  const { Body } = await target.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const unfinished = `${path}.${process.pid}`;
  await pipeline(Body as Readable, createWriteStream(unfinished, { mode: 0o600 }));
  await rename(unfinished, path);
}
