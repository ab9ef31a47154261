import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lockDirectory } from '../../local-aws/core/lock.ts';
import { Reaper } from '../../local-aws/core/reaper.ts';
import { makePrivate } from '../../local-aws/core/state.ts';
import {
  asWhom,
  dataDirectory,
  identify,
  privately,
  type ServerProgram,
  storageOptions,
} from './server-data.ts';

export interface MysqlServerOptions {
  /** The server's program, e.g. `/usr/sbin/mariadbd`. */
  readonly program: string;
  /** The directory of its files. */
  readonly directory: string;
  /** Whether to start empty and keep no state. */
  readonly ephemeral?: boolean;
  /** Called when the server stops unexpectedly. */
  readonly onTrouble?: (line: string) => void;
}

/** A bundled server on 127.0.0.1. */
export interface MysqlServer {
  /** It contains the password, so don't print it. */
  readonly url: string;
  /** The URL of a user who can only read. */
  readonly readUrl: string;
  /** `MariaDB 10.11.19 on 127.0.0.1:40123` */
  readonly description: string;
  close(): Promise<void>;
}

const USER = 'sluice';
const READER = 'sluice_read';
const DATABASE = 'sluice';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
/** Another process may take a free port before the server does. */
const PORT_ATTEMPTS = 3;

/**
 * Starts a private MariaDB or MySQL server, with its own data directory and its own port on 127.0.0.1. It has
 * a user with all rights on its database and one who can only read it, with new passwords each time, and no
 * administrator. It ends with this process, however that ends.
 *
 * @throws {DirectoryInUse}
 * @throws when it does not start; the message has the server's last lines of output
 */
export async function startMysqlServer(options: MysqlServerOptions): Promise<MysqlServer> {
  const { directory, ephemeral = false, onTrouble = () => {} } = options;
  makePrivate(directory);
  const unlock = lockDirectory(directory);
  let state: string | undefined;
  const release = async () => {
    if (ephemeral && state !== undefined) await rm(state, { recursive: true, force: true });
    unlock();
  };
  try {
    const program = await identify(options.program);
    state = ephemeral ? await mkdtemp(join(tmpdir(), 'sluice-mysql-')) : directory;
    const pidFile = join(state, 'server.pid');
    await endStale(pidFile, state);
    const data = await dataDirectory(program, state);
    const passwords = { [USER]: newPassword(), [READER]: newPassword() };
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const server = await start({ program, state, data, pidFile, port, passwords });
      if (server === 'port taken' && attempt < PORT_ATTEMPTS) continue;
      if (server === 'port taken')
        throw new Error(`There is no free port on 127.0.0.1 (tried ${port} last).`);
      const urlOf = (user: keyof typeof passwords) =>
        `mysql://${user}:${passwords[user]}@127.0.0.1:${port}/${DATABASE}`;
      server.onEnd((lastLines) => {
        onTrouble(
          `${program.kind} stopped unexpectedly. Loading’s messages go back to the queue until it runs again: Ctrl-C, then npm start. Its last lines:`,
        );
        for (const line of lastLines.split('\n')) onTrouble(line);
      });
      return {
        url: urlOf(USER),
        readUrl: urlOf(READER),
        description: `${program.kind} ${program.version} on 127.0.0.1:${port}`,
        async close() {
          await server.stop(ephemeral ? 'SIGKILL' : 'SIGTERM');
          await release();
        },
      };
    }
  } catch (error) {
    await release();
    throw error;
  }
}

type Passwords = Readonly<Record<typeof USER | typeof READER, string>>;
const newPassword = () => randomBytes(24).toString('base64url');

interface Start {
  readonly program: ServerProgram;
  readonly state: string;
  readonly data: string;
  readonly pidFile: string;
  readonly port: number;
  readonly passwords: Passwords;
}

