import { createHash } from 'node:crypto';
import type { Stage } from '../stage.ts';
import { parseRevision, revisionName } from './revision.ts';

/**
 * Where everything lies. Each key is a function of dataset, raw key, version and part number, so that a retry
 * overwrites what it wrote before and nothing is ever doubled.
 *
 * A raw key may have 1,024 bytes of anything, too long and too wild to be a part of another key. In its place stands
 * an object id: a readable piece of the key and a hash of the whole. The key itself is in what is stored there.
 */

/** The dataset's place in the keys of objects whose prefix belongs to none. */
export const UNKNOWN_DATASET = '_unknown';

/** One version of one object in the raw bucket. */
export interface ObjectVersion {
  readonly dataset: string;
  readonly key: string;
  /** With its revision: `revisionName`. */
  readonly versionId: string;
}

/** The same, as it is found in derived keys. */
export interface VersionPath {
  readonly dataset: string;
  readonly objectId: string;
  readonly version: string;
}

/** Where the ledger keeps what it knows of a raw object. */
export type LedgerPlace = Pick<VersionPath, 'dataset' | 'objectId'>;

const READABLE_CHARACTERS = 60;
const HASH_DIGITS = 24;

/** A name for a raw key that fits into any other key: `2026_soups.json~3f8a…` (at most 85 ASCII characters). */
export function objectId(key: string): string {
  const readable = key.slice(key.indexOf('/') + 1).replace(/[^A-Za-z0-9._-]+/g, '_');
  return `${readable.slice(-READABLE_CHARACTERS)}~${hash(key)}`;
}

/**
 * A version id as one segment of a key. S3 says no more of version ids than that they are URL-ready text of at most
 * 1,024 bytes; one that is not plain or is long is replaced by its hash.
 */
export function versionSegment(name: string): string {
  const { versionId, revision } = parseRevision(name);
  const isPlain = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(versionId);
  return revisionName(isPlain ? versionId : `~${hash(versionId)}`, revision);
}

export function versionPath({ dataset, key, versionId }: ObjectVersion): VersionPath {
  return { dataset, objectId: objectId(key), version: versionSegment(versionId) };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
}

/** `{dataset}/{object id}/{version}/`: what one version has in the temp bucket. */
export function partsPrefix({ dataset, objectId: id, version }: VersionPath): string {
  return `${dataset}/${id}/${version}/`;
}

export function partKey(path: VersionPath, part: number): string {
  return `${partsPrefix(path)}part-${number(part)}.ndjson.zst`;
}

export function parsePartKey(key: string): (VersionPath & { readonly part: number }) | undefined {
  const match = /^([^/]+)\/([^/]+)\/([^/]+)\/part-(\d{5,})\.ndjson\.zst$/.exec(key);
  if (match === null) return undefined;
  const [, dataset = '', id = '', version = '', part = ''] = match;
  return { dataset, objectId: id, version, part: Number(part) };
}

/** The column values that a file of the lake stands for, outermost first. */
export type Partition = ReadonlyArray<readonly [column: string, value: string | null]>;

/** In characters, each of which can take three bytes of S3's 1,024 for a key: room for two such values. */
export const MAX_PARTITION_VALUE = 100;

/** Hive's name for a null partition value. */
export const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/**
 * `difficulty=easy/`, or the empty text. What Hive escapes in values is escaped, and no more, since Hive unescapes
 * byte by byte (FileUtils.escapePathName). Empty text is null, as in Hive.
 */
export function partitionPath(partition: Partition): string {
  return partition.map(([column, value]) => `${column}=${escapeValue(value)}/`).join('');
}

export function parsePartitionPath(path: string): Partition {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => {
      const equals = segment.indexOf('=');
      const value = segment.slice(equals + 1);
      return [segment.slice(0, equals), value === NULL_PARTITION ? null : decodeURIComponent(value)] as const;
    });
}

/**
 * The values of a folder such as `difficulty=easy/`, as the catalog keeps them; `undefined` when it is no partition by these
 * columns.
 */
