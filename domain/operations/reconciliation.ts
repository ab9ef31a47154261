import { plainFilesOf } from '../versions/plain-files.ts';
import {
  type ExtractionReceipt,
  type LoadingReceipt,
  type Receipt,
  type StoredObject,
  type Tally,
  type TransformationReceipt,
  total,
  withLines,
} from '../versions/receipt.ts';

/** The places of the files that a version's receipts name. */
export type Place = 'temp' | 'processed' | 'archive' | 'failed';

/** A file that a receipt names, with its number of records according to the receipt. */
export interface NamedFile extends StoredObject {
  readonly place: Place;
}

/** The totals of the records of one version, according to its receipts. */
export interface RecordTotals {
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  /** The rejected records that have a line in the failed bucket. */
  readonly withLines: Tally;
  /** The written rows that MySQL took, and those that it could not hold; `undefined` without MySQL. */
  readonly tables:
    | {
        readonly rows: number;
        readonly rejected: Tally;
        /** The schemas of each file's rows, see `rowSchema`. */
        readonly schemas: readonly (string | undefined)[];
      }
    | undefined;
  /** The files that must exist: in the lake, in the archive, and of rejects. */
  readonly files: readonly NamedFile[];
}

/**
 * Adds up a version's receipts.
 *
 * @param refused whether the version was rejected: then the rows that it would have had count as rejected,
 * under the code of the fault of the whole
 */
export function summarize(
  receipts: readonly Receipt[],
  { refused = false, code = 'too_many_rejects' } = {},
): RecordTotals {
  const { extraction, transformations, loadings } = byStage(receipts);
  const written = sum(transformations.map((each) => each.written));
  const rejected = [extraction?.rejected ?? {}, ...transformations.map((each) => each.rejected)];
  return {
    read: extraction?.read ?? 0,
    written: refused ? 0 : written,
    filtered: sumOf(transformations.map(({ filtered }) => filtered)),
    rejected: sumOf([...rejected, refused && written > 0 ? { [code]: written } : {}]),
    withLines: sumOf([...(extraction ? [extraction] : []), ...transformations].map(withLines)),
    tables: tablesOf(loadings),
    files: [
      ...(refused ? [] : transformations.flatMap(({ outputs }) => outputs)).map(at('processed')),
      ...loadings.flatMap(({ files }) => files.map(({ archive }) => archive)).map(at('archive')),
      ...receipts.flatMap(({ rejects }) => rejects).map(at('failed')),
    ],
  };
}

function tablesOf(loadings: readonly LoadingReceipt[]): RecordTotals['tables'] {
  const loaded = loadings.flatMap(({ tables }) => tables ?? []);
  if (loaded.length === 0) return undefined;
  return {
    rows: sum(loaded.map(({ written, unchanged }) => written + unchanged)),
    rejected: sumOf(loaded.map(({ rejected }) => rejected)),
    schemas: loaded.map(({ schema }) => schema),
  };
}

/**
 * Two figures that ought to be equal and aren't, or a file that ought to exist and doesn't.
 *
 * `unfinished`: work without a receipt. `plain_files`: files of older code, which no table shows.
 * `interrupted`: an extraction that did not end, but has left rows, which no table shows. `counts`: receipts
 * that contradict themselves or each other. `missing`: a file that a receipt names does not exist.
 * `not_shown`: a file that its table does not show. `unreadable`: a file whose records can't be counted.
 * `rows`: a file with more or fewer records than its receipt says. `altered`: a file with as many records,
 * but other content. `rejects`: like `rows`, for one code. `table`: more or fewer rows in MySQL. `changed`:
 * rows in MySQL that, with their lists, are not what was loaded. `orphans`: list elements without their row.
 * `stray`: rows in MySQL of versions that are not active. `dataset_gone`: rows of a dataset that this code
 * does not have.
 */
