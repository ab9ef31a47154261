import type { Command } from 'commander';
import {
  heldUntil,
  isInterrupted,
  isSettled,
  isShownBy,
  type LedgerEntry,
} from '../../domain/versions/ledger.ts';
import { total } from '../../domain/versions/receipt.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import { rawKey } from '../lake/s3-url.ts';
import { type ObjectHistory, objectHistory, type StageWork, type TimelineEvent } from '../ledger/explain.ts';
import { explainRecord, type RecordTrace, versionToExplain } from '../ledger/explain-record.ts';
import { rejectTables } from '../ledger/rejects/describe.ts';
import { type ListedReject, rejects } from '../ledger/rejects/rejects.ts';
import { describeState, troubleText, unknownFieldsText } from '../ledger/states/describe-state.ts';
import type { KeyState } from '../ledger/states/key-state.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { pointInTime, whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import {
  bytes,
  count,
  duration,
  integer,
  Progress,
  printable,
  printableJson,
  styled,
  table,
} from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface ExplainOptions {
  readonly record?: number;
  readonly since?: number;
  readonly json?: boolean;
}

const LOGS_BACK_MS = 86_400_000;

export function explain(program: Command): void {
  program
    .command('explain')
    .description(
      'show the history of an object: its versions, what each stage decided and did, and how long it took',
    )
    .argument('<key>', 'a key in the raw bucket, or s3://raw/KEY')
    .option(
      '-r, --record <number>',
      'show the result of this record of the active version; the first record is 1',
      whole(1),
    )
    .option(
      '--since <time>',
      'how far back to read the logs: 2026-11-22, 12h or 7d (default: 1d)',
      pointInTime,
    )
    .option('--json', 'as JSON')
    .action(async (asked: string, options: ExplainOptions) => {
      const target = await chosenTarget(program);
      const key = rawKey(target, asked);
      const progress = new Progress();
      progress.show('Reading the ledger, the buckets and the logs');
      const history = await objectHistory(target, key, options.since ?? Date.now() - LOGS_BACK_MS).finally(
        () => progress.end(),
      );
      if (history.versions.length === 0 && history.entry === undefined && history.moments.length === 0)
        throw new UserError(`There is no history of ${key}: it was never in ${target.outputs.buckets.raw}.`);
      if (options.record === undefined) {
        const first = history.entry && (await firstRejects(target, key));
        if (options.json) console.log(printableJson({ ...withoutReceipts(history), rejects: first }, 2));
        else {
          printHistory(history);
          if (first !== undefined && first.records > 0) console.log(`\n${rejectsText(key, first)}`);
        }
        return;
      }
      const trace = await traceOf(target, history, options.record);
      console.log(options.json ? printableJson(trace, 2) : traceText(trace));
    });
}

function withoutReceipts({ work, ...history }: ObjectHistory) {
  return { ...history, work: work.map(({ receipts: _, ...each }) => each) };
}

const FIRST_REJECTS = 10;

interface FirstRejects {
  /** How many records are rejected. */
  readonly records: number;
  readonly first: readonly ListedReject[];
}

async function firstRejects(target: Target, key: string): Promise<FirstRejects> {
  const first: ListedReject[] = [];
  let records = 0;
  const request = { keys: [key], codes: [], since: 0, limit: FIRST_REJECTS, withRecord: false };
  for await (const step of rejects(target, request)) {
    if ('reject' in step) first.push(step.reject);
    if ('work' in step) records += total(step.work.rejected);
  }
  return { records, first };
}

function rejectsText(key: string, { records, first }: FirstRejects): string {
  const shown =
    first.length < records
      ? `, ${first.length === 0 ? 'none' : `the first ${first.length}`} listed here`
      : '';
  return [
    `${count(records, 'rejected record')}${shown}:`,
    '',
    ...(first.length > 0 ? [rejectTables(first), ''] : []),
    `To see ${first.length < records ? 'all, ' : 'them '}as they were sent: npx sluice rejects ${printable(key)} --record`,
  ].join('\n');
}

function printHistory(history: ObjectHistory): void {
  const { key, dataset, versions, entry, state, work, moments, unreadable, logsComplete } = history;
  console.log(`${styled('bold', printable(key))}  (dataset ${dataset})\n`);
  let before: number | undefined;
  for (const moment of moments) {
    const isMeasured = before !== undefined && !moment.rounded && moment.at > before;
    const gap = isMeasured ? `+${duration(moment.at - (before ?? 0))}` : '';
    before = moment.rounded ? undefined : moment.at;
    console.log(eventLine(moment, gap, versions));
  }
  if (!logsComplete)
    console.log('(Some log lines were not read: there are too many. To read fewer: --since)');
  if (work.length > 0) console.log(`\n${workTable(work)}`);
  if (state !== undefined) console.log(`\n${stateLines(state)}`);
  if (unreadable.length === 0) {
    if (entry !== undefined) console.log(`\n${entryText(entry, state)}`);
    return;
  }
  console.log();
  for (const message of unreadable) console.log(styled('red', printable(message)));
  console.log(`To reprocess it: npx sluice replay ${printable(key)} --force`);
}

function stateLines(state: KeyState): string {
  const facts = [troubleText(state), unknownFieldsText(state), ...state.notes.map(printable)].filter(
    (each) => each !== undefined,
  );
  return [describeState(state), ...facts].join('\n  ');
}

