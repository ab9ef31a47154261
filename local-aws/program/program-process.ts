import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where Pulumi is installed. */
const nodeModules = join(
  dirname(createRequire(import.meta.url).resolve('@pulumi/pulumi/package.json')),
  '../..',
);

/** What the program's process is told. */
export interface ProgramRequest {
  readonly main: string;
  readonly project: string;
  readonly stack: string;
  readonly region: string;
  readonly queueEndpoint: string;
  readonly configuration: Readonly<Record<string, string>>;
}

/**
 * The process in which a Pulumi program runs, once. It loads Pulumi from the moment on at which it is made: make it early, while
 * there is something else to do.
 */
export class ProgramProcess {
  readonly #child: ChildProcess;
  readonly #answer: Promise<unknown>;

  constructor() {
    const child = fork(join(import.meta.dirname, 'program-child.ts'), [], {
      execArgv: [],
      silent: true,
      // Pulumi is hundreds of modules: compiled once, it loads in half the time.
      env: { ...process.env, NODE_COMPILE_CACHE: join(nodeModules, '.cache/program') },
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
    // Whoever asks is told.
    this.#answer.catch(() => {});
  }

  /** What program-child.ts answers, or `{ failure }`. */
  async run(request: ProgramRequest): Promise<unknown> {
    if (this.#child.connected) this.#child.send(request);
    return await this.#answer;
  }

  /** Ends it, whatever it does. */
  end(): void {
    this.#child.kill();
  }
}
