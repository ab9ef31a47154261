import { setTimeout as sleep } from 'node:timers/promises';
import type { Services } from './server.ts';

/** How long requests that are being served may hold up what shuts the gate; a long poll may last longer. */
const MOST_MS = 2_000;
const LOOK_MS = 10;

/** Requests pass to the services while it is open, and wait while it is shut. It begins shut. */
export class Gate {
  #opening = Promise.withResolvers<Services>();
  #underWay = 0;

  get services(): Promise<Services> {
    return this.#opening.promise;
  }

  open(services: Services): void {
    const counted = Object.entries(services).map(([name, handle]) => [
      name,
      handle &&
        (async (request: Parameters<typeof handle>[0]) => {
          this.#underWay += 1;
          try {
            return await handle(request);
          } finally {
            this.#underWay -= 1;
          }
        }),
    ]);
    this.#opening.resolve(Object.fromEntries(counted));
  }

  /** Lets no further request pass, and waits for those that are being served. */
  async shut(): Promise<void> {
    this.#opening = Promise.withResolvers();
    for (let waited = 0; this.#underWay > 0 && waited < MOST_MS; waited += LOOK_MS) await sleep(LOOK_MS);
  }
}
