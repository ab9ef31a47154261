import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { cacheDirectory } from '../core/cache-directory.ts';

/** The input of the program's process. */
export interface ProgramRequest {
  readonly main: string;
  readonly project: string;
  readonly stack: string;
  readonly region: string;
  readonly queueEndpoint: string;
  readonly configuration: Readonly<Record<string, string>>;
}

/**
 * A process that runs one Pulumi program, once. It starts to load Pulumi when it is created, so create it
 * early, while there is other work to do.
 */
export class ProgramProcess {
  readonly #child: ChildProcess;
  readonly #answer: Promise<unknown>;

  constructor() {
    const child = fork(join(import.meta.dirname, 'program-child.ts'), [], {
      execArgv: [],
      silent: true,
      // Pulumi has hundreds of modules; with compiled ones cached, it loads in half the time.
      env: { ...process.env, NODE_COMPILE_CACHE: join(cacheDirectory, 'program') },
    });
    let printed = '';
    const keep = (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-8_000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.#child = child;
    this.#answer = new Promise((resolve, reject) => {
      child.on('message', resolve);
      child.on('error', reject);
      child.on('close', (code, signal) => {
        const failure = `it ended (${signal ?? `exit code ${code}`}) without an answer.\n${printed}`.trim();
        resolve({ failure });
      });
    });
    // `run` reports the failure to its caller.
    this.#answer.catch(() => {});
  }

  /** The answer of program-child.ts, or `{ failure }`. */
  async run(request: ProgramRequest): Promise<unknown> {
    if (this.#child.connected) this.#child.send(request);
    return await this.#answer;
  }

  /** Ends the process, even a busy one. */
  end(): void {
    this.#child.kill();
  }
}
