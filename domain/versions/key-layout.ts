import { createHash } from 'node:crypto';
import { PART, PUBLICATIONS, type Stage, stages, WHOLE } from '../stage.ts';
import { parseRevision, revisionName } from './revision.ts';

/**
 * The keys of everything that the pipeline stores. Each key is a function of dataset, raw key, version and
 * part number, so that a retry overwrites its earlier output and nothing is ever doubled.
 *
 * A raw key may have 1,024 bytes of any text, so that it can't be part of another key. An object id replaces
 * it: a readable end of the key and a hash of the whole key. The stored document contains the key itself.
 */

/** Replaces the dataset's name in the keys of objects that belong to no dataset. */
export const UNKNOWN_DATASET = '_unknown';

/** One version of one object in the raw bucket. */
export interface ObjectVersion {
  readonly dataset: string;
  readonly key: string;
  /** The version id with its revision, see `revisionName`. */
  readonly versionId: string;
}

/** The same, as segments of derived keys. */
export interface VersionPath {
  readonly dataset: string;
  readonly objectId: string;
  readonly version: string;
}

/** The place of a raw object in the ledger. */
export type LedgerPlace = Pick<VersionPath, 'dataset' | 'objectId'>;

const READABLE_CHARACTERS = 60;
const HASH_DIGITS = 24;

/**
 * A name for a raw key that fits into any other key: `2026_soups.json~3f8a…` (at most 85 ASCII characters).
 */
export function objectId(key: string): string {
  const readable = key.slice(key.indexOf('/') + 1).replace(/[^A-Za-z0-9._-]+/g, '_');
  return `${readable.slice(-READABLE_CHARACTERS)}~${hash(key)}`;
}

/**
 * A version id as one segment of a key. S3 says only that version ids are URL-ready text of at most 1,024
 * bytes, so an id that is long or has special characters is replaced by its hash.
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

/** `{dataset}/{object id}/{version}/`: the prefix of one version's parts in the temp bucket. */
export function partsPrefix({ dataset, objectId: id, version }: VersionPath): string {
  return `${dataset}/${id}/${version}/`;
}

export function partKey(path: VersionPath, part: number): string {
  return `${partsPrefix(path)}part-${number(part)}${PART}`;
}

/** Until November 2026, parts were NDJSON, and their keys said so. */
export function parsePartKey(key: string): (VersionPath & { readonly part: number }) | undefined {
  const match = /^([^/]+)\/([^/]+)\/([^/]+)\/part-(\d{5,})(?:\.ndjson)?\.zst$/.exec(key);
  if (match === null) return undefined;
  const [, dataset = '', id = '', version = '', part = ''] = match;
  return { dataset, objectId: id, version, part: Number(part) };
}

/** The name of a file that is being made: where it lies does not tell its format, nor which code made it. */
export interface FileName {
  readonly codeVersion: string;
  readonly extension: string;
}

/** A file of a version: the rows of one part that fall into one partition. */
export type FileAddress = VersionPath & {
  readonly part: number;
  readonly partitionPath: string;
  readonly extension: string;
};

/** `{dataset}/data/{object id}/{version}/`: the prefix of one version's files in the processed bucket. */
export function dataPrefix({ dataset, objectId: id, version }: VersionPath): string {
  return `${dataPrefixOf(dataset)}${id}/${version}/`;
}

/** The prefix of the files of all versions of a dataset. */
export function dataPrefixOf(dataset: string): string {
  return `${dataset}/data/`;
}

/**
 * The key of a file of the lake. Nobody reads it until its version is published.
 *
 * The name contains the code version: two code versions may make different files from the same part, and
 * neither may take the other's file for its own.
 */
export function dataKey(path: VersionPath, part: number, partitionPath: string, name: FileName): string {
  const { codeVersion, extension } = name;
  return `${dataPrefix(path)}${partitionPath}part-${number(part)}~${codeSegment(codeVersion)}.${extension}`;
}

export function parseDataKey(key: string): (FileAddress & { readonly code: string }) | undefined {
  const match =
    /^([^/]+)\/data\/([^/]+)\/([^/]+)\/((?:[^/=]+=[^/]*\/)*)part-(\d{5,})~([A-Za-z0-9-]+)\.([a-z]+)$/.exec(
      key,
    );
  if (match === null) return undefined;
  const [, dataset = '', id = '', version = '', partitionPath = '', part = '', code = '', extension = ''] =
    match;
  return { dataset, objectId: id, version, part: Number(part), partitionPath, code, extension };
}

/** Of the compacted files of a dataset: no object has this id, since each has a `~`. */
const compactedPrefix = (dataset: string) => `${dataPrefixOf(dataset)}compacted/`;

/** A compacted file: the rows of one partition, of many objects. */
export interface CompactedAddress {
  readonly dataset: string;
  readonly partitionPath: string;
  /** Nothing else has it. */
  readonly uuid: string;
}

/**
 * The key of a compacted file of an Iceberg table. Which rows it has, its columns `_source` and `_version`
 * tell.
 */