export function partitionValues(
  columns: readonly { readonly name: string }[],
  path: string,
): string[] | undefined {
  const segments = path.split('/').filter((segment) => segment !== '');
  const isOne =
    segments.length === columns.length && columns.every(({ name }, i) => segments[i]?.startsWith(`${name}=`));
  if (!isOne) return undefined;
  try {
    return parsePartitionPath(path).map(([, value]) => value ?? NULL_PARTITION);
  } catch {
    // Of a folder that somebody else made, whose escapes are none.
    return undefined;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: Hive escapes them.
const ESCAPED = /[\u0000-\u001f"#%'*/:=?\\\u007f{[\]^]/g;

function escapeValue(value: string | null): string {
  if (value === null || value === '') return NULL_PARTITION;
  return value
    .toWellFormed()
    .replace(
      ESCAPED,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}

/**
 * A file of the lake. It begins with `part-`, since Athena, Spectrum and Spark skip files that begin with `_`, `.` or
 * `#` (Redshift guide, "Data files for queries in Amazon Redshift Spectrum").
 *
 * The code that wrote it is in its name: two codes may make different files of the same part, and neither may take the
 * other's for its own.
 */
export function processedKey(
  path: VersionPath,
  part: number,
  partitionPath: string,
  { codeVersion, extension }: { readonly codeVersion: string; readonly extension: string },
): string {
  const { dataset, objectId: id, version } = path;
  const code = /^[A-Za-z0-9-]{1,32}$/.test(codeVersion) ? codeVersion : hash(codeVersion);
  return `${dataset}/${partitionPath}part-${number(part)}~${id}~${version}~${code}.${extension}`;
}

/** Files of before November 2026 do not name their code. */
export function parseProcessedKey(
  key: string,
):
  | (VersionPath & { readonly part: number; readonly partitionPath: string; readonly extension: string })
  | undefined {
  const match =
    /^([^/]+)\/((?:[^/=]+=[^/]*\/)*)part-(\d{5,})~([^/~]*~[0-9a-f]{24})~(~?[A-Za-z0-9._-]+(?:!\d{4})?)(?:~[A-Za-z0-9-]+)?\.([a-z]+)$/.exec(
      key,
    );
  if (match === null) return undefined;
  const [, dataset = '', partition = '', part = '', id = '', version = '', extension = ''] = match;
  return { dataset, objectId: id, version, part: Number(part), partitionPath: partition, extension };
}

/** Rejected records of one piece of work, in the failed bucket; `numbers` are the part, where there is one, and the file. */
export function rejectsKey(path: VersionPath, stage: Stage, ...numbers: readonly number[]): string {
  return `rejects/${partsPrefix(path)}${[stage, ...numbers.map(number)].join('-')}.ndjson`;
}

/** Rows of one file of the lake that no table could hold, in the failed bucket. */
export function loadingRejectsKey(
  path: VersionPath,
  part: number,
  partitionPath: string,
  file: number,
): string {
  return `${loadingRejectsPrefix(path, part, partitionPath)}${number(file)}.ndjson`;
}

export function loadingRejectsPrefix(path: VersionPath, part: number, partitionPath: string): string {
  return `rejects/${partsPrefix(path)}${partitionPath}loading-${number(part)}-`;
}

/** The archive's file of a file of the lake: Parquet, whatever the lake's is. */
export function archiveKey(processed: string): string {
  return processed.replace(/\.[a-z]+$/, '.parquet');
}

/** Why a stage could not process an object, in the failed bucket. */
export function faultKey(path: VersionPath, stage: Stage, ...numbers: readonly number[]): string {
  return `faults/${partsPrefix(path)}${[stage, ...numbers.map(number)].join('-')}.json`;
}

/** What the last attempt at a message failed of, in the failed bucket, where it is not the object's fault. */
export function gaveUpKey(path: VersionPath, stage: Stage, ...numbers: readonly number[]): string {
  return faultKey(path, stage, ...numbers).replace(/^faults\//, 'gave-up/');
}

/** What a message held that nobody could read, and why, in the failed bucket. */
export function unreadableMessageKey(stage: Stage, messageId: string): string {
  return `gave-up/_messages/${stage}/${messageId}.json`;
}

/** The record of one run of a redrive, in the failed bucket. @param startedAt ISO 8601 */
export function redriveRecordKey(startedAt: string, id: string): string {
  return `redrives/${startedAt.replaceAll(':', '-')}-${id}.json`;
}

/** What was rejected of a version, in the failed bucket. */
export function rejectsPrefix(path: VersionPath): string {
  return `rejects/${partsPrefix(path)}`;
}

/** Under these a version's own objects lie in the failed bucket. */
export function failedPrefixes(path: VersionPath): string[] {
  return ['rejects', 'faults', 'gave-up'].map((kind) => `${kind}/${partsPrefix(path)}`);
}

export function ledgerEntryKey({ dataset, objectId: id }: LedgerPlace): string {
  return `heads/${dataset}/${id}.json`;
}

/** `receipts/{dataset}/{object id}/{version}/`: the receipts of one version, in the ledger bucket. */
export function receiptsPrefix(path: VersionPath): string {
  return `receipts/${partsPrefix(path)}`;
}

export function extractionReceiptKey(path: VersionPath): string {
  return `${receiptsPrefix(path)}extraction.json`;
}

export function transformationReceiptKey(path: VersionPath, part: number): string {
  return `${receiptsPrefix(path)}transformation/${number(part)}.json`;
}

export function loadingReceiptKey(path: VersionPath, part: number, partitionPath: string): string {
  return `${receiptsPrefix(path)}loading/${partitionPath}${number(part)}.json`;
}

/** Whose entry or receipt a key of the ledger bucket is; of a receipt, of which version. */
export function parseLedgerKey(
  key: string,
): (LedgerPlace & { readonly version: string | undefined }) | undefined {
  const [, dataset, id] = /^heads\/([^/]+)\/([^/]+)\.json$/.exec(key) ?? [];
  if (dataset !== undefined && id !== undefined) return { dataset, objectId: id, version: undefined };
  return parseVersionKey('receipts', key);
}

/** Whose reject, fault or note a key of the failed bucket is. */
export function parseFailedKey(
  key: string,
): (VersionPath & { readonly kind: string; readonly name: string }) | undefined {
  const kind = key.slice(0, key.indexOf('/'));
  const path = parseVersionKey(kind, key);
  return path && { ...path, kind, name: key.slice(key.lastIndexOf('/') + 1) };
}

function parseVersionKey(kind: string, key: string): VersionPath | undefined {
  const [first, dataset, id, version, rest] = key.split('/', 5);
  if (first !== kind || !dataset || !id || !version || !rest) return undefined;
  return { dataset, objectId: id, version };
}

function number(part: number): string {
  return String(part).padStart(5, '0');
}
