import type { Ended, Step } from '../../domain/activity/activity.ts';
import { fitStart } from './fit.ts';
import { duration, integer, lineWidth, printable, styled, timeOfDay, width } from './terminal.ts';

/** More lines than a person can read in a look of a second: they are summed up. */
const MOST_LINES = 20;
/** Of what went wrong, so many lines are shown even then. */
const MOST_PROBLEMS = 5;

/** Below the sign. */
const INDENT = ' '.repeat('17:43:18 '.length);

type Style = Parameters<typeof styled>[0];

/** A sign and a word for each way to end, so that the colour only repeats them. */
const signs: Readonly<
  Record<Ended['outcome'] | 'retried' | 'dead_lettered', readonly [string, string, Style]>
> = {
  done: ['✓', 'done', 'green'],
  rejected: ['✕', 'rejected', 'red'],
  failed: ['✕', 'failed', 'red'],
  superseded: ['·', 'superseded', 'dim'],
  retracted: ['·', 'retracted', 'dim'],
  kept: ['·', 'deleted, rows kept', 'dim'],
  ignored: ['·', 'directory marker', 'dim'],
  retried: ['↻', 'retried', 'yellow'],
  dead_lettered: ['✕', 'dead-lettered', 'red'],
};

/**
 * Lines for what ended in one look at the logs: one for each object that ended, and for each message that is
 * retried or dead-lettered. If these are many, they are summed up, and only the first problems have lines.
 */
export function activityLines(steps: readonly Step[]): string[] {
  const told = steps.filter(isTold);
  if (told.length <= MOST_LINES) return told.map(lineOf);
  const problems: Step[] = [];
  const others: Step[] = [];
  for (const step of told)
    (isProblem(step) && problems.length < MOST_PROBLEMS ? problems : others).push(step);
  return [...problems.map(lineOf), summaryOf(others)];
}

/** Whether a person hears of a step: an object has ended, or a message is retried or dead-lettered. */
export const isTold = (step: Step) => kindOf(step) !== undefined;

function kindOf({ ended, result }: Step): keyof typeof signs | undefined {
  if (ended !== undefined) return ended.outcome;
  return result === 'retried' || result === 'dead_lettered' ? result : undefined;
}

const isProblem = (step: Step) =>
  !['done', 'superseded', 'retracted', 'kept', 'ignored'].includes(kindOf(step) ?? '');

/** `17:43:18 ✓ done recipes/soup.json  3 read = 3 written  1.2 s`; the counts on a second line if need be. */
function lineOf(step: Step): string {
  const [sign, word, style] = signs[kindOf(step) ?? 'done'];
  const head = `${timeOfDay(step.at)} ${sign} ${word} ${printable(step.key)}`;
  const rest = restOf(step);
  const plain = rest === '' ? head : `${head}  ${rest}`;
  const fits = width(plain) <= lineWidth();
  const shown = head.replace(`${sign} ${word}`, styled(style, `${sign} ${word}`));
  if (rest === '') return shown;
  return fits ? `${shown}  ${rest}` : `${shown}\n${INDENT}${fitStart(rest, lineWidth() - INDENT.length)}`;
}

function restOf({ ended, attempt, of, stage, code = '', message = '' }: Step): string {
  if (ended === undefined) {
    const reason = [printable(code), printable(message)].filter(Boolean).join(': ');
    return `${stage}, attempt ${attempt} of ${of}${reason === '' ? '' : `, ${reason}`}`;
  }
  const fault = ended.code === undefined ? '' : printable(message ? `${ended.code}: ${message}` : ended.code);
  const took = ended.tookMs === undefined ? '' : duration(ended.tookMs);
  return [fault, ended.read > 0 ? countsOf(ended) : '', took].filter(Boolean).join('  ');
}

/** `1,000 read = 950 written + 20 filtered + 30 rejected`, without what is 0. */
function countsOf({ read, written, filtered, rejected }: Omit<Ended, 'outcome'>): string {
  const sum = Object.entries({ written, filtered, rejected })
    .filter(([name, value]) => value > 0 || (name === 'written' && filtered + rejected === 0))
    .map(([name, value]) => `${integer(value)} ${name}`)
    .join(' + ');
  return `${integer(read)} read ${read === written + filtered + rejected ? '=' : '≠'} ${sum}`;
}

/** `17:43:18 … 50 done, 2 failed; 3,000 read = 3,000 written`: objects, and messages that did not end. */
function summaryOf(steps: readonly Step[]): string {
  const counts = new Map<string, number>();
  const sums = { read: 0, written: 0, filtered: 0, rejected: 0 };
  for (const step of steps) {
    const [, word] = signs[kindOf(step) ?? 'done'];
    counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const name of ['read', 'written', 'filtered', 'rejected'] as const)
      sums[name] += step.ended?.[name] ?? 0;
  }
  const words = [...counts].map(([word, n]) => `${integer(n)} ${word}`).join(', ');
  const last = Math.max(...steps.map(({ at }) => at));
  return `${timeOfDay(last)} … ${words}${sums.read > 0 ? `; ${countsOf(sums)}` : ''}`;
}
