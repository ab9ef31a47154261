import { GetObjectCommand, InvalidObjectState } from '@aws-sdk/client-s3';
import { parquetSchema } from 'hyparquet';
import { errorText } from '../../../domain/errors.ts';
import { driftOf, parquetFooter, type ReadRange } from '../../../domain/tables/drift.ts';
import type { Schema } from '../../../domain/tables/schema/types.ts';
import { partitionValues } from '../../../domain/versions/partition-path.ts';
import type { LiveFile } from '../../../formats/iceberg/manifest/data-file.ts';
import { currentSchema } from '../../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { fileDrift } from '../../../formats/iceberg/schema/file-drift.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';
import { listObjects } from '../../../store/listing.ts';
import { isNotFound } from '../../../store/object-store.ts';
import { concurrently } from '../../concurrently.ts';
import type { Target } from '../../target/target.ts';
import { type CatalogTable, ICEBERG, readCatalog } from '../catalog.ts';
import { openTable } from './snapshots.ts';

const FILES_AT_ONCE = 32;

/** A file of the lake or the archive, and how it differs from its table. */
export interface ComparedFile {
  /** `undefined` when no table has its files there. */
  readonly table: string | undefined;
  readonly bucket: string;
  readonly file: string;
  /** `unread` of a file in an archive class of S3 that was not restored. */
  readonly differences: readonly string[] | 'unread';
}

/**
 * Compares every file that the tables show with its table: those of the current snapshots of Iceberg tables,
 * and those in the folders of the other tables and of the archive. It reads the footer or the header of each
 * file. What a version has prepared and older snapshots show is nobody's fault.
 */
export async function* compareFiles(target: Target): AsyncGenerator<ComparedFile> {
  const tables = await readCatalog(target, true);
  for (const table of tables) if (table.format === ICEBERG) yield* compareSnapshot(target, table);
  const { processed, archive } = target.outputs.buckets;
  for (const bucket of [processed, archive]) yield* compareFolders(target, bucket, tables);
}

async function* compareSnapshot(target: Target, table: CatalogTable): AsyncGenerator<ComparedFile> {
  const open = await openTable(target, table);
  if (open === undefined) return;
  const schema = currentSchema(open.metadata);
  yield* concurrently(await liveFiles(open.metadata, open.read), FILES_AT_ONCE, async (file) => {
    const { bucket, key } = parseS3Uri(file.filePath);
    const read = rangeReader(target, bucket, key, file.fileSizeInBytes);
    return { table: table.name, bucket, file: key, differences: await driftFromSchema(schema, file, read) };
  });
}

async function driftFromSchema(schema: Schema, file: LiveFile, read: ReadRange): Promise<string[]> {
  try {
    const footer = await parquetFooter(read, file.fileSizeInBytes);
    if (footer === undefined) return ['it is gone, and the current snapshot shows it'];
    const rows = Number(footer.num_rows);
    return [
      ...fileDrift(schema.fields, parquetSchema(footer).children),
      ...(rows === file.recordCount ? [] : [`it has ${rows} rows, and ${file.recordCount} in the manifest`]),
    ];
  } catch (error) {
    if (error instanceof Error && '$metadata' in error) throw error;
    return [`it can't be read as parquet: ${errorText(error)}`];
  }
}

/** Compares what is in a bucket outside of the Iceberg tables. */
async function* compareFolders(
  target: Target,
  bucket: string,
  tables: readonly CatalogTable[],
): AsyncGenerator<ComparedFile> {
  const here = tables.filter((table) => table.bucket === bucket);
  const others = here.filter(({ format }) => format !== ICEBERG);
  const isArchive = bucket === target.outputs.buckets.archive;
  // What the versions of every dataset prepare, and the metadata of Iceberg tables.
  const ofVersions = isArchive ? [] : here.flatMap(({ name }) => [`${name}/data/`, `${name}/metadata/`]);
  const listed = listObjects(target, bucket);
  yield* concurrently(
    filtered(listed, ({ Key }) => !ofVersions.some((prefix) => Key.startsWith(prefix))),
    FILES_AT_ONCE,
    async ({ Key, Size = 0 }) => {
      const table = others.find(({ prefix }) => Key.startsWith(prefix));
      if (table === undefined) return { table, bucket, file: Key, differences: ['it belongs to no table'] };
      const folder = Key.slice(table.prefix.length, Key.lastIndexOf('/') + 1);
      const differences =
        partitionValues(table.partitionKeys, folder) === undefined
          ? ['it is in no partition']
          : await driftUnlessArchived(table, Size, rangeReader(target, bucket, Key, Size));
      return { table: table.name, bucket, file: Key, differences };
    },
  );
}

async function driftUnlessArchived(
  table: CatalogTable,
  size: number,
  read: ReadRange,
): Promise<string[] | 'unread'> {
  try {
    return await driftOf(table, size, read);
  } catch (error) {
    if (error instanceof InvalidObjectState) return 'unread';
    throw error;
  }
}

async function* filtered<Each>(all: AsyncIterable<Each>, isWanted: (each: Each) => boolean) {
  for await (const each of all) if (isWanted(each)) yield each;
}

function rangeReader({ s3 }: Target, Bucket: string, Key: string, size: number): ReadRange {
  return async (start, end) => {
    if (start >= Math.min(end, size)) return new Uint8Array();
    try {
      const Range = `bytes=${start}-${Math.min(end, size) - 1}`;
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, Range }));
      return await Body?.transformToByteArray();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
}
