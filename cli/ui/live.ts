import type { Step } from '../../domain/activity/activity.ts';
import { type Stage, stages } from '../../domain/stage.ts';
import { followActivity } from '../ledger/activity.ts';
import type { Target } from '../target/target.ts';
import { isTold } from '../terminal/activity-lines.ts';

/** What a stage did in a second. */
interface Second {
  /** Milliseconds since the epoch. */
  readonly at: number;
  messages: number;
  records: number;
}

const WINDOW_SECONDS = 60;
const MOST_RECENT = 50;
/** The logs are not read when nobody has looked for this time. */
const IDLE_MS = 30_000;
const POLL_MS = 1_000;
const POLL_ON_AWS_MS = 5_000;
const LOOK_BACK_MS = 10 * 60_000;

export interface LiveActivity {
  /** Messages and records of each stage in each of the last 60 seconds, the oldest first. */
  readonly rates: Readonly<Record<Stage, { readonly messages: number[]; readonly records: number[] }>>;
  /** What ended, and what failed, the newest first. */
  readonly recent: readonly Step[];
  /** Why the logs can't be followed. */
  readonly problem: string | undefined;
}

/** Follows the pipeline while somebody looks at it. */
export class Live {
  readonly #target: Target;
  readonly #onStep: (step: Step) => void;
  readonly #seconds: Record<Stage, Second[]> = {
    extraction: [],
    transformation: [],
    commit: [],
    loading: [],
  };
  readonly #recent: Step[] = [];
  #following: AbortController | undefined;
  #idle: NodeJS.Timeout | undefined;
  #since = Date.now() - LOOK_BACK_MS;
  #problem: string | undefined;

  constructor(target: Target, onStep: (step: Step) => void) {
    this.#target = target;
    this.#onStep = onStep;
  }

  /** What happened last. To ask is to look: the logs are followed from now on, for a while. */
  get(): LiveActivity {
    this.#follow();
    const now = Date.now();
    const last = Math.floor(now / 1000) - 1;
    const of = (stage: Stage, count: 'messages' | 'records') => {
      const bySecond = new Map(this.#seconds[stage].map((each) => [each.at / 1000, each[count]]));
      return Array.from(
        { length: WINDOW_SECONDS },
        (_, i) => bySecond.get(last - WINDOW_SECONDS + 1 + i) ?? 0,
      );
    };
    const rates = Object.fromEntries(
      stages.map((stage) => [stage, { messages: of(stage, 'messages'), records: of(stage, 'records') }]),
    ) as LiveActivity['rates'];
    return { rates, recent: this.#recent, problem: this.#problem };
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#following?.abort();
  }

  #follow(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#following?.abort(), IDLE_MS).unref();
    if (this.#following !== undefined) return;
    const following = new AbortController();
    this.#following = following;
    const pollMs = this.#target.control === undefined ? POLL_ON_AWS_MS : POLL_MS;
    const run = async () => {
      const steps = followActivity(this.#target, { since: this.#since, signal: following.signal, pollMs });
      for await (const step of steps) this.#take(step);
    };
    run()
      .then(
        () => {
          this.#problem = undefined;
        },
        (error: unknown) => {
          this.#problem = error instanceof Error ? error.message : String(error);
        },
      )
      .finally(() => {
        this.#following = undefined;
      });
  }

  #take(step: Step): void {
    this.#problem = undefined;
    this.#since = Math.max(this.#since, step.at + 1);
    this.#onStep(step);
    const { stage, at, result, read } = step;
    const isWork = result === 'done' || result === 'failed';
    const seconds = this.#seconds[stage];
    const second = Math.floor(at / 1000) * 1000;
    let own = seconds.findLast((each) => each.at === second);
    if (own === undefined) {
      own = { at: second, messages: 0, records: 0 };
      seconds.push(own);
    }
    own.messages += 1;
    own.records += isWork ? read : 0;
    const oldest = Date.now() - (WINDOW_SECONDS + 5) * 1000;
    while ((seconds[0]?.at ?? oldest) < oldest) seconds.shift();
    if (!isTold(step)) return;
    this.#recent.unshift(step);
    this.#recent.length = Math.min(this.#recent.length, MOST_RECENT);
  }
}
