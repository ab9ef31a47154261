import type { Caller } from '../core/call.ts';
import type { ServiceContext } from '../core/cloud-service.ts';
import { badRequest } from '../core/service-error.ts';
import {
  type DeliveryPorts,
  deadLetterAttributes,
  type Exhausted,
  type Failure,
  failureOf,
} from './delivery.ts';
import type { DeliveryFault } from './delivery-fault.ts';
import { compilePattern, type Matcher } from './pattern.ts';
import { type BusEvent, type EventRule, type EventTarget, eventTime } from './rule.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

/** An event that one target has not accepted yet. */
export interface Delivery {
  readonly id: string;
  readonly rule: string;
  readonly target: string;
  readonly event: BusEvent;
  /** When it was published, in milliseconds; the event's age counts from here. */
  readonly since: number;
  readonly retries: number;
  readonly dueAt: number;
}

/** Journal entries: waiting deliveries, and rules that were enabled or disabled by the API. */
export type EventEntry =
  | { readonly type: 'waiting'; readonly delivery: Delivery }
  | { readonly type: 'done'; readonly id: string }
  | { readonly type: 'state'; readonly rule: string; readonly enabled: boolean; readonly declared: boolean };

export interface BusOptions
  extends DeliveryPorts,
    Pick<ServiceContext, 'clock' | 'region' | 'accountId' | 'ids'> {
  readonly rules: readonly EventRule[];
  /** From 0 to 1, for the jitter of the backoff. */
  readonly random: () => number;
  readonly record: (entry: EventEntry) => Promise<void>;
  /** Gets a line for each lost event. */
  readonly log: (line: string) => void;
  readonly deliverFault?: (event: BusEvent, target: EventTarget) => DeliveryFault | undefined;
}

interface LiveRule {
  readonly settings: EventRule;
  readonly matches: Matcher;
  readonly schedule: Schedule | undefined;
  enabled: boolean;
}

const firstRetryMs = 1000;
const longestRetryMs = 600_000;

/**
 * The default event bus: matches events to rules, delivers them, retries, dead-letters failures, and runs
 * schedules.
 */
export class EventBus {
  readonly #options: BusOptions;
  readonly #rules = new Map<string, LiveRule>();
  readonly #waiting = new Map<string, Delivery>();
  readonly #timers = new Map<string, () => void>();
  readonly #underWay = new Set<Promise<void>>();

