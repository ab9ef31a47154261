import { VirtualClock } from '../../local-aws/test/virtual-clock.ts';

/** Some ten times what the longest schedules take: what goes on for longer goes round in circles. */
const maxSteps = 20_000;

/** A virtual clock for one run, which must come to an end. */
export class FiniteClock extends VirtualClock {
  readonly #trace: () => readonly string[];
  #steps = 0;

  /** @param trace what has happened so far; its end tells what goes round */
  constructor(trace: () => readonly string[]) {
    super();
    this.#trace = trace;
  }

  /** @throws {Error} when the run does not end */
  override runNext(end?: number): boolean {
    if (this.#steps === maxSteps) throw new Error(`no end after ${maxSteps} steps; ${this.#circle()}`);
    this.#steps += 1;
    return super.runNext(end);
  }

  /** What happened most often of late, without its time. */
  #circle(): string {
    const lines = this.#trace()
      .slice(-100)
      .map((line) => line.trim().replace(/^\S+\s+/, ''));
    const [[line = 'nothing is said', times = []] = []] = [...Map.groupBy(lines, (each) => each)].sort(
      ([, a], [, b]) => b.length - a.length,
    );
    return `of the last ${lines.length} calls and answers ${times.length} are: ${line}`;
  }
}
