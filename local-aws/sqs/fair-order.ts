import { Heap } from './heap.ts';
import type { Message } from './message.ts';

/** Of all messages in flight, or of all processing time. A group with more is noisy. */
const FAIR_SHARE = 0.1;
/** A group with fewer messages in flight is not noisy for their share. */
const FEW = 30;
/** Processing time counts half as much after this time. SQS does not say how recent "recent" is. */
const HALF_LIFE_MS = 60_000;

interface Use {
  inFlight: number;
  /** Milliseconds that messages were in flight, older ones counting less. */
  time: number;
}

/**
 * The visible messages of a queue in the order in which a standard queue with message groups hands them out
 * ("How Amazon SQS fair queues work"): by when they became visible, but those of groups that use more than
 * their share of the consumers after all others, and of these first the group with the fewest messages in
 * flight. A message without a group is a group of its own.
 */
export class FairOrder {
  readonly #visible = new Map<string | undefined, Heap<Message>>();
  readonly #groups = new Map<string, Use>();
  readonly #all: Use = { inFlight: 0, time: 0 };
  #size = 0;
  #now: number | undefined;

  get size(): number {
    return this.#size;
  }

  /** How many messages are in flight. */
  get inFlight(): number {
    return this.#all.inFlight;
  }

  push(message: Message, visibleAt: number): void {
    const heap = this.#visible.get(message.groupId) ?? new Heap();
    this.#visible.set(message.groupId, heap);
    heap.push(message, visibleAt);
    this.#size += 1;
  }

  delete(message: Message): void {
    const heap = this.#visible.get(message.groupId);
    if (heap?.delete(message) !== true) return;
    this.#size -= 1;
    if (heap.size === 0) this.#visible.delete(message.groupId);
  }

  /** The next to receive, without removing it. */
  next(): Message | undefined {
    const noisy = new Set([...this.#groups.keys()].filter((group) => this.#isNoisy(group)));
    if (noisy.size === 0) return this.oldest();
    const quiet = this.#oldestOf((group) => group === undefined || !noisy.has(group));
    if (quiet !== undefined) return quiet;
    const [least] = [...noisy]
      .filter((group) => this.#visible.has(group))
      .sort((a, b) => this.#useOf(a).inFlight - this.#useOf(b).inFlight);
    return least === undefined ? undefined : this.#visible.get(least)?.peek()?.item;
  }

  /** The one that became visible first. */
  oldest(): Message | undefined {
    return this.#oldestOf(() => true);
  }

  /** Counts a message that was received, by 1, or that is no longer in flight, by -1. */
  count({ groupId }: Message, by: 1 | -1): void {
    this.#all.inFlight += by;
    if (groupId !== undefined) this.#useOf(groupId).inFlight += by;
  }

  /** Counts the time until `now` for the messages that are in flight. */
  advance(now: number): void {
    const passed = now - (this.#now ?? now);
    this.#now = Math.max(now, this.#now ?? now);
    if (passed <= 0) return;
    const fade = 0.5 ** (passed / HALF_LIFE_MS);
    for (const use of [this.#all, ...this.#groups.values()])
      use.time = use.time * fade + use.inFlight * passed;
    for (const [group, { inFlight, time }] of this.#groups)
      if (inFlight === 0 && time < 1) this.#groups.delete(group);
  }

  clear(): void {
    this.#visible.clear();
    this.#groups.clear();
    this.#size = 0;
    this.#all.inFlight = 0;
  }

  #oldestOf(wanted: (group: string | undefined) => boolean): Message | undefined {
    let first: { readonly item: Message; readonly key: number } | undefined;
    for (const [group, heap] of this.#visible) {
      const head = heap.peek();
      if (head !== undefined && wanted(group) && (first === undefined || head.key < first.key)) first = head;
    }
    return first?.item;
  }

  #useOf(group: string): Use {
    const use = this.#groups.get(group) ?? { inFlight: 0, time: 0 };
    this.#groups.set(group, use);
    return use;
  }

  #isNoisy(group: string): boolean {
    const { inFlight, time } = this.#useOf(group);
    if (inFlight >= FEW && inFlight > FAIR_SHARE * this.#all.inFlight) return true;
    return time > FAIR_SHARE * this.#all.time;
  }
}