function eventLine(
  { at, rounded, versionId, stage, what }: TimelineEvent,
  gap: string,
  versions: ObjectHistory['versions'],
): string {
  const written = new Date(at).toISOString().replace('T', ' ').replace('Z', '');
  const time = rounded ? written.replace(/\.\d{3}$/, '    ') : written;
  const size = versions.find((each) => each.versionId === versionId)?.size;
  const text = stage === undefined && size !== undefined ? `${what}, ${bytes(size)}` : what;
  return [
    styled('dim', time),
    gap.padStart(12),
    short(versionId ?? '').padEnd(NAME_WIDTH),
    (stage ?? 'raw bucket').padEnd('transformation'.length),
    printable(text),
  ].join('  ');
}

const SHORT = 10;
const NAME_WIDTH = SHORT + '!0001'.length;

/** The beginning of a version id, enough to tell it from the key's other versions; and its revision. */
function short(name: string): string {
  const { versionId } = parseRevision(name);
  return printable(`${versionId.slice(0, SHORT)}${name.slice(versionId.length)}`);
}

function workTable(work: readonly StageWork[]): string {
  return table(work, [
    { title: 'VERSION', value: ({ versionId }) => short(versionId) },
    { title: 'STAGE', value: ({ stage }) => stage },
    { title: 'ITEMS', value: ({ pieces }) => integer(pieces), align: 'right' },
    {
      title: 'WAITED',
      value: ({ waitedMs }) => (waitedMs === undefined ? '–' : duration(waitedMs)),
      align: 'right',
    },
    { title: 'TOOK', value: ({ tookMs }) => duration(tookMs), align: 'right' },
    { title: 'WORK', value: ({ workMs }) => duration(workMs), align: 'right' },
  ]);
}

function attemptEnd(attempt: LedgerEntry['attempts'][number]): string {
  const version = printable(attempt.versionId);
  if (attempt.status === 'extracted') return `version ${version} is extracted, and not published yet`;
  if (attempt.status === 'rejected')
    return `version ${version} was rejected: ${attempt.fault?.code ?? 'none of its records is usable'}`;
  const until = new Date(heldUntil(attempt)).toISOString();
  if (isInterrupted(attempt, Date.now()))
    return `the extraction of version ${version} was interrupted, at ${until} at the latest`;
  if (attempt.handedOver === undefined || attempt.leaseUntil > Date.now())
    return `version ${version} is being extracted, until ${until} at the latest`;
  const since = new Date(attempt.handedOver).toISOString();
  return `the rest of version ${version} waits for a function that goes on with it, since ${since}`;
}

/** What does not show the active version yet, or still shows what is deleted. */
function unshownBy(entry: LedgerEntry, state: KeyState | undefined): string[] {
  // The trouble says it.
  if (state?.trouble?.kind === 'plain_files') return [];
  if (entry.current === undefined || isSettled(entry)) return [];
  const isDeleted = entry.current.type === 'deleted';
  const what = isDeleted ? 'is not known to have removed its rows' : 'does not show it yet';
  return [
    ...(isShownBy('committed', entry) ? [] : [`the table of the lake ${what}`]),
    ...(isShownBy('loaded', entry) ? [] : [`the archive, with MySQL, ${what}`]),
  ];
}

function entryText(entry: LedgerEntry, state: KeyState | undefined): string {
  const { current, attempts, superseded } = entry;
  const facts = [
    current === undefined
      ? 'It has no active version'
      : current.type === 'created'
        ? `${isSettled(entry) ? 'The tables show version' : 'The active version is'} ${printable(current.versionId)}`
        : `It is deleted${isSettled(entry) ? ', and its rows are retracted' : ''}`,
    ...unshownBy(entry, state),
    ...attempts.map(attemptEnd),
    ...(superseded.length > 0
      ? [`the rows and files of ${count(superseded.length, 'superseded version')} will be removed next`]
      : []),
  ];
  return `${facts.join('; ')}.`;
}

async function traceOf(
  target: Target,
  { entry, key }: ObjectHistory,
  recordNumber: number,
): Promise<RecordTrace> {
  const version = entry && versionToExplain(entry);
  if (version === undefined)
    throw new UserError(`${key} has no active version. To see its history: npx sluice explain ${key}`);
  return explainRecord(target, version, recordNumber);
}

function traceText({ recordNumber, versionId, input, stored, here }: RecordTrace): string {
  const lines = [`Record ${integer(recordNumber)} of version ${printable(versionId)}`];
  if (input !== undefined) lines.push(`  input: ${printable(input)}`);
  if (stored !== undefined && 'row' in stored)
    lines.push(`  was written as a row: ${printableJson(stored.row)}`, `  in ${printable(stored.file)}`);
  else if (stored !== undefined) {
    const { code, path, message } = stored.reject;
    lines.push(
      `  was rejected, ${code}${path === '' ? '' : ` at ${printable(path)}`}: ${printable(message)}`,
      `  in ${printable(stored.file)}`,
    );
  } else if (here !== undefined && 'filtered' in here)
    lines.push(`  was filtered: ${printable(here.filtered)}`);
  else
    lines.push(
      input === undefined
        ? '  is not in this version, or was filtered: neither a row nor a reject has its number.'
        : '  is neither a row nor a reject yet.',
    );
  const changed = here !== undefined && stored !== undefined && outcome(here) !== outcome(stored);
  if (changed)
    lines.push(
      `  This checkout's code has a different result: ${hereText(here)}. To reprocess the object: npx sluice replay`,
    );
  return lines.join('\n');
}

function outcome(of: NonNullable<RecordTrace['here'] | RecordTrace['stored']>): string {
  if ('row' in of) return 'row';
  return 'filtered' in of ? 'filtered' : 'rejected';
}

function hereText(here: NonNullable<RecordTrace['here']>): string {
  if ('row' in here) return 'a row';
  return 'filtered' in here ? `filtered, ${printable(here.filtered)}` : printable(here.rejected);
}