export interface Difference {
  readonly kind:
    | 'unfinished'
    | 'plain_files'
    | 'counts'
    | 'missing'
    | 'not_shown'
    | 'interrupted'
    | 'unreadable'
    | 'rows'
    | 'altered'
    | 'rejects'
    | 'table'
    | 'changed'
    | 'orphans'
    | 'stray'
    | 'dataset_gone';
  /** The subject of the figures: a key, or a count in receipts. */
  readonly of: string;
  readonly place?: Place | 'ledger';
  readonly expected?: number;
  readonly found?: number;
  /** For `changed`: the record numbers of the first such rows. */
  readonly records?: readonly number[];
  /** Why it can't be read. */
  readonly reason?: string;
}

const FILES_LOADED = 'files loaded';

/** Contradictions in and between the receipts of a version. */
export function contradictions(receipts: readonly Receipt[]): Difference[] {
  const { extraction, transformations, loadings } = byStage(receipts);
  if (extraction === undefined) return [{ kind: 'unfinished', of: 'extraction', expected: 1, found: 0 }];
  const outputs = new Map(transformations.flatMap((each) => each.outputs).map((file) => [file.key, file]));
  const loaded = loadings.flatMap(({ files }) => files);
  return [
    ...work('parts transformed', extraction.parts.length, transformations.length),
    ...work(FILES_LOADED, outputs.size, new Set(loaded.map(({ key }) => key)).size),
    ...equal(
      'records that the extraction read',
      extraction.read,
      records(extraction.parts) + total(extraction.rejected),
    ),
    ...transformations.flatMap((each) => ofTransformation(each, extraction)),
    ...loaded.flatMap(({ key, archive }) => {
      const file = outputs.get(key);
      return file === undefined
        ? [{ kind: 'counts', of: `the loading of ${key}, which no transformation wrote` } as const]
        : equal(`archived records of ${file.key}`, file.records, archive.records);
    }),
    ...equal(
      'rejected records of the extraction in files',
      total(withLines(extraction)),
      records(extraction.rejects),
    ),
  ];
}

/** What became of the active version after its last part, according to the ledger. */
export interface Shown {
  /** The keys of the files that are published; `undefined` if it is not published. */
  readonly published: readonly string[] | undefined;
  readonly committed: boolean;
  readonly loaded: boolean;
}

/** What an extracted version lacks until it is published, and contradictions in its receipts. */
export function contradictionsOfPrepared(receipts: readonly Receipt[]): Difference[] {
  const found = contradictions(receipts).filter(({ of }) => of !== FILES_LOADED);
  return found.length > 0 ? found : work('versions published', 1, 0);
}

/** Contradictions between the receipts of the active version and what was done with it as a whole. */
export function contradictionsOfShown(
  receipts: readonly Receipt[],
  { published, committed, loaded }: Shown,
): Difference[] {
  const { extraction, transformations } = byStage(receipts);
  if (extraction === undefined || transformations.length < extraction.parts.length) return [];
  if (published === undefined) {
    const plain = plainFilesOf(receipts).length;
    return plain > 0
      ? [{ kind: 'plain_files', of: 'files', found: plain }]
      : work('versions published', 1, 0);
  }
  const named = new Set(published);
  const outputs = transformations.flatMap((each) => each.outputs);
  return [
    ...equal('published files', outputs.length, published.length),
    ...equal(
      'written files that are published',
      outputs.length,
      outputs.filter(({ key }) => named.has(key)).length,
    ),
    ...work('versions committed', 1, Number(committed)),
    ...work('versions loaded', 1, Number(loaded)),
  ];
}

function ofTransformation(transformation: TransformationReceipt, { parts }: ExtractionReceipt): Difference[] {
  const { part, read, written, filtered, rejected, outputs, rejects } = transformation;
  return [
    ...equal(`records in part ${part}`, parts[part]?.records ?? 0, read),
    ...equal(`records read from part ${part}`, read, written + total(filtered) + total(rejected)),
    ...equal(`records written from part ${part}`, written, records(outputs)),
    ...equal(`rejected records of part ${part} in files`, total(withLines(transformation)), records(rejects)),
  ];
}

/**
 * The content of a file: its number of records, also by code for rejects, and whether it is another file than
 * its receipt names; or the archive class of S3 from which nobody has restored it; or why its records can't
 * be counted.
 */
