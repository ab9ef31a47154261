import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { tableColumns } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { type ByteRange, type Source, sourceOfBytes } from '../../domain/records/decoding/source.ts';
import { rejectRecord } from '../ledger/rejects/describe.ts';
import { datasetOf, keyIn, sourceOfFile, statFile } from '../options/files.ts';
import { datasetNames, whole } from '../options/options.ts';
import { untilInterrupted } from '../target/until-interrupted.ts';
import { fitStart } from '../terminal/fit.ts';
import { renderRows } from '../terminal/rows.ts';
import {
  bytes,
  count,
  integer,
  lineWidth,
  Progress,
  printable,
  printableJson,
  styled,
  table,
} from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { rejectedIn, type Trial, trialOf } from '../trial/trial.ts';
import { verdictText } from '../trial/verdict-text.ts';

/** A damaged file is read twice, so what comes through a pipe is kept in memory. Bytes. */
const MOST_PIPED = 256 * 1024 * 1024;
/** How often the progress changes. Milliseconds. */
const PROGRESS_MS = 200;

interface TryOptions {
  readonly dataset?: string;
  readonly rows: number;
  readonly rejects: number;
  readonly before?: number;
  readonly json?: boolean;
}

export function tryFile(program: Command): void {
  program
    .command('try')
    .description('show what the pipeline would make of a file, without the local cloud or AWS')
    .argument('<file>', 'a file, which is not uploaded; - reads standard input')
    .option(
      '-d, --dataset <name>',
      `the dataset of the file: ${datasetNames}; by default, the one that its folder is named after`,
    )
    .option('--rows <count>', 'how many rows to show', whole(0), 5)
    .option('--rejects <count>', 'how many rejects of each code to show', whole(0), 3)
    .option('--before <count>', 'how many records the active version has: for maxShrink', whole(0))
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nThe exit status is 0 if the file would take effect and has no fault, else 1. Rejects alone are no fault.',
    )
    .action(async (file: string, options: TryOptions) => {
      const dataset = datasetOf(file, options.dataset);
      const key = keyIn(dataset, file === '-' ? 'stdin' : file);
      const progress = new Progress();
      const tried = await untilInterrupted((signal) =>
        run(file, dataset, { key, ...options }, progress, signal),
      ).finally(() => progress.end());
      if (tried === undefined) return;
      if (options.json) console.log(printableJson(tried, 2));
      else console.log(describe(tried, dataset, options.before));
      if (!tried.takesEffect || tried.fault !== undefined) process.exitCode = 1;
    });
}

interface Tried extends Trial {
  readonly file: string;
  readonly key: string;
  readonly dataset: string;
  readonly bytes: number;
}

async function run(
  file: string,
  dataset: Dataset,
  { key, rows, rejects, before }: Pick<TryOptions, 'rows' | 'rejects' | 'before'> & { readonly key: string },
  progress: Progress,
  signal: AbortSignal,
): Promise<Tried> {
  const { size, open } = await sourceOf(file, signal);
  let at = 0;
  /** A file of one batch needs no progress, however slowly the program starts. */
  let shownAt: number | undefined;
  async function* counted(range?: ByteRange) {
    at = 0;
    for await (const chunk of await open(range)) {
      signal.throwIfAborted();
      at += chunk.length;
      yield chunk;
    }
  }
  const onRead = (read: number) => {
    signal.throwIfAborted();
    shownAt ??= Date.now();
    if (Date.now() - shownAt < PROGRESS_MS) return;
    shownAt = Date.now();
    progress.show(`Reading ${printable(file)}: ${bytes(at)} of ${bytes(size)}, ${count(read, 'record')}`);
  };
  const trial = await trialOf(dataset, counted, {
    ...{ key, rows, rejects, onRead },
    ...(before !== undefined && { before }),
  });
  return { file, key, dataset: dataset.name, bytes: size, ...trial };
}

