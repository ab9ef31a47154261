import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from '../../target/target.ts';
import type { Finding } from '../finding.ts';

/** What the probe objects go through, in this order. */
export const stepNames = [
  'records',
  'rejects',
  'overwrite',
  'deletion',
  'duplicate',
  'poison',
  'sinks',
  'query',
  'mysql',
  'crawl',
  'cleanup',
] as const;
export type StepName = (typeof stepNames)[number];

/** How a step ended. */
export interface StepResult {
  readonly step: StepName;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** What was seen, or why it was left out. */
  readonly detail: string;
  readonly tookMs: number;
  readonly findings: readonly Finding[];
}

/** What each step works with. */
export interface ProbeOptions {
  readonly target: Target;
  /** For each wait. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  readonly onStep: (step: StepResult) => void;
  readonly crawl: boolean;
  /** The URL of MySQL; `undefined` if there is none, or if this machine can't reach it. */
  readonly mysqlUrl: () => string | undefined;
  /** ` --stack prod`, or nothing locally. */
  readonly on: string;
}

const POLL_MS = { local: 200, aws: 2000 };

/** Waits until the next look. @throws the signal's reason */
export async function untilNextLook({
  target,
  signal,
}: Pick<ProbeOptions, 'target' | 'signal'>): Promise<void> {
  const ms = target.control === undefined ? POLL_MS.aws : POLL_MS.local;
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Thrown within a step: what was seen is not what must be. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

/** Thrown within a step that can't be done here. */
export class StepSkipped extends Error {
  override readonly name = 'StepSkipped';
}

/** Something else than what must be. */
export function differs(code: string, subject: string, message: string, cure: string): StepFailed {
  return new StepFailed({ code, area: 'probe', subject, level: 'failed', message, cure, blocking: false });
}
