import type { ServedService, ServiceContext } from '../core/cloud-service.ts';
import { type Journal, noJournal } from '../core/journal.ts';
import type { DescribedService } from '../http/operation.ts';
import { eventsService } from './api.ts';
import { type BusOptions, EventBus, type EventEntry } from './bus.ts';
import type { BusEvent } from './rule.ts';

export interface EventsOptions extends ServiceContext, Omit<BusOptions, 'record' | 'random' | 'log'> {
  /** `Math.random` when absent. */
  readonly random?: () => number;
  /** Standard error when absent. */
  readonly log?: (line: string) => void;
}

export interface Events extends ServedService<DescribedService> {
  /** Whether a rule that is switched on matches the event. */
  wants(event: BusEvent): boolean;
  /** Resolves when each matching target holds the event, or it waits in the journal, or it is in the target's DLQ. */
  publish(event: BusEvent): Promise<void>;
  /** How many deliveries wait for a retry or are delayed. */
  waiting(): number;
}

/**
 * Makes the default event bus and its service.
 * @throws ServiceError when a rule's pattern or schedule is not valid
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
      const opened = await options.openJournal?.<EventEntry>(
        'events',
        (entry) => bus.replay(entry),
        () => bus.snapshot(),
      );
      journal = opened ?? noJournal;
      bus.start();
    },
    async close() {
      await bus.close();
      await journal.close();
    },
  };
}