export function compactedKey({ dataset, partitionPath, uuid }: CompactedAddress): string {
  return `${compactedPrefix(dataset)}${partitionPath}rows-${uuid}.parquet`;
}

export function parseCompactedKey(key: string): CompactedAddress | undefined {
  const match = /^([^/]+)\/data\/compacted\/((?:[^/=]+=[^/]*\/)*)rows-([A-Za-z0-9-]+)\.parquet$/.exec(key);
  if (match === null) return undefined;
  const [, dataset = '', partitionPath = '', uuid = ''] = match;
  return { dataset, partitionPath, uuid };
}

/**
 * The key of a copy of a file in a folder that a crawler looks at: of the archive, or of the table of a
 * dataset that is processed as CSV. Its name begins with `part-`, since Athena, Spectrum and Spark skip files
 * that begin with `_`, `.` or `#` (Redshift guide, "Data files for queries in Amazon Redshift Spectrum").
 */
function copyKey(folder: string, key: string, extension: string): string {
  const file = parseDataKey(key);
  if (file === undefined) throw new Error(`${key} is no file of a version.`);
  const { objectId: id, version, part, partitionPath, code } = file;
  return `${folder}${partitionPath}part-${number(part)}~${id}~${version}~${code}.${extension}`;
}

/** The folder of the table of a dataset that is processed as CSV, in the processed bucket. */
export function csvTablePrefix(dataset: string): string {
  return `${dataset}/table/`;
}

/** The file of a CSV dataset's table that is a copy of this file of a version. */
export function csvTableKey(key: string): string {
  const { dataset, extension } = parseDataKey(key) ?? { dataset: '', extension: '' };
  return copyKey(csvTablePrefix(dataset), key, extension);
}

/** The folder of a dataset in the archive bucket. */
export function archivePrefix(dataset: string): string {
  return `${dataset}/`;
}

/** The archive's copy of a file of a version: always Parquet, whatever the format of the file. */
export function archiveKey(key: string): string {
  return copyKey(archivePrefix(parseDataKey(key)?.dataset ?? ''), key, 'parquet');
}

function codeSegment(codeVersion: string): string {
  return /^[A-Za-z0-9-]{1,32}$/.test(codeVersion) ? codeVersion : hash(codeVersion);
}

/**
 * The file of a version by the key of its copy: of the archive, of a CSV dataset's table, or of the lake as
 * it was until November 2026. The oldest files have no code version in their names.
 */
export function parseCopyKey(key: string): FileAddress | undefined {
  const match =
    /^([^/]+)\/(?:table\/)?((?:[^/=]+=[^/]*\/)*)part-(\d{5,})~([^/~]*~[0-9a-f]{24})~(~?[A-Za-z0-9._-]+(?:!\d{4})?)(?:~[A-Za-z0-9-]+)?\.([a-z]+)$/.exec(
      key,
    );
  if (match === null) return undefined;
  const [, dataset = '', partition = '', part = '', id = '', version = '', extension = ''] = match;
  return { dataset, objectId: id, version, part: Number(part), partitionPath: partition, extension };
}

/** The file of a version by any key that it has in the lake or in the archive. */
export function parseFileKey(key: string): FileAddress | undefined {
  return parseDataKey(key) ?? parseCopyKey(key);
}

/** What one message is about: the version of an object, or one of its parts. */
export interface WorkItem {
  readonly path: VersionPath;
  readonly stage: Stage;
  /** Of a transformation, and of a loading unless the object was deleted. */
  readonly part?: number;
  /** Of a loading by older code, whose messages were about one file of the lake each. */
  readonly partitionPath?: string;
}

/**
 * A file of rejected records of a work item, in the failed bucket. Like a file of the lake, its name contains
 * the code version; older files have none.
 */
export function rejectsKey(item: WorkItem, file: number, codeVersion: string): string {
  return `${itemRejectsPrefix(item)}${number(file)}~${codeSegment(codeVersion)}.ndjson`;
}

/** The prefix of all files of rejects of a work item, whichever code wrote them. */
export function itemRejectsPrefix(item: WorkItem): string {
  return `rejects/${itemName(item)}-`;
}

/** Why a stage could not process an object, in the failed bucket. */
export function faultKey(item: WorkItem): string {
  return `faults/${itemName(item)}.json`;
}

/** The error of the last failed attempt at a message that is still in its queue, in the failed bucket. */
export function attemptKey(item: WorkItem): string {
  return `attempts/${itemName(item)}.json`;
}

/** Says that another attempt at a message has begun: a killed function leaves nothing else. */
export function begunAttemptKey(item: WorkItem): string {
  return `attempts/${itemName(item)}.begun.json`;
}

/**
 * The gave-up note in the failed bucket: the error of the last attempt at a message, if the object is not at
 * fault.
 */
export function gaveUpKey(item: WorkItem): string {
  return `gave-up/${itemName(item)}.json`;
}

/** The kinds of notes: of a faulty object, of attempts that others follow, and of last attempts. */
export const noteKinds = ['faults', 'attempts', 'gave-up'] as const;
export type NoteKind = (typeof noteKinds)[number];

