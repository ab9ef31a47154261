import { folded } from '../terminal/fit.ts';
import { count, duration, lineWidth, printableLines, styled } from '../terminal/terminal.ts';
import type { Finding } from './finding.ts';
import type { Inspected } from './inspect.ts';
import type { StepResult } from './probe/step.ts';

/** What the command prints with --json. */
export interface Verified {
  /** Whether nothing failed. */
  readonly ok: boolean;
  readonly stack: string;
  readonly inspected: readonly Inspected[];
  /** The probe objects' way; null if none were sent. */
  readonly probe: { readonly run: string; readonly steps: readonly StepResult[] } | null;
  /** Why none were sent; null if they were. */
  readonly notSent: string | null;
}

const marks = {
  passed: () => styled('green', '✓'),
  warning: () => styled('yellow', '!'),
  failed: () => styled('red', '✗'),
  skipped: () => '–',
};

/** An area, and below it what is wrong. */
export function inspectedText({ area, looked, findings }: Inspected): string {
  const worst = findings.some(({ level }) => level === 'failed')
    ? marks.failed()
    : findings.length > 0
      ? marks.warning()
      : marks.passed();
  const number = looked === 0 ? 'nothing to look at' : `${count(looked, 'thing')} looked at`;
  return [`${worst} ${area}: ${number}`, ...findings.map(findingText)].join('\n');
}

/** A step of the probe objects, and below it what is wrong. */
export function stepText({ step, result, detail, tookMs, findings }: StepResult): string {
  const tail = result === 'skipped' ? `not done, ${detail}` : result === 'failed' ? 'failed' : detail;
  const took = result === 'skipped' ? '' : ` (${duration(tookMs)})`;
  const line = below(`${step}: ${tail}${took}`);
  return [`${marks[result]()} ${line}`, ...findings.map(findingText)].join('\n');
}

const INDENT = '    ';

/** Folded behind a mark. */
const below = (text: string) => folded(printableLines(text), lineWidth() - 2, INDENT).trimStart();

function findingText({ level, subject, message, cure }: Finding): string {
  const mark = level === 'failed' ? marks.failed() : marks.warning();
  return `  ${mark} ${below(`${subject}: ${message} ${cure}`)}`;
}

/** The last line: how it ended. */
export function totalText({ ok, inspected, probe, notSent }: Verified): string {
  const all = [
    ...inspected.flatMap(({ findings }) => findings),
    ...(probe?.steps ?? []).flatMap((each) => each.findings),
  ];
  const failures = all.filter(({ level }) => level === 'failed').length;
  const warnings = all.length - failures;
  const warned = warnings === 0 ? '' : `, ${count(warnings, 'warning')}`;
  if (!ok) return styled('red', `${count(failures, 'failure')}${warned}.`);
  const how = notSent === null ? 'All is well' : 'What was looked at is well';
  return styled('green', `${how}${warned}.`);
}
