import { withStack } from '../options/chosen-target.ts';
import type { Absent, Fact } from './fact.ts';
import { isKnown } from './fact.ts';
import type { Facts } from './facts.ts';

/** What is looked at, in the order of the report. */
export const areas = [
  'quota',
  'rules',
  'queues',
  'key',
  'buckets',
  'mappings',
  'functions',
  'logs',
  'alarms',
  'catalog',
] as const;
export type Area = (typeof areas)[number] | 'probe';

/** Something that is not as it must be. */
export interface Finding {
  /** Names the kind of fault, for scripts: `rule_disabled`. */
  readonly code: string;
  readonly area: Area;
  /** The resource's name on AWS, or the probe object's key. */
  readonly subject: string;
  /** Only a failure makes the command exit 1. */
  readonly level: 'failed' | 'warning';
  /** What is wrong, and what follows from it. */
  readonly message: string;
  /** What to do, as a sentence with its command. */
  readonly cure: string;
  /** Whether no object can pass the pipeline as long as it is so. */
  readonly blocking: boolean;
}

/** A finding whose commands name the stack. @param on ` --stack prod`, or nothing locally */
export function onStack(finding: Finding, on: string): Finding {
  const { message, cure } = finding;
  return { ...finding, message: withStack(message, on), cure: withStack(cure, on) };
}

/** Collects the findings of an area, and what was looked at. */
export class Inspection {
  readonly area: Area;
  readonly findings: Finding[] = [];
  readonly #facts: Pick<Facts, 'stack' | 'isLocal'>;
  looked = 0;

  constructor(area: Area, facts: Pick<Facts, 'stack' | 'isLocal'>) {
    this.area = area;
    this.#facts = facts;
  }

  /** Brings back what the program declares. */
  get redeploy(): string {
    const { isLocal, stack } = this.#facts;
    return isLocal
      ? 'To build it anew, restart the local cloud: npm start'
      : `To bring it back: pulumi up --refresh --stack ${stack}`;
  }

  /** The option that names the stack. */
  get on(): string {
    const { isLocal, stack } = this.#facts;
    return isLocal ? '' : ` --stack ${stack}`;
  }

  blocks(code: string, subject: string, message: string, cure = this.redeploy): void {
    this.#add('failed', true, code, subject, message, cure);
  }

  /** `blocks`, or `fails` where objects pass nevertheless. */
  wrong(blocking: boolean, code: string, subject: string, message: string, cure = this.redeploy): void {
    this.#add('failed', blocking, code, subject, message, cure);
  }

  fails(code: string, subject: string, message: string, cure = this.redeploy): void {
    this.#add('failed', false, code, subject, message, cure);
  }

  warns(code: string, subject: string, message: string, cure = this.redeploy): void {
    this.#add('warning', false, code, subject, message, cure);
  }

  /**
   * The value of a fact. If it is missing, that is a finding; if the caller may not look, a warning.
   *
   * @param what `The queue` @param blocking whether no object can pass without it
   */
  need<Value>(
    fact: Fact<Value>,
    code: string,
    subject: string,
    what: string,
    blocking = true,
  ): Value | undefined {
    this.looked += 1;
    if (isKnown(fact)) return fact.value;
    this.#absent(fact, code, subject, what, blocking);
    return undefined;
  }

  #absent({ absent, why }: Absent, code: string, subject: string, what: string, blocking: boolean): void {
    if (absent === 'missing')
      this.#add('failed', blocking, code, subject, `${what} does not exist (${why}).`, this.redeploy);
    else
      this.warns(
        'not_allowed_to_look',
        subject,
        `${what} could not be looked at: ${why}`,
        'Run the command as somebody who may look at it (docs/maintenance/verify.md lists the actions).',
      );
  }

  #add(
    level: Finding['level'],
    blocking: boolean,
    code: string,
    subject: string,
    message: string,
    cure: string,
  ): void {
    const finding = { code, area: this.area, subject, level, message, cure, blocking };
    this.findings.push(onStack(finding, this.on));
  }
}
