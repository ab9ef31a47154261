/** How many more values the distributions of a store may tell apart. */
export interface Room {
  left: number;
}

/**
 * The values of a time, in little memory: percentiles are those of the values rounded to three digits. When
 * there is no room, a value counts in everything but percentiles.
 */
export class Distribution {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;
  /** How often each rounded value occurred; missing as long as all values are the same. */
  #values: Map<number, number> | undefined;

  add(value: number, room: Room): void {
    if (this.count > 0 && this.#values === undefined && value !== this.min) this.#begin(room);
    this.sum += value;
    this.min = this.count === 0 ? value : Math.min(this.min, value);
    this.max = this.count === 0 ? value : Math.max(this.max, value);
    this.count += 1;
    if (this.#values !== undefined) this.#tell(value, 1, room);
  }

  /** Takes the values of another as well. */
  merge(other: Distribution, room: Room): void {
    if (other.count === 0) return;
    if (this.count > 0 || other.#values !== undefined) {
      if (this.#values === undefined) this.#begin(room);
      for (const [value, times] of other.#values ?? [[other.min, other.count] as const])
        this.#tell(value, times, room);
    }
    this.min = this.count === 0 ? other.min : Math.min(this.min, other.min);
    this.max = this.count === 0 ? other.max : Math.max(this.max, other.max);
    this.sum += other.sum;
    this.count += other.count;
  }

  /** The smallest value that `percent` of the values do not exceed. */
  percentile(percent: number): number {
    const values = [...(this.#values ?? [])].sort(([one], [other]) => one - other);
    const rank = (percent / 100) * values.reduce((total, [, times]) => total + times, 0);
    let passed = 0;
    for (const [value, times] of values) {
      passed += times;
      // 0.57 * 100 is a little more than 57.
      if (passed >= rank - 1e-9) return Math.min(Math.max(value, this.min), this.max);
    }
    return this.max;
  }

  /** Gives back its room. */
  free(room: Room): void {
    room.left += this.#values?.size ?? 0;
  }

  #begin(room: Room): void {
    this.#values = new Map();
    if (this.count > 0) this.#tell(this.min, this.count, room);
  }

  #tell(value: number, times: number, room: Room): void {
    const rounded = threeDigits(value);
    const before = this.#values?.get(rounded);
    if (before === undefined && room.left <= 0) return;
    if (before === undefined) room.left -= 1;
    this.#values?.set(rounded, (before ?? 0) + times);
  }
}

function threeDigits(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 1_000) return value;
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - 2);
  // Of the smallest and largest numbers, the unit is none.
  return unit > 0 && Number.isFinite(value / unit) ? Math.round(value / unit) * unit : value;
}
