const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** How many days of a zone are remembered. */
const MOST_DAYS = 20_000;
/** Before it every zone has its first offset. The calendar of `Intl` counts years before 1 backwards. */
const FIRST_MS = Date.parse('0002-01-01T00:00:00Z');

/** A zone of the IANA's database, as `Intl` knows it, or an offset such as `+02:00`. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;
  /** The offset of each day of UTC; `undefined` if it changes in it. No two changes are as near as that. */
  readonly #days = new Map<number, number | undefined>();

  /** @throws {Error} if there is no such zone */
  constructor(name: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
    } catch {
      throw new Error(
        `timestamp(): there is no zone ${JSON.stringify(name)}. Zones have names of the IANA’s database, such as Europe/Berlin.`,
      );
    }
  }

  /**
   * The instant at which clocks of the zone show a time, in milliseconds since the epoch: the first of two,
   * if they show it twice; `undefined` if they skip it.
   *
   * @param local the milliseconds that it would be in UTC
   */
  instantOf(local: number): number | undefined {
    const before = this.#offsetAt(local - DAY_MS);
    const after = this.#offsetAt(local + DAY_MS);
    if (before === after) return local - before;
    const found = [before, after].find((offset) => this.#offsetAt(local - offset) === offset);
    return found === undefined ? undefined : local - found;
  }

  #offsetAt(instant: number): number {
    const day = Math.floor(instant / DAY_MS);
    if (!this.#days.has(day)) {
      if (this.#days.size === MOST_DAYS) this.#days.clear();
      const [first, last] = [this.#ask(day * DAY_MS), this.#ask((day + 1) * DAY_MS - 1)];
      this.#days.set(day, first === last ? first : undefined);
    }
    return this.#days.get(day) ?? this.#ask(instant);
  }

  /** What the clocks of the zone are ahead of UTC. Milliseconds. */
  #ask(instant: number): number {
    const parts = this.#format.formatToParts(Math.max(instant, FIRST_MS));
    return offsetOf(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '');
  }
}

/** `+02:00`, `-0330`, `+02` or `GMT-04:56:02`: milliseconds ahead of UTC; 0 of `Z`. */
export function offsetOf(text: string): number {
  const [, sign, hours = 0, minutes = 0, seconds = 0] = /([+-])(\d\d):?(\d\d)?:?(\d\d)?/.exec(text) ?? [];
  const size = Number(hours) * HOUR_MS + Number(minutes) * 60_000 + Number(seconds) * 1000;
  return sign === '-' ? -size : size;
}
