import * as z from 'zod';
import { registry } from '../../datasets/index.ts';
import { summarize } from '../../domain/operations/reconciliation.ts';
import { type Stage, stages } from '../../domain/stage.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import type { Fault } from '../../domain/versions/failures/fault.ts';
import {
  type LedgerPlace,
  type NoteKind,
  noteKinds,
  objectId,
  parsePartKey,
  parsePublicationKey,
  versionSegment,
} from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import type { Receipt } from '../../domain/versions/receipt.ts';
import { unreadableDocument } from '../../store/ledger.ts';
import { listedEntry } from '../../store/ledger-listing.ts';
import { type ListedVersion, versionsOf } from '../../store/listing.ts';
import type { Target } from '../target/target.ts';
import { linesWith, logGroupOf } from '../terminal/log-events.ts';
import { count } from '../terminal/terminal.ts';
import { ledgerOf } from './ledger.ts';
import { shownMoments } from './shown-moments.ts';
import { type KeyState, keyState } from './states/key-state.ts';
import { notesUnder } from './states/notes.ts';
import { TroubleFinder } from './states/trouble.ts';

/** Something that happened to an object. */
export interface TimelineEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whether the time is S3's, which is rounded down to the second. */
  readonly rounded?: boolean;
  /** With its revision, if known. */
  readonly versionId: string | undefined;
  readonly stage: Stage | undefined;
  readonly what: string;
}

/** All work items of a stage on a version. */
export interface StageWork {
  readonly versionId: string;
  readonly stage: Stage;
  readonly pieces: number;
  /** From the sending of the first message to its start, in milliseconds; unknown of older receipts. */
  readonly waitedMs: number | undefined;
  /** From the first start to the last end; milliseconds. */
  readonly tookMs: number;
  /** The sum over all work items, which may have run at the same time; milliseconds. */
  readonly workMs: number;
  readonly receipts: readonly Receipt[];
}

/** Everything known about a key of the raw bucket. */
export interface ObjectHistory {
  readonly key: string;
  readonly dataset: string;
  readonly entry: LedgerEntry | undefined;
  /** `undefined` if the raw bucket has no version of the key. */
  readonly state: KeyState | undefined;
  /** Newest first. */
  readonly versions: readonly ListedVersion[];
  readonly work: readonly StageWork[];
  /** Messages on documents of the ledger that can't be read. */
  readonly unreadable: readonly string[];
  /** Oldest first. */
  readonly moments: readonly TimelineEvent[];
  /** Whether the logs were read to their end. */
  readonly logsComplete: boolean;
}

const MOST_LINES = 500;
const PATIENCE_MS = 10_000;

/**
 * Collects the history of a key from the buckets, the ledger and the logs.
 *
 * @param logsSince milliseconds since the epoch
 */
export async function objectHistory(target: Target, key: string, logsSince: number): Promise<ObjectHistory> {
  const path = target.registry.placeOf(key);
  const [versions, known, entry, notes, published, logs] = await Promise.all([
    versionsOf(target, target.outputs.buckets.raw, key),
    ledgerOf(target).known(path).catch(unreadableDocument),
    listedEntry(target, target.outputs.buckets.ledger, path),
    notesOf(target, path),
    shownMoments(target, path),
    logged(target, key, logsSince),
  ]);
  const latest = versions.find((version) => version.latest);
  const { receipts, unreadable } = await ledgerOf(target).readableReceipts(
    [...entry.versions.values()].flat(),
  );
  if (known instanceof UnreadableDocument) unreadable.push(known);
  const work = workOf(receipts);
  const moments: TimelineEvent[] = [
    ...versions.map(({ versionId, deleted, modified }) => ({
      at: modified,
      rounded: true,
      versionId,
      stage: undefined,
      what: deleted ? 'deleted' : 'put',
    })),
    ...work.flatMap(momentsOf),
    ...notes,
    ...published.map((moment) => afterItsWork(moment, work)),
    ...logs.moments,
  ];
  return {
    key,
    dataset: path.dataset,
    entry: known instanceof UnreadableDocument ? undefined : known?.entry,
    state: latest && (await keyState(target, latest, new TroubleFinder(target))),
    unreadable: unreadable.map(({ message }) => message),
    versions,
    work,
    moments: moments.sort((a, b) => a.at - b.at),
    logsComplete: logs.complete,
  };
}

