import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import Papa from 'papaparse';
import { parsePartitionPath } from '../../../domain/versions/partition-path.ts';
import type { ExtractionReceipt, Receipt, TransformationReceipt } from '../../../domain/versions/receipt.ts';
import { type Member, memberOf } from '../load/datasets.ts';
import type { Upload } from '../load/objects.ts';
import type { Item, Row } from '../load/records.ts';

/** An upload that took place. */
export type Uploaded = Upload & { readonly versionId: string };

/** What happened to the raw bucket, in the order in which it did. */
export type Change =
  | Uploaded
  /** A delete marker. */
  | { readonly key: string; readonly deleted: true; readonly versionId: string }
  /** A version, or a delete marker, is gone for good. */
  | { readonly key: string; readonly erased: string };

/** What the tables may come to of a key. */
export interface Outcome {
  /** Which version they show; `undefined`: none. */
  readonly shown: readonly (Uploaded | undefined)[];
  /** Which newer one is known to be of no use, and keeps its rejects. */
  readonly rejected: readonly (Uploaded | undefined)[];
}

/**
 * The whole specification of which version counts: the newest that is of use, unless it was deleted. There is
 * one answer, but where versions were deleted for good, since S3 tells nobody that the one before is back,
 * and where events were lost. A sweep looks at the newest version alone; if that is of no use, it depends on
 * the moment which one before it the tables show.
 */
export function outcomeOf(
  history: readonly Change[],
  isOfUse: (upload: Uploaded) => boolean,
  hasLostEvents: boolean,
): Outcome {
  const rules = memberOf(history[0]?.key ?? '');
  if (hasLostEvents || history.some((change) => 'erased' in change))
    return afterLosses(history, isOfUse, rules, hasLostEvents);
  let shown: Uploaded | undefined;
  let rejected: Uploaded | undefined;
  for (const change of history) {
    if ('body' in change) {
      if (isOfUse(change)) [shown, rejected] = [change, undefined];
      else rejected = change;
    } else if (rules?.onDelete !== 'keep') [shown, rejected] = [undefined, undefined];
  }
  return { shown: [shown], rejected: [rejected] };
}

function afterLosses(
  history: readonly Change[],
  isOfUse: (upload: Uploaded) => boolean,
  rules: Member | undefined,
  hasLostEvents: boolean,
): Outcome {
  const erased = new Set(history.flatMap((change) => ('erased' in change ? change.erased : [])));
  const puts = history.filter((change) => 'body' in change);
  const latest = history.findLast((change) => 'versionId' in change && !erased.has(change.versionId));
  const good = puts.filter((put) => isOfUse(put));
  const gone = puts.filter(({ versionId }) => erased.has(versionId));
  if (latest !== undefined && 'body' in latest) {
    // One that was gone before it was read is known as of no use, as long as nothing newer takes its place.
    // What a sweep makes up for is put far down, and leaves what lies between to stand.
    const between = hasLostEvents ? puts.filter((put) => !isOfUse(put)) : [];
    if (isOfUse(latest)) return { shown: [latest], rejected: [undefined, ...gone, ...between] };
    return { shown: [undefined, ...good], rejected: [latest, ...gone] };
  }
  if (rules?.onDelete !== 'keep') return { shown: [undefined], rejected: [undefined] };
  return { shown: [undefined, ...good], rejected: [undefined, ...puts] };
}

/** Whether anything in an upload can be used by a code, or its dataset takes it as it is. */
export function isUsable({ key, items, fault }: Upload, code: number): boolean {
  const rules = memberOf(key);
  if (rules === undefined || rules.onReject === 'replace') return true;
  if (items.length === 0) return fault === undefined && rules.minRecords === 0;
  const isGood = (item: Item, i: number) =>
    item.invalid(code) === undefined && !('rejected' in item.made(code, key, i + 1));
  return isEnough(items.filter(isGood).length, items.length, rules);
}

/** Whether so many good records of all are enough for a version to take effect. */
function isEnough(good: number, all: number, { maxRejected, minRecords }: Member): boolean {
  return good > 0 && all >= minRecords && all - good <= maxRejected.share * all;
}

/** The same of an upload that was processed, by the codes that did that. */
export function wasUsable(upload: Upload, { rows, filtered }: Expected): boolean {
  const rules = memberOf(upload.key);
  if (rules === undefined || rules.onReject === 'replace') return true;
  if (upload.items.length === 0) return upload.fault === undefined && rules.minRecords === 0;
  return isEnough(rows.length + filtered, upload.items.length, rules);
}

