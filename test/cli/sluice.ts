import { type ChildProcess, spawn } from 'node:child_process';
import { Console } from 'node:console';
import { constants } from 'node:os';
import { join } from 'node:path';
// It starts its process in the folder where it was loaded, which must not be one that a test removes.
import 'esbuild';
import { runCommand } from '../../cli/cli.ts';
import { projectDirectory } from '../../cli/target/directories.ts';

/**
 * The only place where tests start the command line, so that they never use the checkout's own local cloud,
 * its port or its database.
 */

export interface Run {
  /** As a shell reports it: 130 after Ctrl-C. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ProcessOptions extends CommandOptions {
  /** The checkout to run: a changed copy of this one. */
  readonly checkout?: string;
}

let previous: Promise<unknown> = Promise.resolve();

/**
 * Runs a command with the local cloud of a directory, in this process: a new one would take several times as
 * long. One runs after the other, since each has the process's streams, folder and variables for itself. A
 * command that lasts until something else happens, or that gets a signal, is for `startSluice`.
 */
export function sluice(
  directory: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Run> {
  const run = previous.then(() => runHere(directory, args, options));
  previous = run.catch(() => {});
  return run;
}

async function runHere(
  directory: string,
  args: readonly string[],
  { cwd, environment }: CommandOptions,
): Promise<Run> {
  const before = { console, env: process.env, cwd: process.cwd() };
  const [stdout, stderr] = [captured(process.stdout), captured(process.stderr)];
  globalThis.console = new Console(process.stdout, process.stderr);
  process.env = { ...environmentOf(directory, environment) };
  if (cwd !== undefined) process.chdir(cwd);
  try {
    await runCommand(args);
    return { status: Number(process.exitCode ?? 0), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.exitCode = undefined;
    process.chdir(before.cwd);
    process.env = before.env;
    globalThis.console = before.console;
    for (const each of [stdout, stderr]) each.release();
  }
}

/** Keeps what is written to a stream. */
function captured(stream: NodeJS.WriteStream): { text(): string; release(): void } {
  const { write } = stream;
  const chunks: Buffer[] = [];
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as string));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return {
    text: () => Buffer.concat(chunks).toString(),
    release() {
      stream.write = write;
    },
  };
}

/** Starts a command in a process of its own, as a user would, which may be interrupted. */
export function startSluice(
  directory: string,
  args: readonly string[],
  { cwd, checkout = projectDirectory, environment }: ProcessOptions = {},
): ChildProcess {
  return spawn(process.execPath, [join(checkout, 'cli', 'sluice.mjs'), ...args], {
    cwd,
    env: environmentOf(directory, environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starts a line of a document in a shell, in the checkout's folder, in a process group of its own. */
export function startShell(
  directory: string,
  line: string,
  { checkout = projectDirectory, environment = {} }: Pick<ProcessOptions, 'checkout' | 'environment'> = {},
): ChildProcess {
  return spawn('/bin/sh', ['-c', line], {
    cwd: checkout,
    env: environmentOf(directory, { NO_COLOR: '1', ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** The local cloud, as `npm start` runs it in a terminal of its own. */
export interface Started {
  /** Its output until it was ready. */
  readonly printed: string;
  /** Stops it as Ctrl-C does, and waits for its end. */
  stop(): Promise<void>;
}

/** @throws {Error} when it ends before it is ready */
export async function npmStart(
  directory: string,
  options: Pick<ProcessOptions, 'checkout' | 'environment'> = {},
): Promise<Started> {
  const server = startShell(directory, 'npm start', options);
  const ended = finished(server);
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    server.stdout?.on('data', (text: string) => {
      printed += text;
      if (printed.includes('Ctrl-C stops it.')) resolve();
    });
    ended.then(({ stderr }) => reject(new Error(`npm start ended: ${printed}${stderr}`)), reject);
  });
  return {
    printed,
    async stop() {
      // As Ctrl-C does: to the whole group in the foreground.
      if (server.pid !== undefined) process.kill(-server.pid, 'SIGINT');
      await ended;
    },
  };
}

/**
 * The exit status and output of a process.
 * @param until send it one Ctrl-C when it prints this
 * @throws {Error} when Node printed a warning
 */
export async function finished(child: ChildProcess, until?: string): Promise<Run> {
  const printed = { stdout: '', stderr: '' };
  let isInterrupted = false;
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text;
      if (isInterrupted || until === undefined || !printed[stream].includes(until)) return;
      isInterrupted = true;
      child.kill('SIGINT');
    });
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  if (nodeWarning.test(printed.stderr)) throw new Error(`Node warned:\n${printed.stderr}`);
  return { status, ...printed };
}

/** As Node prints one: `(node:4711) MaxListenersExceededWarning: …`. */
export const nodeWarning = /\(node:\d+\) /;

/** Of the shell's environment, only the PATH. */
function environmentOf(directory: string, others: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], SLUICE_DIRECTORY: directory, SLUICE_PORT: '0', ...others };
}

/** The documents that a command printed with --json, one per line. */
export function documents({ stdout }: Run): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