/** Each version's work by stage, in the order in which it was done. */
function workOf(receipts: readonly Receipt[]): StageWork[] {
  const byVersion = Map.groupBy(receipts, ({ versionId }) => versionId);
  const inOrder = [...byVersion].sort(([, a], [, b]) => firstOf(a) - firstOf(b));
  return inOrder.flatMap(([versionId, all]) =>
    stages.flatMap((stage): StageWork[] => {
      const own = all.filter((each) => each.stage === stage);
      if (own.length === 0) return [];
      const begun = firstOf(own);
      const { sentAt } = own.find((each) => beginning(each) === begun) ?? {};
      const waitedMs = sentAt === undefined ? undefined : Math.max(0, begun - Date.parse(sentAt));
      const tookMs = lastOf(own) - begun;
      const workMs = own.reduce((sum, { durationMs }) => sum + durationMs, 0);
      return [{ versionId, stage, pieces: own.length, waitedMs, tookMs, workMs, receipts: own }];
    }),
  );
}

const firstOf = (receipts: readonly Receipt[]) =>
  receipts.reduce((first, each) => Math.min(first, beginning(each)), Number.POSITIVE_INFINITY);
const lastOf = (receipts: readonly Receipt[]) =>
  receipts.reduce((last, each) => Math.max(last, end(each)), 0);
const end = ({ finishedAt }: Receipt) => Date.parse(finishedAt);
const beginning = (receipt: Receipt) => end(receipt) - receipt.durationMs;

function momentsOf({ versionId, stage, pieces, receipts }: StageWork): TimelineEvent[] {
  const of = { versionId, stage };
  const last = lastOf(receipts);
  const codes = [...new Set(receipts.map(({ codeVersion }) => codeVersion))].join(' and ');
  const begun = firstOf(receipts);
  return [
    { at: begun, ...of, what: `started${pieces > 1 ? `, the first of ${count(pieces, 'work item')}` : ''}` },
    { at: last, ...of, what: `done: ${resultOf(stage, receipts)} (code ${codes})` },
  ];
}

/** `100 read, 3 rejected (empty 3), 1 part` */
function resultOf(stage: Stage, receipts: readonly Receipt[]): string {
  const { read, written, filtered, rejected, files } = summarize(receipts);
  const entries = (tally: Readonly<Record<string, number>>) =>
    Object.entries(tally).map(([name, n]) => `${name} ${n}`);
  const rejects = entries(rejected);
  const facts: string[] = [];
  for (const each of receipts) {
    if (each.stage !== 'extraction') continue;
    facts.push(
      `${read} read, ${each.inPlace ? 'transformed in place' : `in ${count(each.parts.length, 'part')}`}`,
    );
    if (each.fault) facts.push(`fault ${each.fault.code}: ${each.fault.message}`);
  }
  if (stage === 'transformation') {
    const inLake = files.filter(({ place }) => place === 'processed');
    facts.push(`${written} written, to ${count(inLake.length, 'file')}`);
    if (entries(filtered).length > 0) facts.push(`filtered: ${entries(filtered).join(', ')}`);
  }
  if (stage === 'loading') {
    const archived = files.filter(({ place }) => place === 'archive');
    facts.push(`${archived.reduce((sum, file) => sum + file.records, 0)} archived`);
    const tables = summarize(receipts).tables;
    if (tables) facts.push(`${tables.rows} in MySQL`);
    rejects.push(...entries(tables?.rejected ?? {}));
  }
  if (rejects.length > 0) facts.push(`rejected: ${rejects.join(', ')}`);
  return facts.join('; ');
}

/** S3 rounds times down, to before the end of the work that made a version whole. */
function afterItsWork(moment: TimelineEvent, work: readonly StageWork[]): TimelineEvent {
  const before = work.find(
    ({ versionId, stage }) => versionSegment(versionId) === moment.versionId && stage === moment.stage,
  );
  return before === undefined ? moment : { ...moment, at: Math.max(moment.at, lastOf(before.receipts)) };
}

