import {
  type ExtractionReceipt,
  type LoadingReceipt,
  type Receipt,
  type StoredObject,
  type Tally,
  type TransformationReceipt,
  total,
  withLines,
} from './receipt.ts';

/** Where a version leaves what its receipts name. */
export type Place = 'temp' | 'processed' | 'archive' | 'failed';

/** A file that a receipt names, and how many records it says are in it. */
export interface NamedFile extends StoredObject {
  readonly place: Place;
}

/** What became of the records of one version, as its receipts say. */
export interface RecordTotals {
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  /** What MySQL took and what it could not hold, of that which was written; `undefined` without MySQL. */
  readonly tables:
    | {
        readonly rows: number;
        readonly rejected: Tally;
        /** Of the rows of each file, as `rowSchema` names them. */
        readonly schemas: readonly (string | undefined)[];
      }
    | undefined;
  /** The files that must be there: of the lake, of the archive, and of rejects. */
  readonly files: readonly NamedFile[];
}

/** Adds up a version's receipts. */
export function summarize(receipts: readonly Receipt[]): RecordTotals {
  const { extraction, transformations, loadings } = byStage(receipts);
  return {
    read: extraction?.read ?? 0,
    written: sum(transformations.map(({ written }) => written)),
    filtered: sumOf(transformations.map(({ filtered }) => filtered)),
    rejected: sumOf([extraction?.rejected ?? {}, ...transformations.map(({ rejected }) => rejected)]),
    tables: tablesOf(loadings),
    files: [
      ...transformations.flatMap(({ outputs }) => outputs).map(at('processed')),
      ...loadings.map(({ archive }) => archive).map(at('archive')),
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
 * Two figures that ought to be the same and aren't, or a file that ought to be there and isn't.
 *
 * `unfinished`: work that lacks a receipt. `interrupted`: an extraction that did not end, whose rows are there. `counts`: receipts that contradict themselves or one another. `missing`: a file
 * that a receipt names. `unreadable`: a file whose records can't be counted. `rows`: a file with more or fewer records
 * than its receipt says. `altered`: a file of as many, whose content is another. `rejects`: the same as `rows`, of one code.
 * `table`: rows in MySQL. `changed`: those of them, their lists included, that say other than what was loaded. `orphans`:
 * elements of lists whose row is not there. `dataset_gone`: rows of a dataset that this code does not have.
 */
export interface Difference {
  readonly kind:
    | 'unfinished'
    | 'counts'
    | 'missing'
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
  /** What the figures are of: a key, or what receipts say. */
  readonly of: string;
  readonly place?: Place | 'ledger';
  readonly expected?: number;
  readonly found?: number;
  /** Of `changed`: the first of them. */
  readonly records?: readonly number[];
  /** Why it can't be read. */
  readonly reason?: string;
}

/** Where the receipts of a version contradict themselves or one another. */
export function contradictions(receipts: readonly Receipt[]): Difference[] {
  const { extraction, transformations, loadings } = byStage(receipts);
  if (extraction === undefined) return [{ kind: 'unfinished', of: 'extraction', expected: 1, found: 0 }];
  const outputs = new Map(transformations.flatMap((each) => each.outputs).map((file) => [file.key, file]));
  return [
    ...work('parts transformed', extraction.parts.length, transformations.length),
    ...work('files loaded', outputs.size, loadings.length),
    ...equal(
      'records that the extraction read',
      extraction.read,
      extraction.valid + total(extraction.rejected),
    ),
    ...equal('valid records in parts', extraction.valid, records(extraction.parts)),
    ...transformations.flatMap((each) => ofTransformation(each, extraction)),
    ...loadings.flatMap(({ processed, archive }) => {
      const file = outputs.get(processed.key);
      return file === undefined
        ? [{ kind: 'counts', of: `the loading of ${processed.key}, which no transformation wrote` } as const]
        : equal(`records that were archived of ${file.key}`, file.records, archive.records);
    }),
    ...equal(
      'rejected records of the extraction in files',
      total(withLines(extraction.rejected)),
      records(extraction.rejects),
    ),
  ];
}

function ofTransformation(
  { part, read, written, filtered, rejected, outputs, rejects }: TransformationReceipt,
  { parts }: ExtractionReceipt,
): Difference[] {
  return [
    ...equal(`records in part ${part}`, parts[part]?.records ?? 0, read),
    ...equal(`records that were read of part ${part}`, read, written + total(filtered) + total(rejected)),
    ...equal(`records that were written of part ${part}`, written, records(outputs)),
    ...equal(`rejected records of part ${part} in files`, total(rejected), records(rejects)),
  ];
}

/**
 * What was found in a file: its records, by code where they are rejects, and whether it is another file than the one that
 * its receipt names; or why they can't be counted.
 */
export type Found =
  | { readonly records: number; readonly byCode?: Tally; readonly altered?: boolean }
  | { readonly unreadable: string };

/** Holds one file against what its receipt says; `undefined`, when there is no such file. */
export function differencesOfFile(
  { key, place, records: expected }: NamedFile,
  found: Found | undefined,
): Difference[] {
  const file = { of: key, place, expected };
  if (found === undefined) return [{ kind: 'missing', ...file }];
  if ('unreadable' in found) return [{ kind: 'unreadable', ...file, reason: found.unreadable }];
  if (found.records !== expected) return [{ kind: 'rows', ...file, found: found.records }];
  return found.altered ? [{ kind: 'altered', ...file }] : [];
}

/** Holds the rejects that were found, by code, against those that receipts count. */
export function differencesOfRejects(expected: Readonly<Tally>, found: Readonly<Tally>): Difference[] {
  const codes = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...codes].sort().flatMap((code) => {
    const [one, other] = [expected[code] ?? 0, found[code] ?? 0];
    return one === other ? [] : [{ kind: 'rejects', of: code, expected: one, found: other } as const];
  });
}

/** What MySQL holds of a version of an object. */
export interface InTables {
  /** Rows of the version. */
  readonly rows: number;
  /** Those of them that, with their lists, say other than their hash: how many, and the first ones' records. */
  readonly changed: number;
  readonly records: readonly number[];
  /** Rows of other versions of the object. */
  readonly others: number;
  /** By a list's table, the elements of rows of the object that are not there. */
  readonly orphans: Readonly<Tally>;
}

/**
 * Holds what MySQL has of a version against what was loaded.
 *
 * @param schema of the dataset's rows, as `rowSchema` names it
 * @returns also how many rows may have been changed or not: they were loaded under another schema, of which their hashes are
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
