import { stages } from '../../domain/stage.ts';
import type { Clock } from '../../local-aws/core/clock.ts';
import type { Random } from './random.ts';

/** How likely a run goes wrong, and how. Each is a probability by call, event or invocation. */
export interface Climate {
  readonly name: string;
  /** The service answers 500 or 503 and does nothing. */
  readonly refuse: number;
  /** The service does it and the answer is lost. */
  readonly loseAnswer: number;
  /** The caller dies, just before the service does it or just after. */
  readonly crash: number;
  /** A call takes seconds; every tenth of these outlasts any function's time-out. */
  readonly slow: number;
  /** An event or a message is delivered twice. */
  readonly duplicate: number;
  /** An event comes minutes late, behind others. */
  readonly delay: number;
  /** A machine's clock is set anew: by reading. Where it may be, clocks are wrong from the start. */
  readonly step: number;
}

export const climates: readonly [Climate, ...Climate[]] = [
  { name: 'calm', refuse: 0, loseAnswer: 0, crash: 0, slow: 0.01, duplicate: 0, delay: 0, step: 0 },
  { name: 'uneven', refuse: 0, loseAnswer: 0, crash: 0, slow: 0.4, duplicate: 0, delay: 0, step: 0 },
  { name: 'repeating', refuse: 0, loseAnswer: 0, crash: 0, slow: 0.1, duplicate: 0.3, delay: 0.3, step: 0 },
  {
    name: 'unreliable',
    refuse: 0.05,
    loseAnswer: 0.05,
    crash: 0,
    slow: 0.05,
    duplicate: 0.05,
    delay: 0.1,
    step: 0,
  },
  { name: 'crashy', refuse: 0, loseAnswer: 0, crash: 0.05, slow: 0.02, duplicate: 0.05, delay: 0, step: 0 },
  {
    name: 'nasty',
    refuse: 0.03,
    loseAnswer: 0.03,
    crash: 0.03,
    slow: 0.08,
    duplicate: 0.1,
    delay: 0.1,
    step: 0,
  },
  {
    name: 'clockless',
    refuse: 0.02,
    loseAnswer: 0.02,
    crash: 0.02,
    slow: 0.1,
    duplicate: 0.1,
    delay: 0.1,
    step: 0.02,
  },
];

/**
 * Somebody who calls: a function's environment, the bus, a poller. Once dead, nothing that it does has an
 * effect.
 */
export interface Party {
  readonly name: string;
  readonly alive: boolean;
  /** When its invocation was over before it had answered, by time-out or death. Milliseconds on the clock. */
  readonly overSince?: number | undefined;
  /** Absent: it can't die. */
  die?(reason: string): void;
  /** Of a person who looks after the pipeline: whose calls all succeed. */
  readonly steady?: boolean;
}

/**
 * Longer than any function's time, and shorter than it takes until a message is seen again: what is on its
 * way for longer than that could leave something behind for ever.
 */
const longestStallMs = 10 * 60_000;

/**
 * How much later than its sender's end a call may still arrive. S3 closes a connection on which a body stands
 * still for some 20 s (S3 API reference, "Error responses": RequestTimeout).
 */
const STANDSTILL_MS = 60_000;

/** By how much a machine's clock is wrong at most, in either direction. */
const MOST_WRONG_MS = 5 * 60_000;

/**
 * Carries calls: how long each takes, in which order they take effect and what goes wrong is up to the seed.
 */
export class Network {
  readonly clock: Clock;
  readonly random: Random;
  readonly trace: string[] = [];
  /** What must never happen on the way, whatever the end. */
  /** The calls that took effect after their senders' death. */
  readonly posthumous: string[] = [];
  readonly violations: string[] = [];
  readonly #climate: Climate;
  readonly #startedAt: number;
  #faultsUntil: number;
  readonly #underWay = new Map<Party, number>();
  /** Where the weather is uneven: whose calls alone are slow. */
  readonly #slowest: string | undefined;

  constructor(clock: Clock, random: Random, climate: Climate, faultyForMs: number) {
    this.clock = clock;
    this.random = random;
    this.#climate = climate;
    this.#startedAt = clock.now();
    this.#faultsUntil = this.#startedAt + faultyForMs;
    this.#slowest = climate.name === 'uneven' ? random.pick(stages) : undefined;
  }

  /** Whether calls are on their way, those of the dead included. */
  get busy(): boolean {
    return this.#underWay.size > 0;
  }

