import { GetObjectCommand } from '@aws-sdk/client-s3';
import { columnsOf } from '../../domain/columns.ts';
import { type LedgerTable, ledgerTablePrefix, ledgerTables } from '../../domain/tables/ledger-tables.ts';
import { readParquetRows } from '../../formats/parquet/read.ts';
import { listVersions } from '../../store/listing.ts';
import type { Target } from '../target/target.ts';

/** A file of a copy of `rejects` or `objects`, in one of its versions. */
export interface PublishedFile {
  readonly table: LedgerTable;
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  /** Whether it is the latest version, which queries read. */
  readonly latest: boolean;
  readonly size: number;
}

/**
 * The files of all copies of both tables that have a row of such a version. A file that can't be read is one
 * of them, since it may have such rows. Holds one file in memory.
 */
export async function publishedFilesWith(
  target: Target,
  isWanted: (key: string, versionId: string) => boolean,
): Promise<PublishedFile[]> {
  const found: PublishedFile[] = [];
  for (const table of Object.values(ledgerTables)) {
    const bucket = target.outputs.buckets[table.bucket];
    const columns = columnsOf(table.row).filter(({ name }) => name === 'key' || name === 'version_id');
    for await (const version of listVersions(target, bucket, ledgerTablePrefix(table))) {
      const { key, versionId, latest, deleted, size = 0 } = version;
      if (deleted) continue;
      const { Body } = await target.s3.send(
        new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }),
      );
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      if (await hasRow(columns, bytes, isWanted)) found.push({ table, bucket, key, versionId, latest, size });
    }
  }
  return found;
}

async function hasRow(
  columns: Parameters<typeof readParquetRows>[0],
  bytes: Uint8Array,
  isWanted: (key: string, versionId: string) => boolean,
): Promise<boolean> {
  try {
    for await (const rows of readParquetRows(columns, bytes))
      if (rows.some((row) => isWanted(String(row['key']), String(row['version_id'])))) return true;
    return false;
  } catch {
    return true;
  }
}