interface Running {
  /** Calls back when the server ends without having been stopped. */
  onEnd(tell: (lastLines: string) => void): void;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** @throws with the server's last lines of output, except when its port was taken */
async function start({
  program,
  state,
  data,
  pidFile,
  port,
  passwords,
}: Start): Promise<Running | 'port taken'> {
  const initFile = join(state, 'init.sql');
  writeFileSync(initFile, firstStatements(passwords), { mode: 0o600 });
  const args = [
    '--no-defaults',
    `--datadir=${data}`,
    // Servers that share a directory delete each other's temporary tables.
    `--tmpdir=${state}`,
    ...asWhom(),
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    // Relative to the data directory, since the path of a socket has at most 107 characters.
    '--socket=server.sock',
    `--pid-file=${pidFile}`,
    `--init-file=${initFile}`,
    '--character-set-server=utf8mb4',
    '--max-connections=100',
    '--max-allowed-packet=64M',
    '--performance-schema=OFF',
    ...(program.kind === 'MySQL' ? ['--mysqlx=OFF'] : []),
    ...storageOptions(program.kind),
  ];
  const child = spawn(
    ...privately(program.path, args),
    // Its own process group: Ctrl-C reaches only this process, which stops the server after the functions.
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  const reaper = new Reaper();
  if (child.pid !== undefined) reaper.watch(child.pid);
  void ended.then(() => reaper.close());
  const output = readOutput(child);

  const timeOut = AbortSignal.timeout(START_TIMEOUT_MS);
  const outcome = await Promise.race([
    output.ready.then(() => 'ready' as const),
    ended.then(() => 'ended' as const),
    once(timeOut, 'abort').then(() => 'late' as const),
  ]);
  rmSync(initFile, { force: true });
  if (outcome === 'ready') return running(child, ended, output.last);
  child.kill('SIGKILL');
  await ended;
  if (/Address already in use|port .* in use/i.test(output.last())) return 'port taken';
  throw new Error(
    outcome === 'late'
      ? `${program.path} was not ready after ${START_TIMEOUT_MS / 1000} s.\n${output.last()}`
      : `${program.path} did not start.\n${output.last()}`,
  );
}

function running(child: ChildProcess, ended: Promise<void>, lastLines: () => string): Running {
  let isStopping = false;
  return {
    onEnd(tell) {
      void ended.then(() => {
        if (!isStopping) tell(lastLines());
      });
    },
    async stop(signal) {
      isStopping = true;
      child.kill(signal);
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(killer);
    },
  };
}

/** The server runs these before it accepts connections, so no user is ever without a password. */
const firstStatements = (passwords: Passwords) =>
  [
    `CREATE DATABASE IF NOT EXISTS ${DATABASE} CHARACTER SET utf8mb4`,
    ...Object.entries(passwords).flatMap(([user, password]) => [
      `CREATE USER IF NOT EXISTS '${user}'@'127.0.0.1'`,
      `ALTER USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}'`,
    ]),
    `GRANT ALL ON ${DATABASE}.* TO '${USER}'@'127.0.0.1'`,
    `GRANT SELECT ON ${DATABASE}.* TO '${READER}'@'127.0.0.1'`,
    `ALTER USER IF EXISTS 'root'@'localhost' ACCOUNT LOCK`,
  ]
    .map((statement) => `${statement};\n`)
    .join('');

/** Reads the server's standard error. */
function readOutput(child: ChildProcess): { readonly ready: Promise<void>; last(): string } {
  const ready = Promise.withResolvers<void>();
  let text = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-16_000);
    if (/: ready for connections\./.test(text)) ready.resolve();
  });
  const last = () => {
    const lines = text.trim().split('\n');
    const errors = lines.filter((line) => /ERROR/.test(line));
    return (errors.length > 0 ? errors : lines).slice(-8).join('\n');
  };
  return { ready: ready.promise, last };
}

/**
 * Ends a server that an earlier process left behind. This process has the lock, so nobody else uses the
 * directory.
 */
async function endStale(pidFile: string, state: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const until = Date.now() + STOP_TIMEOUT_MS;
  for (let signal: NodeJS.Signals | 0 = 'SIGTERM'; await isServerOf(pid, state); signal = 0) {
    try {
      process.kill(pid, Date.now() > until ? 'SIGKILL' : signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await delay(20);
  }
  rmSync(pidFile, { force: true });
}

/** Whether the process with this id is a server of this directory, since ids are reused. */
async function isServerOf(pid: number, state: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const ps = spawn('ps', ['-ww', '-o', 'args=', '-p', `${pid}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  let args = '';
  ps.stdout.on('data', (chunk) => {
    args += chunk;
  });
  await once(ps, 'close');
  return args.includes(`--datadir=${state}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port was assigned on 127.0.0.1.');
  return address.port;
}