export type Found =
  | { readonly records: number; readonly byCode?: Tally; readonly altered?: boolean }
  | { readonly storageClass: string }
  | { readonly unreadable: string };

/** A file that S3 keeps in an archive class, so that it can't be read, with the records of its receipt. */
export interface UnreadFile {
  readonly place: Place;
  readonly file: string;
  readonly storageClass: string;
  readonly records: number;
}

/**
 * Compares a file with its receipt. `found` is `undefined` if the file does not exist. Of a file
 * that was not read only its existence is compared.
 */
export function differencesOfFile(
  { key, place, records: expected }: NamedFile,
  found: Found | undefined,
): Difference[] {
  const file = { of: key, place, expected };
  if (found === undefined) return [{ kind: 'missing', ...file }];
  if ('storageClass' in found) return [];
  if ('unreadable' in found) return [{ kind: 'unreadable', ...file, reason: found.unreadable }];
  if (found.records !== expected) return [{ kind: 'rows', ...file, found: found.records }];
  return found.altered ? [{ kind: 'altered', ...file }] : [];
}

/** Compares the rejects that were found, by code, with those that receipts count. */
export function differencesOfRejects(expected: Readonly<Tally>, found: Readonly<Tally>): Difference[] {
  const codes = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...codes].sort().flatMap((code) => {
    const [one, other] = [expected[code] ?? 0, found[code] ?? 0];
    return one === other ? [] : [{ kind: 'rejects', of: code, expected: one, found: other } as const];
  });
}

/** MySQL's rows of a version of an object. */
export interface InTables {
  /** Rows of the version. */
  readonly rows: number;
  /** How many of them, with their lists, do not match their hash; `records` are the first ones' numbers. */
  readonly changed: number;
  readonly records: readonly number[];
  /** Rows of other versions of the object. */
  readonly others: number;
  /** List elements of the object without their row, by the list's table. */
  readonly orphans: Readonly<Tally>;
}

/**
 * Compares MySQL's rows of a version with those that were loaded.
 *
 * @param schema the present schema of the dataset's rows, see `rowSchema` @returns the differences, and how
 * many rows can't be compared, since they were loaded and hashed under another schema
 */
export function differencesOfTables(
  { written, tables }: RecordTotals,
  { rows, changed, records, orphans }: InTables,
  schema: string,
): { readonly differences: readonly Difference[]; readonly uncompared: number } {
  const expected = written - total(tables?.rejected ?? {});
  const isComparable = tables?.schemas.every((each) => each === schema) ?? false;
  const of = 'rows in MySQL';
  return {
    differences: [
      ...(rows === expected ? [] : [{ kind: 'table', of, expected, found: rows } as const]),
      ...(changed > 0 && isComparable ? [{ kind: 'changed', of, found: changed, records } as const] : []),
      ...Object.entries(orphans).map(([table, found]) => ({ kind: 'orphans', of: table, found }) as const),
    ],
    uncompared: isComparable ? 0 : changed,
  };
}

function byStage(receipts: readonly Receipt[]) {
  return {
    extraction: receipts.find((each) => each.stage === 'extraction'),
    transformations: receipts.filter((each) => each.stage === 'transformation'),
    loadings: receipts.filter((each) => each.stage === 'loading'),
  };
}

export function sumOf(tallies: readonly Readonly<Tally>[]): Tally {
  const sums: Tally = {};
  for (const tally of tallies) {
    for (const [name, n] of Object.entries(tally))
      sums[name] = (Object.hasOwn(sums, name) ? (sums[name] ?? 0) : 0) + n;
  }
  return sums;
}

const at =
  (place: Place) =>
  (file: StoredObject): NamedFile => ({ ...file, place });
const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);
const records = (files: readonly StoredObject[]) => sum(files.map((file) => file.records));

function equal(of: string, expected: number, found: number): Difference[] {
  return expected === found ? [] : [{ kind: 'counts', of, expected, found }];
}

function work(of: string, expected: number, found: number): Difference[] {
  return expected === found ? [] : [{ kind: 'unfinished', of, expected, found }];
}
