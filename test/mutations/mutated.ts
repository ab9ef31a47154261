import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { edited } from '../edit.ts';
import type { Result, Share } from '../simulation/worker.ts';
import type { Mutation } from './mutations.ts';

const repository = join(import.meta.dirname, '../..');

/** What the simulation is made of. */
const sources = [
  'package.json',
  'domain',
  'handlers',
  'local',
  'migrations',
  'test/simulation',
  'test/local/virtual-clock.ts',
];

/** A copy of what the simulation is made of, to break or to compare with. */
export class Copy {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-mutation-'));

  /** @param of another copy, or the repository */
  constructor(of?: Copy) {
    for (const source of sources) {
      const to = join(this.directory, source);
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(of?.directory ?? repository, source), to, { recursive: true });
    }
    symlinkSync(join(repository, 'node_modules'), join(this.directory, 'node_modules'));
  }

  mutate(mutation: Mutation): void {
    writeFileSync(join(this.directory, mutation.file), edited(mutation, this.directory));
  }

  /** Runs one schedule after the other. @returns the first that ends other than the model says */
  firstFailure(share: Share): Promise<Failure | undefined> {
    const worker = new Worker(join(this.directory, 'test/simulation/worker.ts'), { workerData: share });
    return new Promise<Failure | undefined>((resolve, reject) => {
      worker.on('message', ({ seed, findings: [finding] }: Result) => {
        if (finding !== undefined) resolve({ seed, finding });
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve(undefined));
    }).finally(() => worker.terminate());
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Failure {
  readonly seed: number;
  readonly finding: string;
}
