import { type Announce, type Announcement, detailOf } from '../../../domain/versions/announcement.ts';
import type { Network, Party } from '../network.ts';

/** The bus on which stages tell what became of versions: it remembers all. */
export class MemoryBus {
  readonly told: Announcement[] = [];
  readonly #trouble: (caller: Party) => void;

  /** @param trouble is called when the caller was told that a call came to nothing */
  constructor(trouble: (caller: Party) => void) {
    this.#trouble = trouble;
  }

  /** The bus as one function's environment meets it, over the simulated network. */
  over(network: Network, caller: Party): Announce {
    return async (events) => {
      for (const event of events) detailOf(event, 'dev');
      try {
        await network.call(caller, 'PutEvents', async () => {
          this.told.push(...events);
        });
      } catch (error) {
        this.#trouble(caller);
        throw error;
      }
    };
  }

  /** Whether it was told that of this version. */
  knows(type: Announcement['type'], { versionId }: Pick<Announcement['detail'], 'versionId'>): boolean {
    return this.told.some((each) => each.type === type && each.detail.versionId === versionId);
  }
}
