import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import * as z from 'zod';
import { edited } from '../edit.ts';
import type { Result, Share } from '../simulation/worker.ts';
import type { Mutation } from './mutation.ts';

const repository = join(import.meta.dirname, '../..');

/** What the simulation and the tests of the stages are made of. */
const sources = [
  ...['package.json', 'tsconfig.json', 'vitest.config.ts'],
  ...['datasets', 'domain', 'store', 'formats', 'mysql', 'handlers', 'lake', 'local-aws', 'cli', 'test'],
];

/** What Vitest's JSON reporter says. */
const testReport = z.object({
  numTotalTests: z.int(),
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

/** A copy of what the simulation is made of, to break or to compare with. */
export class Copy {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-mutation-'));

  /** @param of another copy, or the repository */
  constructor(of?: Copy) {
    for (const source of sources)
      cpSync(join(of?.directory ?? repository, source), join(this.directory, source), { recursive: true });
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

  /**
   * Runs the tests of a file. @returns the name of the first that fails
   *
   * @throws {Error} when they can't be run
   */
  async failingTest(file: string): Promise<string | undefined> {
    const report = join(this.directory, 'report.json');
    const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
    const options = ['--no-cache', '--maxWorkers=1', '--bail=1', '--reporter=json', `--outputFile=${report}`];
    const run = promisify(execFile)(process.execPath, [vitest, 'run', file, ...options], {
      cwd: this.directory,
    });
    const failure: unknown = await run.then(
      () => undefined,
      (error) => error,
    );
    if (failure === undefined) return undefined;
    const { testResults } = testReport.parse(JSON.parse(readFileSync(report, 'utf8')));
    const [first] = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === 'failed');
    if (first !== undefined) return first.fullName;
    throw new Error(`${file} can’t be run: ${testResults[0]?.message}`, { cause: failure });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Failure {
  readonly seed: number;
  readonly finding: string;
}
