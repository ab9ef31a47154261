import { GetObjectCommand } from '@aws-sdk/client-s3';
import { driftOf } from '../../domain/tables/drift.ts';
import { partitionValues } from '../../domain/versions/key-layout.ts';
import { listObjects } from '../../store/listing.ts';
import { isNotFound } from '../../store/object-store.ts';
import { concurrently } from '../concurrently.ts';
import type { Target } from '../target/target.ts';
import { type CatalogTable, readCatalog } from './catalog.ts';

const FILES_AT_ONCE = 32;

/** A file of the lake, and how it differs from its table. */
export interface ComparedFile {
  /** `undefined` when no table has its files there. */
  readonly table: string | undefined;
  readonly file: string;
  readonly differences: readonly string[];
}

/**
 * Compares every file of the lake with its table in the catalog. It reads the footer or the header of each
 * file.
 */
export async function* compareFiles(target: Target): AsyncGenerator<ComparedFile> {
  const tables = await readCatalog(target);
  yield* concurrently(
    listObjects(target, target.outputs.buckets.processed),
    FILES_AT_ONCE,
    async ({ Key, Size = 0 }) => {
      const table = tables.find(({ prefix }) => Key.startsWith(prefix));
      if (table === undefined) return { table, file: Key, differences: ['it belongs to no table'] };
      const folder = Key.slice(table.prefix.length, Key.lastIndexOf('/') + 1);
      const differences =
        partitionValues(table.partitionKeys, folder) === undefined
          ? ['it is in no partition']
          : await differencesOf(target, table, Key, Size);
      return { table: table.name, file: Key, differences };
    },
  );
}

function differencesOf(
  { s3 }: Target,
  table: CatalogTable,
  Key: string,
  size: number,
): Promise<readonly string[]> {
  return driftOf(table, size, async (start, end) => {
    if (start >= Math.min(end, size)) return new Uint8Array();
    try {
      const Range = `bytes=${start}-${Math.min(end, size) - 1}`;
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: table.bucket, Key, Range }));
      return await Body?.transformToByteArray();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  });
}