  underWay(caller: Party): number {
    return this.#underWay.get(caller) ?? 0;
  }

  /** How much later than another machine's one clock may be. Milliseconds. */
  get skewMs(): number {
    return this.#climate.step > 0 ? 2 * MOST_WRONG_MS : 0;
  }

  /** The clock of a machine: in some climates minutes off, and now and then set anew, back or forward. */
  wrongClock(stepped: () => void): () => number {
    const error = () => (this.skewMs === 0 ? 0 : this.random.between(-MOST_WRONG_MS, MOST_WRONG_MS));
    let wrongBy = error();
    return () => {
      if (this.happens('step')) {
        wrongBy = error();
        stepped();
      }
      return this.clock.now() + wrongBy;
    };
  }

  /** From now on everything works. */
  calm(): void {
    this.#faultsUntil = this.clock.now();
  }

  /** @param to whom; to anybody, when it is left out */
  happens(fault: Exclude<keyof Climate, 'name'>, to?: Party): boolean {
    if (to?.steady === true || this.clock.now() >= this.#faultsUntil) return false;
    return this.random.chance(this.#climate[fault]);
  }

  note(line: string): undefined {
    const seconds = (this.clock.now() - this.#startedAt) / 1000;
    this.trace.push(`${seconds.toFixed(3).padStart(11)}  ${line}`);
  }

  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.clock.schedule(ms, resolve);
    });
  }

  /**
   * Lets `effect` happen after a while, and answers. Rejects when the call is refused or its answer lost;
   * never answers a caller that has died. What a dying caller has sent may still arrive.
   */
  async call<Answer>(caller: Party, what: string, effect: () => Answer | Promise<Answer>): Promise<Answer> {
    if (!caller.alive) return forever();
    this.#underWay.set(caller, this.underWay(caller) + 1);
    let carried: { readonly answer: Answer } | undefined;
    try {
      carried = await this.#carry(caller, what, effect);
    } finally {
      const left = this.underWay(caller) - 1;
      if (left > 0) this.#underWay.set(caller, left);
      else this.#underWay.delete(caller);
    }
    return carried === undefined ? forever() : carried.answer;
  }

  async #carry<Answer>(
    caller: Party,
    what: string,
    effect: () => Answer | Promise<Answer>,
  ): Promise<{ readonly answer: Answer } | undefined> {
    const outlives = this.random.chance(0.5);
    await this.wait(this.#latency(caller));
    const line = `${caller.name}: ${what}`;
    if (!caller.alive && !outlives) return this.note(`${line} was lost with its sender`);
    if (caller.overSince !== undefined && this.clock.now() - caller.overSince > STANDSTILL_MS) {
      this.note(`${line} stood still for too long`);
      if (!caller.alive) return undefined;
      throw new ServiceUnavailable(what);
    }
    if (this.happens('crash', caller) && this.#kill(caller, `before ${what}`)) return undefined;
    if (this.happens('refuse', caller)) {
      this.note(`${line} → 503`);
      throw new ServiceUnavailable(what);
    }
    const answer = await effect();
    if (this.happens('crash', caller) && this.#kill(caller, `after ${what}`)) return undefined;
    if (!caller.alive) {
      this.posthumous.push(what);
      return this.note(`${line} arrived after its sender's death`);
    }
    if (this.happens('loseAnswer', caller)) {
      this.note(`${line} → done, answer lost`);
      throw new AnswerLost(what);
    }
    this.note(`${line} → ${typeof answer === 'boolean' ? answer : 'ok'}`);
    return { answer };
  }

  #kill(caller: Party, when: string): boolean {
    if (!caller.alive || caller.die === undefined) return false;
    caller.die(`crashed ${when}`);
    return true;
  }

  #latency(caller: Party): number {
    const isQuick = this.#slowest !== undefined && !caller.name.startsWith(this.#slowest);
    if (isQuick || !this.happens('slow', caller)) return this.random.between(1, 60);
    return this.random.between(1000, this.random.chance(0.1) ? longestStallMs : 20_000);
  }
}

/** What a dead caller gets. */
function forever(): Promise<never> {
  return new Promise(() => {});
}

export class ServiceUnavailable extends Error {
  override readonly name = 'ServiceUnavailable';
}

export class AnswerLost extends Error {
  override readonly name = 'AnswerLost';
}