/** The work item of a note in the failed bucket; `undefined` of any other key. */
export function parseNoteKey(key: string): { readonly kind: NoteKind; readonly item: WorkItem } | undefined {
  const match =
    /^(faults|attempts|gave-up)\/([^/]+)\/([^/]+)\/([^/]+)\/((?:[^/=]+=[^/]*\/)*)([a-z]+)(?:-(\d{5,}))?(?:\.begun)?\.json$/.exec(
      key,
    );
  const stage = stages.find((each) => each === match?.[6]);
  if (match === null || stage === undefined) return undefined;
  const [, kind, dataset = '', id = '', version = '', partitionPath = '', , part] = match;
  return {
    kind: kind as NoteKind,
    item: {
      path: { dataset, objectId: id, version },
      stage,
      ...(part !== undefined && { part: Number(part) }),
      ...(partitionPath !== '' && { partitionPath }),
    },
  };
}

function itemName({ path, stage, part, partitionPath = '' }: WorkItem): string {
  return `${partsPrefix(path)}${partitionPath}${stage}${part === undefined ? '' : `-${number(part)}`}`;
}

/**
 * The receipt of a work item that is done; `undefined` if there is none: the ledger entry says what is
 * committed, and that a deletion is loaded. A file that is not ours has none either.
 */
export function receiptKey({ path, stage, part, partitionPath = '' }: WorkItem): string | undefined {
  if (stage === 'extraction') return extractionReceiptKey(path);
  if (part === undefined) return undefined;
  if (stage === 'transformation') return transformationReceiptKey(path, part);
  return stage === 'loading' ? loadingReceiptKey(path, part, partitionPath) : undefined;
}

/** The content of an unreadable message and the reason why it can't be read, in the failed bucket. */
export function unreadableMessageKey(stage: Stage, messageId: string): string {
  return `gave-up/_messages/${stage}/${messageId}.json`;
}

/** The record of one run of a command, in the failed bucket. @param startedAt ISO 8601 */
export function runRecordKey(kind: 'redrives' | 'erasures', startedAt: string, id: string): string {
  return `${kind}/${startedAt.replaceAll(':', '-')}-${id}.json`;
}

/** The prefix of the rejects of all versions of a dataset, in the failed bucket. */
export function rejectsPrefixOf(dataset: string): string {
  return `rejects/${dataset}/`;
}

/** The prefix of a version's rejects in the failed bucket. */
export function rejectsPrefix(path: VersionPath): string {
  return `rejects/${partsPrefix(path)}`;
}

/** The prefixes of the faults of a version and of its notes, in the failed bucket. */
export function notePrefixes(path: VersionPath): string[] {
  return noteKinds.map((kind) => `${kind}/${partsPrefix(path)}`);
}

/** The prefixes of a version's rejects, faults and notes in the failed bucket. */
export function failedPrefixes(path: VersionPath): string[] {
  return [rejectsPrefix(path), ...notePrefixes(path)];
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

/** @param partitionPath of a receipt by older code, for one file of the lake */
export function loadingReceiptKey(path: VersionPath, part: number, partitionPath = ''): string {
  return `${receiptsPrefix(path)}loading/${partitionPath}${number(part)}.json`;
}

/** The prefix of the documents that publish a version, in the ledger bucket. */
export function publicationPrefix(path: VersionPath): string {
  return `${PUBLICATIONS}${partsPrefix(path)}`;
}

/**
 * The document that publishes one part of a version that has so many, in the ledger bucket. The last one is
 * written last: with it, the publication is whole. A version without parts has one document.
 */
export function publicationKey(path: VersionPath, part: number, parts: number): string {
  return `${publicationPrefix(path)}${number(part)}${part === Math.max(parts, 1) - 1 ? WHOLE : '.json'}`;
}

/** The document that publishes that an object is deleted. */
export function deletionKey(path: VersionPath): string {
  return `${publicationPrefix(path)}deleted${WHOLE}`;
}

/** What a document of a publication is about; `part` is `undefined` of a deletion. */
export type PublishedPath = VersionPath & { readonly part: number | undefined };

export function parsePublicationKey(key: string): PublishedPath | undefined {
  const match =
    /^publications\/([^/]+)\/([^/]+)\/([^/]+)\/(?:(\d{5,})(?:\.whole)?|deleted\.whole)\.json$/.exec(key);
  if (match === null) return undefined;
  const [, dataset = '', id = '', version = '', part] = match;
  return { dataset, objectId: id, version, part: part === undefined ? undefined : Number(part) };
}

/** The object that a document in the ledger bucket belongs to; also the version, unless it is an entry. */
export function parseLedgerKey(
  key: string,
): (LedgerPlace & { readonly version: string | undefined }) | undefined {
  const [, dataset, id] = /^heads\/([^/]+)\/([^/]+)\.json$/.exec(key) ?? [];
  if (dataset !== undefined && id !== undefined) return { dataset, objectId: id, version: undefined };
  return parseVersionKey('receipts', key) ?? parsePublicationKey(key);
}

/** The version that a reject, fault or note in the failed bucket belongs to. */
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
