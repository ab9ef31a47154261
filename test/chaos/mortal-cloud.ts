import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import { instance, localTarget, type Target } from '../../ops/target.ts';

const repository = join(import.meta.dirname, '../..');

/** Short time-outs, so that a message whose function was killed comes back within half a minute. Seconds. */
const stage = { timeout: 5, maximumConcurrency: 2, maximumReceives: 5 };

/** The local cloud as a process that can be killed, and started again with the state that it left. */
export class MortalCloud {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-chaos-'));
  readonly #project: string;
  readonly #state: string;
  #port = 0;
  #child: ChildProcess | undefined;
  #target: Target | undefined;
  kills = 0;
  functionKills = 0;

  constructor() {
    this.#project = join(this.directory, 'project');
    this.#state = join(this.directory, 'state');
    for (const path of [this.#project, this.#state]) mkdirSync(path);
    const main = relative(this.#project, join(repository, 'infra/index.ts'));
    const project = readFileSync(join(repository, 'Pulumi.yaml'), 'utf8').replace(
      /^main: .*$/m,
      `main: ${main}`,
    );
    writeFileSync(join(this.#project, 'Pulumi.yaml'), project);
    const config = {
      'aws:region': 'us-east-1',
      'sluice:forceDestroy': true,
      'sluice:extraction': stage,
      'sluice:transformation': stage,
      'sluice:loading': stage,
    };
    writeFileSync(join(this.#project, 'Pulumi.chaos.yaml'), stringify({ config }));
  }

  /** For the commands: `npx sluice --directory …`. */
  get state(): string {
    return this.#state;
  }

  get log(): string {
    return join(this.directory, 'cloud.log');
  }

  get target(): Target {
    if (this.#target === undefined) throw new Error('The local cloud was not started.');
    return this.#target;
  }

  async start(): Promise<void> {
    const args = [this.#project, this.#state, String(this.#port)];
    const child = fork(join(import.meta.dirname, 'cloud-child.ts'), args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const log = createWriteStream(this.log, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const died = once(child, 'exit').then(() => {
      throw new Error(`The local cloud did not start: see ${this.log}`);
    });
    const [message] = (await Promise.race([once(child, 'message'), died])) as [unknown];
    died.catch(() => {});
    const running = instance.parse(message);
    this.#port = Number(new URL(running.endpoint).port);
    this.#target ??= localTarget(running, this.#state);
  }

  /** kill -9, and starts it again. */
  async crash(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    this.kills += 1;
    await wait(200);
    await this.start();
  }

  /** kill -9 of one of the functions' processes, as `choose` says. @returns its process id, if there is any */
  crashFunction(choose: (count: number) => number): number | undefined {
    const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
      .filter(([, , parent, args]) => Number(parent) === this.#child?.pid && args?.includes('runtime.mjs'));
    const pid = Number(processes[choose(processes.length)]?.[1]);
    if (!Number.isInteger(pid)) return undefined;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return undefined;
    }
    this.functionKills += 1;
    return pid;
  }

  /** @param keep leaves the state, to look at what went wrong */
  async close(keep: boolean): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }
}
