import { costOfProcessing } from '../../domain/cost/load.ts';
import { totalOf } from '../../domain/cost/position.ts';
import type { Machine, Note, Report } from '../../domain/operations/backfill.ts';
import type { Target } from '../target/target.ts';
import {
  count,
  dollars,
  duration,
  integer,
  Progress,
  printable,
  printableJson,
  bytes as size,
} from '../terminal/terminal.ts';
import { type ExecutionState, follow, reportOf, startExecution } from './executions.ts';

/** How many keys are printed of each kind. */
const SHOWN = 10;

/** An execution to start, with its input. */
interface ToRun {
  readonly machine: Machine;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Starts an execution, and shows its progress and its end unless it is detached. */
export async function runToEnd(
  target: Target,
  { machine, name, input }: ToRun,
  { detach = false, json }: { readonly detach?: boolean | undefined; readonly json: boolean },
): Promise<void> {
  const started = await startExecution(target, machine, name, input);
  if (detach) {
    console.log(
      json
        ? executionJson(started, undefined)
        : `Started the execution ${name}. To follow it: npx sluice executions ${name} --follow`,
    );
    return;
  }
  await showToEnd(target, name, json, json ? undefined : `Started the execution ${name}.`);
}

/**
 * Shows the progress and the end of an execution. Ctrl-C ends the display, not the execution. The exit status
 * is 1 unless everything succeeded, and 130 after Ctrl-C.
 *
 * @param opening is printed first, when Ctrl-C does that already
 */
export async function showToEnd(
  target: Target,
  name: string,
  json: boolean,
  opening?: string,
): Promise<void> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  if (opening !== undefined) console.error(opening);
  const progress = new Progress();
  let state: ExecutionState;
  try {
    state = await follow(target, name, (text) => progress.show(text), interrupted.signal);
  } finally {
    process.off('SIGINT', stop);
    progress.end();
  }
  if (interrupted.signal.aborted && state.status === 'RUNNING') {
    console.error(
      `The execution continues. To follow it again: npx sluice executions ${name} --follow\nTo stop it: npx sluice executions ${name} --stop`,
    );
    process.exitCode = 130;
    return;
  }
  await showEnd(target, state, json);
}

/** The document of an execution, the same wherever one is printed. */
export function executionJson(state: ExecutionState, report: Report | undefined, more: object = {}): string {
  return printableJson({ ...state, ...more, report: report ?? null });
}

/** Prints how an execution ended. */
export async function showEnd(target: Target, state: ExecutionState, json: boolean): Promise<void> {
  const report = await reportOf(target, state);
  if (report?.status !== 'succeeded' && report?.status !== 'counted') process.exitCode = 1;
  const usd = report?.expected && expectedCost(target, report.expected);
  if (json) {
    console.log(executionJson(state, report, usd === undefined ? {} : { usd }));
    return;
  }
  const { name, status, error, startedAt, endedAt } = state;
  if (report === undefined) {
    console.log(
      `The execution ${name} ended without a report, with the status ${status.toLowerCase().replace('_', ' ')}${error === undefined ? '.' : `: ${printable(error)}`}`,
    );
    return;
  }
  const took = endedAt === undefined ? '' : ` in ${duration(endedAt - startedAt)}`;
  for (const line of reportLines(report)) console.log(line);
  if (report.expected && usd !== undefined && report.expected.objects > 0)
    console.log(expectedText(report.expected, usd));
  console.log(`The execution ${name} ${ended[report.status]}${took}.`);
  if (report.status !== 'counted') console.log(`The outcome of each object: ${report.details}`);
}

/** Dollars, for requests, computing, queues and logs. */
const expectedCost = ({ outputs }: Target, expected: NonNullable<Report['expected']>) =>
  totalOf(costOfProcessing(expected, outputs.billed));

function expectedText({ objects, bytes, records }: NonNullable<Report['expected']>, usd: number): string {
  const of = `${count(objects, 'version')} with some ${count(records, 'record')} in ${size(bytes)}`;
  return `To process ${of} costs about ${dollars(usd)} on AWS, at the prices that npx sluice cost names.`;
}

const ended: Readonly<Record<Report['status'], string>> = {
  succeeded: 'succeeded',
  partly: 'succeeded partly',
  failed: 'failed',
  counted: 'counted the objects and sent none',
};

const reasons: Readonly<Record<string, string>> = {
  out_of_range: 'changed outside the time range',
  gone: 'deleted or replaced',
  missing: 'missing',
  unreadable: 'unreadable',
  other_dataset: 'of other datasets',
  directory_marker: 'directory markers',
  done: 'already extracted',
  under_way: 'already under way',
  same_code: 'already processed by the deployed code',
  other_code: 'with other codes',
};

function reportLines({
  objects,
  records,
  troubles,
  partly,
  failed,
  status,
  machine,
  input,
}: Report): string[] {
  const skipped = Object.entries(objects.skipped).map(([why, n]) => `${integer(n)} ${reasons[why] ?? why}`);
  const sent = `${integer(objects.sent)} ${status === 'counted' ? 'to be sent' : 'sent'}`;
  const ofObjects = machine === 'backfill' || (input as { prefix?: string } | null)?.prefix !== undefined;
  const listed = ofObjects ? 'object' : 'file';
  const warnings = troubles.map((each) => `Warning: ${printable(each)}`);
  if (objects.listed === 0)
    return [`No matching ${listed === 'file' ? 'reject or fault' : 'object'} was found.`, ...warnings];
  return [
    `${count(objects.listed, listed)}: ${[sent, ...skipped].join(', ')}.`,
    ...(status === 'counted'
      ? []
      : [
          `${integer(objects.succeeded)} succeeded, ${integer(objects.partly)} partly, ${integer(objects.failed)} failed` +
            `${objects.superseded > 0 ? `, ${integer(objects.superseded)} superseded` : ''}.`,
          `${count(records.read, 'record')} read: ${integer(records.written)} written, ${integer(records.filtered)} filtered, ${integer(records.rejected)} rejected.`,
        ]),
    ...warnings,
    ...notes('partly', partly, objects.partly),
    ...notes('failed', failed, objects.failed),
  ];
}

function notes(word: string, list: readonly Note[], all: number): string[] {
  const lines = list.slice(0, SHOWN).map(({ key, reason }) => `  ${printable(key)}: ${printable(reason)}`);
  if (lines.length === 0) return [];
  const more = all > lines.length ? [`  and ${integer(all - lines.length)} more`] : [];
  return [`${word}:`, ...lines, ...more];
}