  /** @throws ServiceError if a pattern or a schedule is invalid */
  constructor(options: BusOptions) {
    this.#options = options;
    for (const settings of options.rules) {
      const { eventPattern, scheduleExpression } = settings;
      if (eventPattern === undefined && scheduleExpression === undefined)
        throw badRequest('ValidationException', `${settings.name} has neither a pattern nor a schedule.`);
      this.#rules.set(settings.name, {
        settings,
        matches: eventPattern === undefined ? () => false : compilePattern(eventPattern),
        schedule:
          scheduleExpression === undefined
            ? undefined
            : parseSchedule(scheduleExpression, options.clock.now()),
        enabled: settings.enabled,
      });
    }
  }

  /** Whether any enabled rule matches the event. */
  wants(event: BusEvent): boolean {
    return this.#rules.values().some((rule) => rule.enabled && rule.matches(event));
  }

  /**
   * Sends an event to the targets of all enabled rules that match it. Resolves when each target has accepted
   * it, or its retry is in the journal, or it is in the target's DLQ.
   */
  async publish(event: BusEvent): Promise<void> {
    const matching = [...this.#rules.values()].filter((rule) => rule.enabled && rule.matches(event));
    await Promise.all(matching.map((rule) => this.#dispatch(rule.settings, event)));
  }

  /** The rules with their present state, by name. */
  rules(): { readonly settings: EventRule; readonly enabled: boolean }[] {
    return [...this.#rules.values()].sort((a, b) => (a.settings.name < b.settings.name ? -1 : 1));
  }

  /** Enables or disables a rule. The setting survives a restart until the program changes the rule. */
  async setEnabled(name: string, enabled: boolean): Promise<void> {
    const rule = this.#rules.get(name);
    if (!rule) return;
    rule.enabled = enabled;
    await this.#options.record({ type: 'state', rule: name, enabled, declared: rule.settings.enabled });
  }

  /** Events that wait for a retry or are delayed. */
  get waiting(): number {
    return this.#waiting.size;
  }

  replay(entry: EventEntry): void {
    if (entry.type === 'waiting') this.#waiting.set(entry.delivery.id, entry.delivery);
    else if (entry.type === 'done') this.#waiting.delete(entry.id);
    else {
      const rule = this.#rules.get(entry.rule);
      if (rule?.settings.enabled === entry.declared) rule.enabled = entry.enabled;
    }
  }

  *snapshot(): Iterable<EventEntry> {
    for (const delivery of this.#waiting.values()) yield { type: 'waiting', delivery };
    for (const { settings, enabled } of this.#rules.values())
      if (enabled !== settings.enabled)
        yield { type: 'state', rule: settings.name, enabled, declared: settings.enabled };
  }

  /** Resumes interrupted deliveries, and starts the schedules. */
  start(): void {
    for (const delivery of this.#waiting.values()) this.#await(delivery);
    for (const rule of this.#rules.values()) this.#scheduleNext(rule, this.#options.clock.now());
  }

  /** Stops timers and waits for running deliveries. */
  async close(): Promise<void> {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    await Promise.allSettled(this.#underWay);
  }

  async #dispatch(rule: EventRule, event: BusEvent): Promise<void> {
    const { clock, ids, deliverFault } = this.#options;
    const since = clock.now();
    const deliveries = rule.targets.flatMap((target) => {
      const { duplicate = 0, delayMs = 0 } = deliverFault?.(event, target) ?? {};
      const dueAt = since + delayMs;
      const made = () => ({ id: ids(), rule: rule.name, target: target.id, event, since, retries: 0, dueAt });
      return Array.from({ length: 1 + duplicate }, made);
    });
    await Promise.all(
      deliveries.map((delivery) => (delivery.dueAt > since ? this.#keep(delivery) : this.#attempt(delivery))),
    );
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { settings: rule } = this.#rules.get(delivery.rule) ?? {};
    const target = rule?.targets.find(({ id }) => id === delivery.target);
    if (!rule || !target) {
      this.#options.log(
        `Event ${delivery.event.id} is lost: the program no longer has the rule ${delivery.rule}.`,
      );
      return this.#forget(delivery);
    }
    try {
      await this.#options.deliver(target, bodyFor(target, delivery.event), callerFor(rule));
    } catch (cause) {
      const failure = failureOf(cause);
      const dueAt = this.#options.clock.now() + this.#backOff(delivery.retries);
      const exhausted = failure.retriable ? exhaustion(delivery, target, dueAt) : undefined;
      if (failure.retriable && !exhausted)
        return this.#keep({ ...delivery, retries: delivery.retries + 1, dueAt });
      await this.#giveUp(delivery, rule, target, failure, exhausted);
    }
    await this.#forget(delivery);
  }

  async #giveUp(
    { event, retries }: Delivery,
    rule: EventRule,
    target: EventTarget,
    failure: Failure,
    exhausted: Exhausted | undefined,
  ): Promise<void> {
    const lost = `Event ${event.id} of rule ${rule.name} is lost: ${target.arn} answered ${failure.code} (${failure.message})`;
    if (target.deadLetterArn === undefined) return this.#options.log(`${lost}, and the target has no DLQ.`);
    const attributes = deadLetterAttributes(rule, target, failure, retries, exhausted);
    try {
      await this.#options.deadLetter(
        target.deadLetterArn,
        bodyFor(target, event),
        attributes,
        callerFor(rule),
      );
    } catch (cause) {
      this.#options.log(
        `${lost}, and its DLQ ${target.deadLetterArn} did not take it: ${failureOf(cause).message}`,
      );
    }
  }

  /** Exponential, with jitter: from half to all of 1, 2, 4, … seconds, at most ten minutes. */
  #backOff(retries: number): number {
    const longest = Math.min(longestRetryMs, firstRetryMs * 2 ** retries);
    return Math.ceil(longest * (0.5 + this.#options.random() / 2));
  }

  async #keep(delivery: Delivery): Promise<void> {
    this.#waiting.set(delivery.id, delivery);
    this.#await(delivery);
    await this.#options.record({ type: 'waiting', delivery });
  }

  async #forget({ id }: Delivery): Promise<void> {
    if (this.#waiting.delete(id)) await this.#options.record({ type: 'done', id });
  }

  #await(delivery: Delivery): void {
    this.#after(delivery.id, delivery.dueAt, () => this.#attempt(delivery));
  }

  #scheduleNext(rule: LiveRule, after: number): void {
    const due = rule.schedule?.(after);
    if (due === undefined) return;
    this.#after(`schedule of ${rule.settings.name}`, due, async () => {
      this.#scheduleNext(rule, due);
      if (rule.enabled) await this.#dispatch(rule.settings, this.#scheduledEvent(rule.settings, due));
    });
  }

  /** "Scheduled events": the form of EventBridge's own. */
  #scheduledEvent(rule: EventRule, due: number): BusEvent {
    return {
      version: '0',
      id: this.#options.ids(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: this.#options.accountId,
      time: eventTime(due),
      region: this.#options.region,
      resources: [rule.arn],
      detail: {},
    };
  }

  #after(key: string, dueAt: number, run: () => Promise<void>): void {
    const delay = Math.max(0, dueAt - this.#options.clock.now());
    const cancel = this.#options.clock.schedule(delay, () => {
      this.#timers.delete(key);
      const running = run();
      this.#underWay.add(running);
      void running.finally(() => this.#underWay.delete(running));
    });
    this.#timers.set(key, cancel);
  }
}

function exhaustion({ retries, since }: Delivery, target: EventTarget, dueAt: number): Exhausted | undefined {
  if (retries >= target.maximumRetryAttempts) return 'MaximumRetryAttempts';
  return dueAt - since > target.maximumEventAgeSeconds * 1000 ? 'MaximumEventAgeInSeconds' : undefined;
}

function bodyFor(target: EventTarget, event: BusEvent): string {
  return target.input ?? JSON.stringify(event);
}

function callerFor(rule: EventRule): Caller {
  return { kind: 'service', principal: 'events.amazonaws.com', sourceArn: rule.arn };
}
