import type { ServedService, ServiceContext } from '../core/cloud-service.ts';
import { type Journal, noJournal, openNothing } from '../core/journal.ts';
import type { DescribedService } from '../http/operation.ts';
import { eventsService } from './api.ts';
import { type BusOptions, EventBus, type EventEntry } from './bus.ts';
import type { BusEvent } from './rule.ts';

export interface EventsOptions extends ServiceContext, Omit<BusOptions, 'record' | 'random' | 'log'> {
  /** By default `Math.random`. */
  readonly random?: () => number;
  /** By default standard error. */
  readonly log?: (line: string) => void;
}

export interface Events extends ServedService<DescribedService> {
  /** Whether an enabled rule matches the event. */
  wants(event: BusEvent): boolean;
  /**
   * Resolves when each matching target has accepted the event, or its retry is in the journal, or it is in
   * the target's DLQ.
   */
  publish(event: BusEvent): Promise<void>;
  /** The number of deliveries that wait for a retry or are delayed. */
  waiting(): number;
}

/**
 * Creates the default event bus and its service.
 * @throws ServiceError if a rule's pattern or schedule is invalid
 */
export function createEvents(options: EventsOptions): Events {
  let journal: Journal<EventEntry> = noJournal;
  const bus = new EventBus({
    random: Math.random,
    log: console.error,
    ...options,
    record: (entry) => journal.append(entry),
  });
  return {
    name: 'events',
    handle: eventsService({ ...options, bus }),
    wants: (event) => bus.wants(event),
    publish: (event) => bus.publish(event),
    waiting: () => bus.waiting,
    async start() {
      const { openJournal = openNothing } = options;
      journal = await openJournal<EventEntry>(
        'events',
        (entry) => bus.replay(entry),
        () => bus.snapshot(),
      );
      bus.start();
    },
    async close() {
      await bus.close();
      await journal.close();
    },
  };
}