/** Whether more of an upload was rejected than its dataset allows, or it has fewer records. */
export function breaksRule({ key, items }: Upload, { rows, filtered }: Expected): boolean {
  const rejected = items.length - rows.length - filtered;
  const { maxRejected, minRecords } = memberOf(key) ?? { maxRejected: { share: 1 }, minRecords: 0 };
  return rejected > maxRejected.share * items.length || items.length < minRecords;
}

/** What must be there of a version, given its parts and which code transformed each. */
export interface Expected {
  readonly rows: readonly NumberedRow[];
  /** Record number and code. */
  readonly rejects: readonly string[];
  readonly filtered: number;
}

export interface NumberedRow {
  readonly record: number;
  readonly line: string;
  /** By MySQL: the lake has it, and the table has not. */
  readonly refused: boolean;
}

export interface Codes {
  /** Which code a receipt is of. */
  readonly of: (receipt: Receipt) => number;
  /** Into how many partitions that code lets the rows of a part fall. */
  readonly partitions: (code: number) => number;
}

/** Whether MySQL has looked at the rows of this part. */
export type Looked = (part: number) => boolean;

/** The whole specification of rows and rejects. */
export function expectedOf(
  upload: Upload,
  extraction: ExtractionReceipt,
  transformations: readonly TransformationReceipt[],
  codes: Codes,
  looked: Looked,
): Expected {
  const expected = { rows: [], rejects: [], filtered: 0 };
  const items = upload.items.map((item, i): NumberedItem => [i + 1, item]);
  for (const [part, { records }] of extraction.parts.entries()) {
    const own = items.splice(0, records);
    const transformation = transformations.find((each) => each.part === part);
    if (transformation === undefined) continue;
    const code = codes.of(transformation);
    transformItems(upload.key, own, { code, partitions: codes.partitions(code), part, looked }, expected);
  }
  return expected;
}

interface Gathered {
  readonly rows: NumberedRow[];
  readonly rejects: string[];
  filtered: number;
}

type NumberedItem = readonly [record: number, item: Item];

function transformItems(
  key: string,
  items: readonly NumberedItem[],
  { code, partitions, part, looked }: { code: number; partitions: number; part: number; looked: Looked },
  to: Gathered,
): void {
  const columns = memberOf(key)?.columns ?? [];
  const used = new Set<string>();
  for (const [record, item] of items) {
    const reason = item.invalid(code);
    if (reason !== undefined) {
      to.rejects.push(`${record} ${reason}`);
      continue;
    }
    const made = item.made(code, key, record);
    if ('filtered' in made) to.filtered += 1;
    else if ('rejected' in made) to.rejects.push(`${record} ${made.rejected}`);
    else if (!used.has(made.partition) && used.size === partitions) to.rejects.push(`${record} invalid_row`);
    else {
      used.add(made.partition);
      to.rows.push({ record, line: lineOf(made.row, columns), refused: made.refused });
      if (made.refused && looked(part)) to.rejects.push(`${record} not_storable`);
    }
  }
}

/** How many rows a version has that is through all stages; `undefined` while a receipt lacks. */
export function rowsOfWhole(upload: Upload, receipts: readonly Receipt[], codes: Codes): number | undefined {
  const extraction = receipts.find((each) => each.stage === 'extraction');
  const transformations = receipts.filter((each) => each.stage === 'transformation');
  if (extraction === undefined || transformations.length < extraction.parts.length) return undefined;
  return expectedOf(upload, extraction, transformations, codes, () => false).rows.length;
}

/** A row as the specification writes it. */
export function lineOf(row: Row | Readonly<Record<string, unknown>>, columns: readonly string[]): string {
  return columns.map((column) => row[column] ?? 'NULL').join(' | ');
}

const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };

/** The same of a file of the lake. */
export async function linesOf(
  bytes: Uint8Array,
  { extension, partitionPath }: { readonly extension: string; readonly partitionPath: string },
  columns: readonly string[],
): Promise<string[]> {
  const partition = Object.fromEntries(parsePartitionPath(partitionPath));
  const rows =
    extension === 'csv'
      ? Papa.parse<Record<string, string>>(Buffer.from(bytes).toString(), {
          header: true,
          skipEmptyLines: true,
        }).data.map((row) => Object.fromEntries(Object.entries(row).filter(([, text]) => text !== '')))
      : await parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors });
  return rows.map((row) => lineOf({ ...row, ...partition }, columns));
}

/** Where a row of a compacted file is from. */
export interface CompactedRow {
  readonly source: string;
  readonly version: string;
  readonly record: number;
}

/** Of the rows of a compacted file, in its order. */
export async function originsOf(bytes: Uint8Array): Promise<CompactedRow[]> {
  const columns = ['_source', '_version', '_record'];
  const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors, columns });
  return rows.map(({ _source: source, _version: version, _record: record }) => ({
    source: String(source),
    version: String(version),
    record: Number(record),
  }));
}