/** Where the bytes of a file come from, as often as they are needed. */
async function sourceOf(
  file: string,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly open: Source }> {
  const found = file === '-' ? undefined : await statFile(file);
  if (found?.isFile()) return { size: found.size, open: openedFile(file) };
  const chunks: Uint8Array[] = [];
  let size = 0;
  const input = found === undefined ? process.stdin : createReadStream(file);
  const stop = () => input.destroy();
  signal.addEventListener('abort', stop);
  try {
    for await (const chunk of input) {
      chunks.push(chunk as Uint8Array);
      size += (chunk as Uint8Array).length;
      if (size > MOST_PIPED)
        throw new UserError(
          `${file} has more than ${bytes(MOST_PIPED)}, which is held in memory. Save it as a file.`,
        );
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return {
    size,
    open: sourceOfBytes(Buffer.concat(chunks)),
  };
}

const openedFile = (file: string): Source =>
  async function* (range) {
    try {
      yield* await sourceOfFile(file)(range);
    } catch (error) {
      throw new UserError(`${file} can't be read: ${(error as Error).message}`);
    }
  };

/** The result for a person: the sum at the end, where the eye is. */
function describe(tried: Tried, dataset: Dataset, before: number | undefined): string {
  const { file, key, format, compression, bytes: size, read, fault } = tried;
  const what = [format ?? 'unknown format', ...(compression === 'none' ? [] : [compression]), bytes(size)];
  return [
    `${styled('bold', `${printable(file)} → ${printable(key)}`)}\n${what.join(', ')}, ${count(read, 'record')}`,
    ...rowsOf(tried, dataset),
    ...columnTable(tried),
    ...unknownTable(tried, dataset),
    ...filteredTable(tried),
    ...rejectsOf(tried),
    [
      sumOf(tried),
      ...(fault === undefined ? [] : [styled('red', `Fault: ${fault.code}: ${printable(fault.message)}`)]),
      verdictText(tried, dataset, before),
    ].join('\n'),
  ].join('\n\n');
}

function rowsOf({ rows, written }: Tried, dataset: Dataset): string[] {
  if (rows.length === 0) return [];
  // Which object a row is from, whoever tries a file knows.
  const columns = tableColumns(dataset).filter(({ inRuns }) => inRuns === undefined);
  const isNumeric = new Set(['int32', 'int64', 'double', 'decimal']);
  const shown = {
    columns: columns.map(({ name, type }) => ({ name, numeric: isNumeric.has(type.kind) })),
    rows: rows.map((row) => columns.map(({ name }) => row[name])),
  };
  const more = written > rows.length ? [`The first of ${count(written, 'row')}; --rows shows more.`] : [];
  return [[renderRows(shown), ...more].join('\n')];
}

/** How many columns of the terminal a value gets at least. */
const LEAST_VALUE = 12;
/** What the table has besides names and two values, where the longest type is `timestamp`. Columns. */
const BETWEEN = 5 * '  '.length + 'timestamp'.length + 'NULLS'.length + 'DISTINCT'.length;

function columnTable({ columns, written }: Tried): string[] {
  if (written === 0) return [];
  const names = Math.max(...columns.map(({ name }) => name.length));
  const room = Math.max(LEAST_VALUE, Math.floor((lineWidth() - names - BETWEEN) / 2));
  const value = (each: string | number | bigint | boolean | undefined) =>
    each === undefined ? '' : fitStart(printable(String(each)), room);
  return [
    table(columns, [
      { title: 'COLUMN', value: ({ name }) => name },
      { title: 'TYPE', value: ({ type }) => type },
      { title: 'NULLS', value: ({ nulls }) => integer(nulls), align: 'right' },
      {
        title: 'DISTINCT',
        value: ({ distinct, type }) =>
          distinct === undefined
            ? type === 'list' || type === 'struct' || type === 'map'
              ? ''
              : 'many'
            : integer(distinct),
        align: 'right',
      },
      { title: 'LEAST', value: ({ min }) => value(min) },
      { title: 'GREATEST', value: ({ max }) => value(max) },
    ]),
  ];
}

/** How many names of unknown fields and of reasons a terminal gets. */
const MOST_NAMES = 20;

function unknownTable({ unknown, otherUnknown }: Tried, { unknown: rule }: Dataset): string[] {
  if (unknown.length === 0) return [];
  const shown = table(unknown.slice(0, MOST_NAMES), [
    { title: 'UNKNOWN FIELD', value: ({ field }) => printable(field) },
    { title: 'RECORDS', value: ({ records }) => integer(records), align: 'right' },
  ]);
  const more = unknown.length > MOST_NAMES || otherUnknown > 0 ? ['… and others (--json)'] : [];
  const so =
    typeof rule === 'object'
      ? `so they go into the column ${rule.rescue}.`
      : rule === 'reject'
        ? 'so these records are rejected.'
        : 'so they are left out.';
  return [[shown, ...more, `The dataset does not name these fields, ${so}`].join('\n')];
}

function filteredTable({ filtered }: Tried): string[] {
  const reasons = Object.entries(filtered).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return [];
  const shown = table(reasons.slice(0, MOST_NAMES), [
    { title: 'FILTERED', value: ([reason]) => printable(reason) },
    { title: 'RECORDS', value: ([, records]) => integer(records), align: 'right' },
  ]);
  return [[shown, ...(reasons.length > MOST_NAMES ? ['… and others (--json)'] : [])].join('\n')];
}

function rejectsOf(tried: Tried): string[] {
  const { codes, rejects } = tried;
  if (codes.length === 0) return [];
  const sums = table(codes, [
    { title: 'CODE', value: ({ code }) => code, style: () => 'red' },
    { title: 'STAGE', value: ({ stage }) => stage },
    { title: 'RECORDS', value: ({ records }) => integer(records), align: 'right' },
  ]);
  const shown = rejects.map(({ text, ...reject }) =>
    rejectRecord({ ...reject, ...(text !== undefined && { record: text }) }),
  );
  const more = rejectedIn(tried) > rejects.length ? ['The first of each code; --rejects shows more.'] : [];
  return [sums, [...shown, ...more].join('\n')];
}

function sumOf({ read, written, filtered, codes }: Tried): string {
  const sum = (of: readonly number[]) => integer(of.reduce((total, each) => total + each, 0));
  const rejected = codes.filter(({ stage }) => stage !== 'loading').map(({ records }) => records);
  const missing = codes.filter(({ stage }) => stage === 'loading').map(({ records }) => records);
  const terms = `${integer(written)} written + ${sum(Object.values(filtered))} filtered + ${sum(rejected)} rejected`;
  const mysql = missing.length === 0 ? '' : ` MySQL can't hold ${sum(missing)} of what is written.`;
  return `${integer(read)} read = ${terms}.${mysql}`;
}
