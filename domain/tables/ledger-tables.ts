import * as z from 'zod';
import { type Column, columnsOf } from '../columns.ts';
import { ledgerTableNames } from '../dataset.ts';

/**
 * A table of the catalog about the pipeline's own work. Its rows are read from the ledger and the failed
 * bucket, and its files are a copy of them for engines that can't do that. Athena and Spectrum can't read the
 * documents themselves: they skip files and folders whose names begin with `_` or `.`, as those of some
 * objects and versions do.
 */
export interface LedgerTable {
  readonly name: LedgerTableName;
  /** The bucket with its files: that of the content that they are copied from. */
  readonly bucket: 'failed' | 'ledger';
  /** The columns in the files. */
  readonly row: z.ZodObject;
}

export type LedgerTableName = (typeof ledgerTableNames)[number];

/** The column that partitions both tables, so that a query of one dataset reads no other. */
export const datasetColumn: Column = { name: 'dataset', type: { kind: 'string' }, nullable: false };

/** Redshift holds 65,535 bytes of text; here in UTF-16 units, each of which takes at most three. */
export const MOST_TEXT = 21_845;

const count = z.number().int().nonnegative();
const time = z.iso.datetime({ precision: 3 });

/** A rejected record of a version that counts, as `npx sluice rejects` lists it. */
const reject = z.object({
  key: z.string(),
  version_id: z.string(),
  /** Whether the tables show the version, or it never became active. */
  standing: z.enum(['active', 'prepared', 'rejected']),
  record_number: count,
  stage: z.string(),
  code: z.string(),
  path: z.string(),
  message: z.string(),
  /** The record as it was sent, as JSON; null if it is not JSON, or longer than `MOST_TEXT`. */
  record: z.string().nullable(),
  /** The beginning of a record that is not in `record`; null if it is not text. */
  excerpt: z.string().nullable(),
  /** When the work item that rejected it ended. */
  rejected_at: time,
  code_version: z.string(),
  as_of: time,
});
export type RejectRow = z.output<typeof reject>;

/** A version of an object that the ledger knows. */
const version = z.object({
  key: z.string(),
  version_id: z.string(),
  sequencer: z.string().nullable(),
  /** The stage that it is in, or how it ended. */
  state: z.string(),
  fault: z.string().nullable(),
  fault_message: z.string().nullable(),
  bytes: count.nullable(),
  read: count,
  written: count,
  filtered: count,
  rejected: count,
  /** Milliseconds of work. */
  extraction_ms: count,
  transformation_ms: count,
  loading_ms: count,
  extracted_at: time.nullable(),
  /** When its last work item so far ended. */
  finished_at: time.nullable(),
  /** Of its extraction. */
  code_version: z.string().nullable(),
  as_of: time,
});
export type ObjectRow = z.output<typeof version>;

export const ledgerTables: Readonly<Record<LedgerTableName, LedgerTable>> = {
  rejects: { name: 'rejects', bucket: 'failed', row: reject },
  objects: { name: 'objects', bucket: 'ledger', row: version },
};

export function isLedgerTable(name: string): name is LedgerTableName {
  return (ledgerTableNames as readonly string[]).includes(name);
}

/** All columns: those in the files and the dataset. */
export function ledgerColumns({ row }: LedgerTable): Column[] {
  return [...columnsOf(row), datasetColumn];
}

/** The prefix of its files. */
export function ledgerTablePrefix({ name }: Pick<LedgerTable, 'name'>): string {
  return `tables/${name}/`;
}

/**
 * A folder of files of one dataset: `tables/rejects/{copy}/of-{dataset}/`. No name in it begins with `_` or
 * `.`, which engines skip.
 *
 * @param copy when the rows were read, ISO 8601
 */
export function copyPrefix(table: Pick<LedgerTable, 'name'>, copy: string, dataset = ''): string {
  const whole = `${ledgerTablePrefix(table)}${copy.replaceAll(':', '-')}/`;
  return dataset === '' ? whole : `${whole}of-${dataset}/`;
}
