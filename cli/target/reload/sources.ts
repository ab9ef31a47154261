import { existsSync, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectDirectory } from '../directories.ts';

/** What the functions and the program are made of. */
const sources = [
  'datasets',
  'domain',
  'formats',
  'handlers',
  'infra',
  'lake',
  'mysql',
  'store',
  'Pulumi.yaml',
  'Pulumi.dev.yaml',
];

/** How long no file must change before a change counts as whole: editors and `new` write several. */
const QUIET_MS = 300;

/** Tells of changes of the sources since it was made, until the signal. It keeps no process alive. */
export class Sources {
  #changes = 0;
  #told = 0;
  #wake = Promise.withResolvers<void>();
  readonly #signal: AbortSignal;

  /** @param onTrouble is told if a folder can't be watched, as when the system has no watches left */
  constructor(signal: AbortSignal, onTrouble: (error: unknown) => void) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake.resolve(), { once: true });
    for (const source of sources.map((each) => join(projectDirectory, each)))
      if (existsSync(source)) this.#watch(source, onTrouble);
  }

  #watch(source: string, onTrouble: (error: unknown) => void): void {
    try {
      const watcher = watch(
        source,
        { recursive: true, persistent: false, signal: this.#signal },
        (_, file) => {
          if (!/\.(ts|mts|json|yaml)$/.test(file ?? '')) return;
          this.#changes += 1;
          this.#wake.resolve();
        },
      );
      watcher.on('error', onTrouble);
    } catch (error) {
      onTrouble(error);
    }
  }

  /** Whether something has changed since `next` told so last. */
  get isChanged(): boolean {
    return this.#changes > this.#told;
  }

  /** Waits for a change, and until it is whole. @returns false at the signal */
  async next(): Promise<boolean> {
    while (!this.isChanged && !this.#signal.aborted) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      if (this.#signal.aborted) return false;
    }
    do {
      this.#told = this.#changes;
      await sleep(QUIET_MS);
    } while (this.isChanged);
    return !this.#signal.aborted;
  }
}

/** When a dataset, or what is recorded of its tables, was changed last, in milliseconds since the epoch. */
export function datasetsChangedAt(): number {
  const files = ['datasets', 'mysql/migrations'].flatMap((folder) => {
    const directory = join(projectDirectory, folder);
    return [directory, ...readdirSync(directory).map((file) => join(directory, file))];
  });
  return Math.max(...files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}
