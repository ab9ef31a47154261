import type { Service } from '../http/service.ts';
import type { Authorize } from './call.ts';
import type { Clock } from './clock.ts';
import type { OpenJournal } from './journal.ts';
import type { Metrics } from './metrics.ts';

/** One of the cloud's services. Services are built and started in order, and closed in reverse order. */
export interface CloudService {
  /** The service name in request signatures, e.g. `sqs`. */
  readonly name: string;
  /** Its API, if it has one here. */
  readonly handle?: Service;
  /** Restores its state and starts to work. */
  start(): Promise<void>;
  /** Stops its work and closes its files. Running work gets up to `graceMs` to finish, by default none. */
  close(graceMs?: number): Promise<void>;
}

/** A service with an API. */
export interface ServedService<Handle extends Service = Service> extends CloudService {
  readonly handle: Handle;
}

/** Shared by the services of one cloud. */
export interface ServiceContext {
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** A fresh id. */
  readonly ids: () => string;
  readonly authorize: Authorize;
  /** Without it, nothing is kept. */
  readonly openJournal?: OpenJournal | undefined;
  /** Without it, nothing is measured. */
  readonly metrics?: Metrics | undefined;
}

/** A service without state or background work. */
export function stateless(name: string, handle: Service): ServedService {
  return { name, handle, start: async () => {}, close: async () => {} };
}
