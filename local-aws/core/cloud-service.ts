import type { Service } from '../http/service.ts';
import type { Authorize } from './call.ts';
import type { Clock } from './clock.ts';
import type { OpenJournal } from './journal.ts';

/** One of the cloud's services. They are built one after the other, started in that order, and closed in the opposite one. */
export interface CloudService {
  /** What requests to it are signed for, e.g. `sqs`. */
  readonly name: string;
  /** Its API. Absent when it has none here. */
  readonly handle?: Service;
  /** Reads back what it kept, and begins to work. */
  start(): Promise<void>;
  /** Ends its work and closes its files; work that is under way gets up to `graceMs` to end, none by default. */
  close(graceMs?: number): Promise<void>;
}

/** A service with an API. */
export interface ServedService<Handle extends Service = Service> extends CloudService {
  readonly handle: Handle;
}

/** What the services of one cloud share. */
export interface ServiceContext {
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** A fresh id. */
  readonly ids: () => string;
  readonly authorize: Authorize;
  /** Nothing is kept when absent. */
  readonly openJournal?: OpenJournal | undefined;
}

/** A service that keeps nothing and does nothing by itself. */
export function stateless(name: string, handle: Service): ServedService {
  return { name, handle, start: async () => {}, close: async () => {} };
}
