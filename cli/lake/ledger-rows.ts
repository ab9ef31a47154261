import {
  type LedgerTableName,
  MOST_TEXT,
  type ObjectRow,
  type RejectRow,
} from '../../domain/tables/ledger-tables.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { versionSegment } from '../../domain/versions/key-layout.ts';
import { type LedgerEntry, shownVersions, type Version } from '../../domain/versions/ledger.ts';
import { type Receipt, total } from '../../domain/versions/receipt.ts';
import { unreadableDocument } from '../../store/ledger.ts';
import { type ListedEntry, listedEntries } from '../../store/ledger-listing.ts';
import { concurrently } from '../concurrently.ts';
import { ledgerOf } from '../ledger/ledger.ts';
import { type ListedReject, rejects } from '../ledger/rejects/rejects.ts';
import { stateOf } from '../ledger/states/object-state.ts';
import type { Target } from '../target/target.ts';

const OBJECTS_AT_ONCE = 16;

/** A row of a table about the pipeline's own work, or why one is missing. */
export type LedgerStep =
  | { readonly dataset: string; readonly row: RejectRow | ObjectRow }
  | { readonly problem: string };

/** Reads a table's rows, dataset by dataset, from the ledger and the failed bucket as they are now. */
export function ledgerRows(target: Target, table: LedgerTableName, asOf: string): AsyncGenerator<LedgerStep> {
  return table === 'rejects' ? rejectRows(target, asOf) : objectRows(target, asOf);
}

async function* rejectRows(target: Target, asOf: string): AsyncGenerator<LedgerStep> {
  const all = { keys: [], codes: [], since: 0, limit: Number.POSITIVE_INFINITY, withRecord: true };
  for await (const step of rejects(target, all)) {
    if ('reject' in step) yield { dataset: step.reject.dataset, row: rejectRow(step.reject, asOf) };
    else if ('problem' in step) yield step;
  }
}

function rejectRow(reject: ListedReject, asOf: string): RejectRow {
  const { key, versionId, standing, recordNumber, stage, code, path, message, record, excerpt } = reject;
  const isWhole = record !== undefined && record.length <= MOST_TEXT;
  return {
    key,
    version_id: versionId,
    standing,
    record_number: recordNumber,
    stage,
    code,
    path: beginning(path),
    message: beginning(message),
    record: isWhole ? record : null,
    excerpt: isWhole ? null : beginning(record ?? excerpt ?? null),
    rejected_at: milliseconds(reject.finishedAt),
    code_version: reject.codeVersion,
    as_of: asOf,
  };
}

/** As much of a text as Redshift holds, without half a character at its end. */
function beginning<Text extends string | null>(text: Text): Text {
  if (text === null || text.length <= MOST_TEXT) return text;
  return text.slice(0, MOST_TEXT).replace(/[\ud800-\udbff]$/, '') as Text;
}

const milliseconds = (time: string) => new Date(time).toISOString();

async function* objectRows(target: Target, asOf: string): AsyncGenerator<LedgerStep> {
  const listed = listedEntries(target, target.outputs.buckets.ledger);
  for await (const steps of concurrently(listed, OBJECTS_AT_ONCE, (each) => versionsOf(target, each, asOf)))
    yield* steps;
}

/** A row for each version of an object that the ledger knows: in its entry, or by a receipt. */
async function versionsOf(target: Target, listed: ListedEntry, asOf: string): Promise<LedgerStep[]> {
  const known = listed.hasEntry ? await ledgerOf(target).known(listed).catch(unreadableDocument) : undefined;
  const entry = known instanceof UnreadableDocument ? known : known?.entry;
  const steps: LedgerStep[] = entry instanceof UnreadableDocument ? [{ problem: entry.message }] : [];
  const named =
    entry === undefined || entry instanceof UnreadableDocument
      ? []
      : [...shownVersions(entry), ...entry.attempts];
  const versions = new Map(named.map((each) => [versionSegment(each.versionId), each]));
  for (const segment of new Set([...listed.versions.keys(), ...versions.keys()])) {
    const keys = listed.versions.get(segment) ?? [];
    const { receipts, unreadable } = await ledgerOf(target).readableReceipts(keys);
    steps.push(...unreadable.map(({ message }) => ({ problem: message })));
    const key = entry !== undefined && 'attempts' in entry ? entry.key : receipts[0]?.key;
    const version = versions.get(segment) ?? receipts[0];
    // Nothing tells whose version it is; the problem says so.
    if (key === undefined || version === undefined) continue;
    const state = stateIn(unreadable[0] ?? entry, version, receipts);
    const object = { dataset: listed.dataset, key, versionId: version.versionId };
    steps.push({ dataset: listed.dataset, row: objectRow(object, version, state, receipts, asOf) });
  }
  return steps;
}

/**
 * The state of a version: how it was overtaken, else how far its receipts show it.
 *
 * @param entry the ledger entry of its object, or the document that can't be read
 */
export function stateIn(
  entry: LedgerEntry | UnreadableDocument | undefined,
  { versionId }: Version,
  receipts: readonly Receipt[],
): string {
  if (entry instanceof UnreadableDocument) return 'unreadable';
  const byReceipts = () => stateOf({ dataset: '', key: '', versionId }, receipts).stage;
  if (entry === undefined) return byReceipts();
  const { current, attempts } = entry;
  const attempt = attempts.find((each) => each.versionId === versionId);
  if (attempt?.status === 'extracting') return 'extraction';
  if (attempt?.status === 'extracted') return 'transformation';
  if (attempt !== undefined)
    return attempt.fault !== undefined || byReceipts() === 'failed' ? 'failed' : 'rejected';
  if (current?.type === 'created' && current.versionId === versionId) return byReceipts();
  return current?.type === 'deleted' ? 'retracted' : 'superseded';
}

function objectRow(
  object: { readonly dataset: string; readonly key: string; readonly versionId: string },
  { sequencer }: Version,
  state: string,
  receipts: readonly Receipt[],
  asOf: string,
): ObjectRow {
  const { read, written, filtered, rejected, fault } = stateOf(object, receipts);
  const extraction = receipts.find((each) => each.stage === 'extraction');
  const workMs = (stage: Receipt['stage']) =>
    receipts.reduce((sum, each) => sum + (each.stage === stage ? each.durationMs : 0), 0);
  const ends = receipts.map(({ finishedAt }) => milliseconds(finishedAt)).sort();
  return {
    key: object.key,
    version_id: object.versionId,
    sequencer,
    state,
    fault: fault?.code ?? null,
    fault_message: beginning(fault?.message ?? null),
    bytes: extraction?.bytes ?? null,
    read,
    written,
    filtered: total(filtered),
    rejected: total(rejected),
    extraction_ms: workMs('extraction'),
    transformation_ms: workMs('transformation'),
    loading_ms: workMs('loading'),
    extracted_at: extraction === undefined ? null : milliseconds(extraction.finishedAt),
    finished_at: ends.at(-1) ?? null,
    code_version: extraction?.codeVersion ?? null,
    as_of: asOf,
  };
}
