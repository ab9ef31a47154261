import { type Code, partRecords } from './code.ts';
import type { Fate, Made, Row, Upload } from './objects.ts';

/** What happened to a key of the raw bucket. */
export type Change = { readonly key: string; readonly versionId: string } & (
  | { readonly what: 'put'; readonly upload: Upload }
  | { readonly what: 'marked as deleted' }
  /** That version, or that delete marker, for good. */
  | { readonly what: 'removed' }
);
export type Put = Extract<Change, { what: 'put' }>;

/** What must be found of a key, once all is quiet and a sweep has made up for what no event tells. */
export interface Outcome {
  /** The versions of which the tables may show one; `undefined` stands for none. */
  readonly shown: readonly (Put | undefined)[];
  /** A newer version of which nothing can be used: its rejects are kept. */
  readonly rejected: Put | undefined;
  /** Versions that were removed: that one of them was not found may be on record. */
  readonly removed: ReadonlySet<string>;
}

/** What a key must come to, by what the bucket still holds: the whole specification of versions. */
export function outcomeOf(changes: readonly Change[]): Outcome {
  const removed = new Set(changes.filter(({ what }) => what === 'removed').map(({ versionId }) => versionId));
  const held = changes.filter(({ versionId }) => !removed.has(versionId));
  const latest = held.at(-1);
  if (latest?.what !== 'put') return { shown: [undefined], rejected: undefined, removed };
  if (isOfUse(latest.upload)) return { shown: [latest], rejected: undefined, removed };
  const lastMarked = held.findLastIndex(({ what }) => what === 'marked as deleted');
  const good = held
    .slice(lastMarked + 1)
    .findLast((change): change is Put => change.what === 'put' && isOfUse(change.upload));
  // What took its place and was removed may have been shown before that, and then nothing is: no event says
  // that it is back.
  const since = good === undefined ? [] : changes.slice(changes.indexOf(good) + 1);
  const mayBeGone = since.some(({ what, versionId }) => what !== 'removed' && removed.has(versionId));
  return { shown: mayBeGone ? [good, undefined] : [good], rejected: latest, removed };
}

/**
 * Nothing of a version can be used when it has no record that is a row or filtered; it does not replace a
 * good one then.
 */
function isOfUse({ key, fates, fault }: Upload): boolean {
  if (key.startsWith('unknown/')) return true;
  return fates.some((fate) => !('rejected' in fate)) || (fates.length === 0 && fault === undefined);
}

const columns = {
  recipes: [
    'recipe_id',
    'title',
    'ingredients',
    'directions',
    'tags',
    'complexity_score',
    'difficulty',
    'time_estimate_s',
  ],
  passengers: [
    'passenger_id',
    'survived',
    'pclass',
    'name',
    'sex',
    'age',
    'sib_sp',
    'parch',
    'ticket',
    'fare',
    'cabin',
    'embarked',
  ],
} as const;
export type Table = keyof typeof columns;

/** A row as one text, to compare: the record's number and each value. */
export function rowText(table: Table, record: number, row: Row): string {
  return JSON.stringify([record, ...columns[table].map((column) => row[column] ?? null)]);
}

export function tableOf(key: string): Table | undefined {
  const [first = ''] = key.split('/');
  return first in columns ? (first as Table) : undefined;
}

/** Number and code of each record that is rejected. */
export function rejectsOf({ fates }: Upload): string[] {
  return fates.flatMap((fate, i) => ('rejected' in fate ? [`${i + 1} ${fate.rejected}`] : []));
}

/** What is found of a version's valid records: its rows as text, and how many were filtered, by reason. */
export interface Content {
  readonly rows: readonly string[];
  readonly filtered: Readonly<Record<string, number>>;
}

/** What a code makes of a version. */
export function contentOf(upload: Upload, code: Code): Content {
  const table = tableOf(upload.key);
  const rows: string[] = [];
  const filtered: Record<string, number> = {};
  for (const [i, made] of madeOf(upload, code).entries()) {
    if (made === undefined || table === undefined) continue;
    if ('row' in made) rows.push(rowText(table, i + 1, made.row));
    else filtered[made.filtered] = (filtered[made.filtered] ?? 0) + 1;
  }
  return { rows, filtered };
}

/** Of each record, in order; `undefined` where it is rejected. */
function madeOf({ fates }: Upload, code: Code): (Made | undefined)[] {
  return fates.map((fate: Fate) => ('rejected' in fate ? undefined : fate(code)));
}

/**
 * Holds what is found of a version against what one of these codes makes of it. One of several parts may be
 * of both, each part of one: then so is each record.
 *
 * @returns what differs; `undefined` when nothing does
 */
export function difference(upload: Upload, found: Content, allowed: readonly Code[]): string | undefined {
  const texts = allowed.map((code) => differenceOf(found, contentOf(upload, code)));
  if (texts.includes(undefined)) return undefined;
  if (hasSeveralParts(upload) && isMixture(upload, found, allowed)) return undefined;
  return allowed.map((code, i) => `for the ${code} code ${texts[i]}`).join('; ');
}

function differenceOf(found: Content, wanted: Content): string | undefined {
  const [is, should] = [found, wanted].map(({ filtered }) => JSON.stringify(Object.entries(filtered).sort()));
  const rows = differenceOfRows(found.rows, wanted.rows);
  if (rows !== undefined) return rows;
  return is === should ? undefined : `filtered ${is}, not ${should}`;
}

/** Of rows as text, in whatever order. */
export function differenceOfRows(is: readonly string[], should: readonly string[]): string | undefined {
  const lacking = [...should];
  const others = is.filter((row) => {
    const at = lacking.indexOf(row);
    if (at >= 0) lacking.splice(at, 1);
    return at < 0;
  });
  const shown = (rows: readonly string[]) =>
    `${rows.length} rows${rows[0] === undefined ? '' : ` (${rows[0]})`}`;
  if (lacking.length + others.length === 0) return undefined;
  return `has ${shown(others)} too many, lacks ${shown(lacking)}`;
}

function hasSeveralParts({ fates }: Upload): boolean {
  return fates.length > Math.min(...Object.values(partRecords));
}

function isMixture(upload: Upload, { rows, filtered }: Content, allowed: readonly Code[]): boolean {
  const table = tableOf(upload.key);
  if (table === undefined) return false;
  const made = allowed.map((code) => madeOf(upload, code));
  const left = new Set(rows);
  let withoutRow = 0;
  for (const i of upload.fates.keys()) {
    const each = made.map((all) => all[i]);
    const possible = each.map((one) => one && ('row' in one ? rowText(table, i + 1, one.row) : 'none'));
    const text = possible.find((one) => one !== undefined && left.delete(one));
    if (text === undefined && possible.includes('none')) withoutRow += 1;
    else if (text === undefined && possible[0] !== undefined) return false;
  }
  const counted = Object.values(filtered).reduce((sum, n) => sum + n, 0);
  return left.size === 0 && new Set(rows).size === rows.length && counted === withoutRow;
}