/** Events from the failed bucket: faults, and attempts that failed. */
async function notesOf(target: Target, { dataset, objectId: id }: LedgerPlace): Promise<TimelineEvent[]> {
  const moments: TimelineEvent[] = [];
  const prefixes = noteKinds.map((kind) => `${kind}/${dataset}/${id}/`);
  for await (const { kind, item, fault, at } of notesUnder(target, prefixes)) {
    // The receipt of the extraction has its fault.
    if (kind === 'faults' && fault.stage === 'extraction') continue;
    // The document has the version of the input: of a part, or of a file of the lake.
    const { stage, path } = item;
    moments.push({ at, rounded: true, versionId: path.version, stage, what: noteText(kind, fault) });
  }
  return moments;
}

function noteText(kind: NoteKind, { code, message, attempt }: Fault): string {
  const reason = `${code}: ${message}`;
  if (kind === 'faults') return `fault, ${reason}`;
  const which = attempt === undefined ? 'the last attempt' : `attempt ${attempt.number} of ${attempt.of}`;
  return attempt?.failed === false ? `${which} began` : `${which} failed, ${reason}`;
}

const logLine = z.looseObject({
  message: z.string(),
  timestamp: z.iso.datetime({ offset: true }).optional(),
  key: z.string().optional(),
  versionId: z.string().optional(),
  dataset: z.string().optional(),
  result: z.string().optional(),
  error: z.object({ message: z.string() }).optional(),
  body: z.string().optional(),
});

/** Events from the logs: what the functions decided about the key's messages. */
async function logged(
  target: Target,
  key: string,
  startTime: number,
): Promise<{ readonly moments: readonly TimelineEvent[]; readonly complete: boolean }> {
  const texts: Readonly<Record<Stage, string>> = {
    extraction: JSON.stringify(key).slice(1, -1),
    transformation: objectId(key),
    commit: objectId(key),
    loading: objectId(key),
  };
  const found = await Promise.all(
    stages.map(async (stage) => {
      const group = await logGroupOf(target, target.outputs.functions[stage]);
      const { lines, complete } = await linesWith(
        target,
        group,
        { text: texts[stage], startTime },
        { most: MOST_LINES, patience: PATIENCE_MS },
      );
      const moments = lines.flatMap(({ message = '', timestamp = 0 }) =>
        decisionOf(message, timestamp, stage, stage === 'extraction' ? key : undefined),
      );
      return { moments: stage === 'extraction' ? moments : mergeTimeline(moments), complete };
    }),
  );
  return {
    moments: found.flatMap(({ moments }) => moments),
    complete: found.every(({ complete }) => complete),
  };
}

/** The event in a log line that no receipt has, if there is one. */
function decisionOf(text: string, at: number, stage: Stage, key: string | undefined): TimelineEvent[] {
  const { data } = logLine.safeParse(parseJson(text));
  if (data === undefined) return [];
  const { dataset, key: of, versionId, result, error, body, message } = data;
  if (error !== undefined && body !== undefined) {
    if (key !== undefined && keyIn(body) !== key) return [];
    return [{ at, versionId: undefined, stage, what: `returned to the queue: ${error.message}` }];
  }
  if (result === undefined || result === 'failed') return [];
  // Receipts and snapshots tell of what is done; a table of CSV files has no snapshots.
  const isCommitOfCopies = stage === 'commit' && dataset !== undefined && isCsv(dataset);
  if (result === 'done' && !isCommitOfCopies) return [];
  if (key !== undefined && of !== key) return [];
  if (stage === 'extraction') return [{ at, versionId, stage, what: message }];
  const piece = parsePartKey(of ?? '') ?? parsePublicationKey(of ?? '');
  return [{ at, versionId: piece?.version, stage, what: result }];
}

const isCsv = (dataset: string) => registry.named(dataset)?.processedAs === 'csv';

/** Merges the events of a version's work items that say the same into one, at the time of the last. */
function mergeTimeline(moments: readonly TimelineEvent[]): TimelineEvent[] {
  const groups = Map.groupBy(moments, ({ versionId, what }) => `${versionId} ${what}`);
  return [...groups.values()].flatMap((group) => {
    const last = group.at(-1);
    return last === undefined ? [] : [{ ...last, what: `${count(group.length, 'work item')} ${last.what}` }];
  });
}

const bodyKey = z.object({ detail: z.object({ object: z.object({ key: z.string() }) }) });

function keyIn(body: string): string | undefined {
  return bodyKey.safeParse(parseJson(body)).data?.detail.object.key;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
