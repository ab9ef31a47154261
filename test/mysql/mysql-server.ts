import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';

export interface MysqlServer {
  /** Of a database of its own, `sluice_test`, as a user who may do anything. */
  readonly url: string;
  /** Whether the server is this test's alone, and can be killed and started again. */
  readonly isPrivate: boolean;
  /** Of the process, while it is this test's. */
  readonly pid: number | undefined;
  /** A further connection, as any client opens one. */
  connect(): Promise<Connection>;
  /** Ends a private server without warning. */
  kill(): Promise<void>;
  /** Starts it again, on the same port over the same files. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/**
 * Starts a private MariaDB or MySQL in a temporary directory on a free port of 127.0.0.1. Where the tests
 * were given a `MYSQL_URL`, and without `settings`, that server is used instead, with a database of its own
 * that goes at the end.
 *
 * @param settings lines of the server's configuration
 * @throws {Error} when there is none, which says how to get one
 */
export async function startMysqlServer(settings: readonly string[] = []): Promise<MysqlServer> {
  const given = process.env['TEST_MYSQL_URL'];
  return given !== undefined && given !== '' && settings.length === 0
    ? onGivenServer(given)
    : privateServer(settings);
}

async function onGivenServer(given: string): Promise<MysqlServer> {
  const database = `sluice_test_${process.pid}_${Date.now()}`;
  const url = new URL(given);
  const admin = await createConnection({ uri: given });
  await admin.query(`CREATE DATABASE ${database}`);
  url.pathname = `/${database}`;
  const notOurs = () => Promise.reject(new Error('The server of MYSQL_URL is not this test’s to stop.'));
  return {
    url: url.href,
    isPrivate: false,
    pid: undefined,
    connect: () => createConnection({ uri: url.href }),
    kill: notOurs,
    start: notOurs,
    async close() {
      await admin.query(`DROP DATABASE ${database}`);
      await admin.end();
    },
  };
}

async function privateServer(settings: readonly string[]): Promise<MysqlServer> {
  const program = findProgram();
  const directory = mkdtempSync(join(tmpdir(), 'sluice-mysql-test-'));
  const configuration = join(directory, 'server.cnf');
  const port = await freePort();
  const user = process.getuid?.() === 0 ? ['user=root'] : [];
  writeFileSync(
    configuration,
    [
      '[mysqld]',
      `datadir=${directory}/data`,
      // Servers that share one clear each other's temporary tables away.
      `tmpdir=${directory}`,
      `socket=${directory}/s`,
      `pid-file=${directory}/pid`,
      'bind-address=127.0.0.1',
      `port=${port}`,
      'character-set-server=utf8mb4',
      // What is committed outlives the server, not the machine: the tests kill nothing else.
      'innodb_flush_log_at_trx_commit=2',
      'skip-log-bin',
      ...user,
      ...settings,
      '',
    ].join('\n'),
  );
  initialize(program, configuration, directory);
  const root = `mysql://root@127.0.0.1:${port}`;
  const url = `${root}/sluice_test`;
  let server: ChildProcess | undefined;
  const start = async () => {
    server = await startProcess(program, configuration, directory, root);
  };
  const kill = async () => {
    const ended = server;
    server = undefined;
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return;
    ended.kill('SIGKILL');
    await once(ended, 'exit');
  };
  // A test that is broken off leaves no server behind.
  process.on('exit', () => server?.kill('SIGKILL'));
  await start();
  const admin = await createConnection({ uri: root });
  await admin.query('CREATE DATABASE sluice_test');
  await admin.end();
  return {
    url,
    isPrivate: true,
    get pid() {
      return server?.pid;
    },
    connect: () => createConnection({ uri: url }),
    kill,
    start,
    async close() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function findProgram(): string {
  // Debian has them where only root's PATH leads.
  const paths = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin`.split(':');
  for (const name of ['mariadbd', 'mysqld']) {
    for (const path of paths) {
      const program = join(path, name);
      if (spawnSync(program, ['--no-defaults', '--version']).status === 0) return program;
    }
  }
  throw new Error(
    'No MariaDB or MySQL server is installed. Install one (npm run setup:mysql), ' +
      'or set MYSQL_URL=mysql://user:password@host:port/ to one whose user may create databases.',
  );
}

function initialize(program: string, configuration: string, directory: string): void {
  const isMaria = spawnSync(program, ['--no-defaults', '--version'], { encoding: 'utf8' }).stdout.includes(
    'MariaDB',
  );
  const [command, args] = isMaria
    ? ['mariadb-install-db', ['--auth-root-authentication-method=normal', '--skip-test-db']]
    : [program, ['--initialize-insecure']];
  execFileSync(command, [`--defaults-file=${configuration}`, ...args], { cwd: directory, stdio: 'pipe' });
}

async function startProcess(
  program: string,
  configuration: string,
  directory: string,
  root: string,
): Promise<ChildProcess> {
  const child = spawn(program, [`--defaults-file=${configuration}`], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4000);
  });
  for (const startedAt = Date.now(); ; ) {
    try {
      await (await createConnection({ uri: root })).end();
      return child;
    } catch (error) {
      if (child.exitCode !== null || Date.now() - startedAt > START_TIMEOUT_MS)
        throw new Error(`${program} does not start:\n${log}`, { cause: error });
    }
    await delay(20);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('The probe has no port.');
  return address.port;
}
