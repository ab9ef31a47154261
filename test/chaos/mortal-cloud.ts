import { type ChildProcess, execFile, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { applyTo, withMysql } from '../../cli/mysql/mysql.ts';
import { instance, localTarget, type Target } from '../../cli/target/target.ts';
import { type MysqlServer, startMysqlServer } from '../mysql/mysql-server.ts';
import type { Clock } from './clock-child.ts';
import { type Code, codes, writeCode } from './code.ts';

const repository = join(import.meta.dirname, '../..');
const clockModule = join(import.meta.dirname, 'clock-child.ts');

/** Short time-outs, so that a message whose function was killed comes back within half a minute. Seconds. */
const stage = { timeout: 5, maximumConcurrency: 2, maximumReceives: 5 };

/** How a command of `npx sluice` ended. */
export interface Answer {
  readonly ok: boolean;
  /** What it printed for other programs, and all that it printed. */
  readonly stdout: string;
  readonly text: string;
}

/**
 * The local cloud as a process that can be killed, and started again with the state that it left; and MySQL
 * beside it.
 */
export class MortalCloud {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-chaos-'));
  readonly #project = join(this.directory, 'project');
  /** Of the local cloud, as `--directory` names it. */
  readonly #state = join(this.directory, 'state');
  readonly #clockFile = join(this.directory, 'clock.json');
  #clock: Clock = { turn: 0, within: { cloud: 0, function: 0 } };
  #mysql: MysqlServer | undefined;
  #port = 0;
  #child: ChildProcess | undefined;
  #target: Target | undefined;
  #kills = 0;
  #functionKills = 0;
  #mysqlKills = 0;

  constructor() {
    for (const path of [this.#project, this.#state]) mkdirSync(path);
    for (const code of codes) writeCode(code, join(this.directory, code));
    const config = {
      'aws:region': 'us-east-1',
      'sluice:forceDestroy': true,
      'sluice:extraction': stage,
      'sluice:transformation': stage,
      'sluice:loading': stage,
    };
    writeFileSync(join(this.#project, 'Pulumi.chaos.yaml'), stringify({ config }));
    this.setClocks(this.#clock);
    this.choose('old');
  }

  get log(): string {
    return join(this.directory, 'cloud.log');
  }

  get target(): Target {
    if (this.#target === undefined) throw new Error('The local cloud was not started.');
    return this.#target;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get summary(): string {
    return `${this.#functionKills} functions, ${this.#kills} times the local cloud and ${this.#mysqlKills} times MySQL killed`;
  }

  /** The turn that the clocks are in. */
  get turn(): number {
    return this.#clock.turn;
  }

  get mysql(): MysqlServer {
    if (this.#mysql === undefined) throw new Error('MySQL was not started.');
    return this.#mysql;
  }

  /** Of all processes that run or will. */
  setClocks(clock: Clock): void {
    this.#clock = clock;
    writeFileSync(`${this.#clockFile}.next`, JSON.stringify(clock));
    renameSync(`${this.#clockFile}.next`, this.#clockFile);
  }

  /** Deploys this code with the next start. */
  choose(code: Code): void {
    const main = relative(this.#project, join(this.directory, code, 'infra/index.ts'));
    const project = readFileSync(join(repository, 'Pulumi.yaml'), 'utf8').replace(
      /^main: .*$/m,
      `main: ${main}`,
    );
    writeFileSync(join(this.#project, 'Pulumi.yaml'), project);
  }

  async start(): Promise<void> {
    this.#mysql ??= await startMysqlServer();
    await withMysql(this.#mysql.url, applyTo);
    await this.#startCloud();
  }

  /**
   * kill -9, and starts it again. @param early kills it once more, so many milliseconds after it began to
   * start
   */
  async crash(early?: number): Promise<void> {
    await this.#kill();
    if (early !== undefined) {
      this.#fork();
      await wait(early);
      await this.#kill();
    }
    await this.#startCloud();
  }

  /** kill -9 of MySQL; it is started again `downMs` later. */
  async crashMysql(downMs: number): Promise<void> {
    await this.mysql.kill();
    this.#mysqlKills += 1;
    await wait(downMs);
    await this.mysql.start();
  }

  /** kill -9 of one of the functions' processes, as `choose` says. */
  crashFunction(choose: (count: number) => number): void {
    const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
      .filter(([, , parent, args]) => Number(parent) === this.#child?.pid && args?.includes('runtime.mjs'));
    const pid = Number(processes[choose(processes.length)]?.[1]);
    if (!Number.isInteger(pid)) return;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return;
    }
    this.#functionKills += 1;
  }

  /** Runs `npx sluice` as an operator would, on a machine whose clock is that of all others. */
  async sluice(...args: readonly string[]): Promise<Answer> {
    const command = [
      `--import=${pathToFileURL(clockModule)}`,
      join(repository, 'cli/sluice.mjs'),
      '--directory',
      this.#state,
      ...args,
    ];
    const env = { ...process.env, CHAOS_CLOCK: this.#clockFile, MYSQL_URL: this.mysql.url };
    return promisify(execFile)(process.execPath, command, { env, maxBuffer: 2 ** 28 }).then(
      ({ stdout, stderr }) => ({ ok: true, stdout, text: stdout + stderr }),
      ({ stdout, stderr }: Record<'stdout' | 'stderr', string>) => ({
        ok: false,
        stdout,
        text: stdout + stderr,
      }),
    );
  }

  /** @param keep leaves the state but MySQL's, to look at what went wrong */
  async close(keep: boolean): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    await this.#mysql?.close();
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }

  async #startCloud(): Promise<void> {
    const child = this.#fork();
    const died = once(child, 'exit').then(() => {
      throw new Error(`The local cloud did not start: see ${this.log}`);
    });
    const [message] = (await Promise.race([once(child, 'message'), died])) as [unknown];
    died.catch(() => {});
    const running = instance.parse(message);
    this.#port = Number(new URL(running.endpoint).port);
    this.#target ??= localTarget(running, this.#state);
  }

  #fork(): ChildProcess {
    const args = [this.#project, this.#state, String(this.#port)];
    const child = fork(join(import.meta.dirname, 'cloud-child.ts'), args, {
      execArgv: [`--import=${pathToFileURL(clockModule)}`],
      env: {
        ...process.env,
        CHAOS_CLOCK: this.#clockFile,
        CHAOS_CLOCK_OF: 'cloud',
        MYSQL_URL: this.mysql.url,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const log = createWriteStream(this.log, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#child = child;
    return child;
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    this.#kills += 1;
    await wait(200);
  }
}
