import { registry } from '../../datasets/index.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError } from '../../domain/errors.ts';
import { summarize } from '../../domain/operations/reconciliation.ts';
import { decode, type InputRecord } from '../../domain/records/decoding/decode.ts';
import { processRecord } from '../../domain/records/processing.ts';
import type { Problem, RejectLine } from '../../domain/records/reject.ts';
import { readRecord } from '../../domain/records/validation.ts';
import { type ObjectVersion, versionPath } from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import { ObjectNotFound } from '../../store/object-store.ts';
import { rowOfRecord } from '../lake/lake-record.ts';
import { rawSource } from '../target/raw-source.ts';
import type { Target } from '../target/target.ts';
import { count } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { ledgerOf } from './ledger.ts';
import { rejectLines } from './rejects/lines.ts';

/** One record of the active version, from its input to its row or reject. */
export interface RecordTrace {
  readonly recordNumber: number;
  /** With its revision. */
  readonly versionId: string;
  /** The record as it was sent; absent when the version is gone or has no such record. */
  readonly input?: string;
  /** The stored result: a row of the lake, or a reject. */
  readonly stored?:
    | { readonly file: string; readonly row: Readonly<Record<string, unknown>> }
    | { readonly file: string; readonly reject: RejectLine };
  /** The result of the code in this checkout. Nothing else says why a single record was filtered. */
  readonly here?:
    | { readonly row: Readonly<Record<string, unknown>> }
    | { readonly filtered: string }
    | { readonly rejected: string };
}

/** The version whose records are explained: the active one, else the last one that is extracted. */
export function versionToExplain({
  key,
  dataset,
  current,
  attempts,
}: LedgerEntry): ObjectVersion | undefined {
  const shown =
    current?.type === 'created' ? current : attempts.findLast(({ status }) => status !== 'extracting');
  return shown && { dataset, key, versionId: shown.versionId };
}

/** Traces one record of a version by its number in the object; the first is 1. */
export async function explainRecord(
  target: Target,
  { dataset: name, key, versionId }: ObjectVersion,
  recordNumber: number,
): Promise<RecordTrace> {
  const dataset = registry.named(name);
  if (dataset === undefined) return { recordNumber, versionId };
  const receipts = await ledgerOf(target).receipts(versionPath({ dataset: name, key, versionId }));
  const { files, read } = summarize(receipts);
  if (receipts.some(({ stage }) => stage === 'extraction') && recordNumber > read)
    throw new UserError(
      `${key} has no record ${recordNumber}: ${count(read, 'record')} of version ${versionId} ${read === 1 ? 'was' : 'were'} read.`,
    );
  const [stored, raw] = await Promise.all([
    storedAs(target, { dataset: name, key, versionId }, files, recordNumber),
    rawRecord(target, dataset, key, versionId, recordNumber),
  ]);
  return {
    recordNumber,
    versionId,
    ...(raw !== undefined && { input: textOf(raw), here: outcomeHere(dataset, key, raw, recordNumber) }),
    ...(stored && { stored }),
  };
}

async function storedAs(
  target: Target,
  version: ObjectVersion,
  files: ReturnType<typeof summarize>['files'],
  recordNumber: number,
): Promise<RecordTrace['stored']> {
  const { failed, processed } = target.outputs.buckets;
  for (const { place, key } of files) {
    if (place !== 'failed') continue;
    for await (const { reject } of rejectLines(target, failed, key))
      if (reject.recordNumber === recordNumber) return { file: `s3://${failed}/${key}`, reject };
  }
  const lake = files.filter(({ place }) => place === 'processed').map(({ key }) => key);
  const found = await rowOfRecord(target, version, lake, recordNumber);
  return found && { file: `s3://${processed}/${found.key}`, row: found.row };
}

/** Reads the object up to the record; `undefined` when it has fewer records or is gone. */
async function rawRecord(
  target: Target,
  dataset: Dataset,
  key: string,
  name: string,
  recordNumber: number,
): Promise<InputRecord | undefined> {
  const { versionId } = parseRevision(name);
  try {
    let read = 0;
    for await (const records of decode(dataset, rawSource(target, key, versionId))) {
      const wanted = records[recordNumber - 1 - read];
      if (wanted !== undefined) return wanted;
      read += records.length;
    }
  } catch (error) {
    if (!(error instanceof ObjectNotFound) && !(error instanceof PermanentError)) throw error;
  }
  return undefined;
}

function textOf(record: InputRecord): string {
  const reading = readRecord(record);
  const text = 'code' in reading ? (reading.json ?? reading.excerpt ?? '') : reading.json();
  // Not `trim`, which would also remove a byte-order mark.
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
}

function outcomeHere(
  dataset: Dataset,
  key: string,
  record: InputRecord,
  recordNumber: number,
): NonNullable<RecordTrace['here']> {
  const made = processRecord(dataset, record, { key, recordNumber });
  if ('reject' in made) return { rejected: withoutRecord(made.reject) };
  return 'filtered' in made ? { filtered: made.filtered } : { row: made.row };
}

function withoutRecord({ code, path, message }: Problem): string {
  return `${code}${path === '' ? '' : ` at ${path}`}: ${message}`;
}
