import type { Dataset } from '../../domain/dataset.ts';
import type { Registry } from '../../domain/registry.ts';
import type { ListedVersion } from '../../store/listing.ts';
import { age, printable } from '../terminal/terminal.ts';

/** When an object of a dataset arrived last that expects one every so often. */
export interface Arrival {
  readonly dataset: string;
  readonly expectedEveryHours: number;
  /** Milliseconds since the epoch; `null` if there is none. */
  readonly newest: number | null;
  readonly isLate: boolean;
}

/** Finds out, object by object, what arrived last of each dataset that expects something. */
export class Arrivals {
  readonly #registry: Registry;
  readonly #expecting: readonly Dataset[];
  readonly #newest = new Map<string, number>();

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#expecting = registry.all.filter(({ expectedEvery }) => expectedEvery !== undefined);
  }

  add({ key, modified, deleted }: Pick<ListedVersion, 'key' | 'modified' | 'deleted'>): void {
    if (this.#expecting.length === 0 || deleted) return;
    const dataset = this.#registry.nameOf(key);
    this.#newest.set(dataset, Math.max(modified, this.#newest.get(dataset) ?? 0));
  }

  /** @param now milliseconds since the epoch */
  found(now: number): Arrival[] {
    return this.#expecting.map(({ name, expectedEvery }) => {
      const hours = expectedEvery?.hours ?? 0;
      const newest = this.#newest.get(name) ?? null;
      const isLate = newest === null || now - newest > hours * 3_600_000;
      return { dataset: name, expectedEveryHours: hours, newest, isLate };
    });
  }
}

/** `sales: the newest object is 26 h old, and one is expected every 24 h` */
export function arrivalText({ dataset, expectedEveryHours, newest }: Arrival, now: number): string {
  const last = newest === null ? 'there is no object' : `the newest object is ${age(now - newest)} old`;
  return `${printable(dataset)}: ${last}, and one is expected every ${expectedEveryHours} h`;
}
