// @module-tag mysql
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { openMysql, withLocalMysql } from '../../../cli/mysql/bundled-server.ts';
import { type MysqlServer, startMysqlServer } from '../../../cli/mysql/server.ts';
import { findMysqlServer } from '../../../cli/mysql/server-program.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-mysql-test-'));
const open = new Set<{ close(): Promise<void> }>();
afterEach(async () => {
  await Promise.all([...open].map((each) => each.close()));
  open.clear();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const program = findMysqlServer() ?? 'mariadbd, or mysqld: npm run setup:mysql installs one';
const newDirectory = () => mkdtempSync(join(scratch, 'd-'));

async function start(directory: string, ephemeral = false): Promise<MysqlServer> {
  const server = await startMysqlServer({ program, directory, ephemeral });
  open.add(server);
  return server;
}

async function stop(server: MysqlServer): Promise<void> {
  open.delete(server);
  await server.close();
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(sql);
    return rows as unknown[];
  } finally {
    connection.destroy();
  }
}

const portOf = (url: string) => Number(new URL(url).port);

/** Whether anything listens there. */
async function answers(port: number): Promise<boolean> {
  const socket = connectTcp(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const end = Date.now() + 120_000; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`Timeout: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the bundled MySQL server', () => {
  test('the server keeps its rows over a restart, with a new password', async () => {
    const directory = newDirectory();
    const first = await start(directory);
    await ask(first.url, 'CREATE TABLE kept (a INT PRIMARY KEY)');
    await ask(first.url, 'INSERT INTO kept VALUES (1)');
    await stop(first);
    expect(await answers(portOf(first.url))).toBe(false);

    const second = await start(directory);
    expect(await ask(second.url, 'SELECT a FROM kept')).toEqual([{ a: 1 }]);
    expect(new URL(second.url).password).not.toBe(new URL(first.url).password);
    expect(second.description).toMatch(/^(MariaDB|MySQL) \d+\.\d+\.\d+ on 127\.0\.0\.1:\d+$/);
  });

  test('the server gives its user one schema, listens only on 127.0.0.1, and leaves no password on disk', async () => {
    const directory = newDirectory();
    const { url } = await start(directory);
    const { password, port } = new URL(url);
    expect(password.length).toBeGreaterThanOrEqual(32);
    expect(await ask(url, 'SELECT @@bind_address AS a')).toEqual([{ a: '127.0.0.1' }]);
    await expect(ask(url, 'SELECT * FROM mysql.global_priv')).rejects.toThrow(/denied|doesn't exist/);
    await expect(ask(url, 'CREATE DATABASE other')).rejects.toThrow(/denied/);
    for (const user of ['sluice:', 'sluice:guess', 'root:', 'root:root', ':'])
      await expect(ask(`mysql://${user}@127.0.0.1:${port}/sluice`, 'SELECT 1')).rejects.toThrow(/denied/i);

    const files = readdirSync(directory, { recursive: true, withFileTypes: true });
    expect(files.map(({ name }) => name)).not.toContain('init.sql');
    for (const { parentPath, name } of files.filter((entry) => entry.isFile()))
      expect(readFileSync(join(parentPath, name)).includes(password), name).toBe(false);
  });

  test('an ephemeral server keeps no state', async () => {
    const directory = newDirectory();
    const server = await start(directory, true);
    const [row] = (await ask(server.url, 'SELECT @@datadir AS path')) as { path: string }[];
    expect(existsSync(row?.path ?? '')).toBe(true);
    await stop(server);
    expect(existsSync(row?.path ?? '')).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('two local clouds never share a server', async () => {
    const directory = newDirectory();
    await start(directory);
    await expect(startMysqlServer({ program, directory })).rejects.toThrow(/is already running in .*process/);
  });

  test('the server ends with its parent, however that ends, and the next one has its rows', async () => {
    const directory = newDirectory();
    const child = fork(join(import.meta.dirname, 'mysql-parent-child.ts'), [program, directory], {
      silent: true,
    });
    const [url] = (await once(child, 'message')) as [string];
    await ask(url, 'CREATE TABLE kept (a INT PRIMARY KEY)');
    await ask(url, 'INSERT INTO kept VALUES (7)');
    child.kill('SIGKILL');
    await until(async () => !(await answers(portOf(url))), 'the server ends after its parent');

    const next = await start(directory);
    expect(await ask(next.url, 'SELECT a FROM kept')).toEqual([{ a: 7 }]);
  });

  test('a server that is killed says how to start it again, and what it printed last, line by line', async () => {
    const directory = newDirectory();
    const lines: string[] = [];
    open.add(await startMysqlServer({ program, directory, onTrouble: (line) => lines.push(line) }));
    const [pidFile = ''] = globSync('**/server.pid', { cwd: directory });
    process.kill(Number(readFileSync(join(directory, pidFile), 'utf8')), 'SIGKILL');
    await expect.poll(() => lines.length).toBeGreaterThan(1);
    expect(lines[0]).toMatch(/ stopped unexpectedly\. .* Ctrl-C, then npm start\./);
    expect(lines.slice(1).join('\n')).toContain(': ready for connections.');
    expect(lines.filter((line) => line.includes('\n'))).toEqual([]);
  });

  test('the server ends one that was left behind in its directory', async () => {
    const directory = newDirectory();
    const orphan = await start(directory);
    // As if the process that started it had died without a trace.
    rmSync(join(directory, 'lock.sqlite'));
    const next = await start(directory);
    expect(await answers(portOf(orphan.url))).toBe(false);
    expect(await ask(next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('the server does not end another process that has its predecessor’s id', async () => {
    const directory = newDirectory();
    writeFileSync(join(directory, 'server.pid'), `${process.pid}\n`);
    const { url } = await start(directory);
    expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a server that does not start reports its program’s output', async () => {
    const broken = join(newDirectory(), 'mysqld');
    writeFileSync(
      broken,
      '#!/bin/sh\ncase "$*" in *--version*) echo "mysqld  Ver 8.4.3 for Linux" ;; *) echo "[ERROR] no room" >&2; exit 1 ;; esac\n',
    );
    chmodSync(broken, 0o755);
    await expect(startMysqlServer({ program: broken, directory: newDirectory() })).rejects.toThrow(
      '[ERROR] no room',
    );
  });
});

describe('the MySQL of a pipeline', () => {
  const opened = async (environment: NodeJS.ProcessEnv) => {
    const mysql = await openMysql({ directory: newDirectory(), environment });
    open.add(mysql);
    return mysql;
  };

  test('a pipeline has no MySQL with SLUICE_NO_MYSQL', async () => {
    const mysql = await opened({
      PATH: process.env['PATH'],
      SLUICE_NO_MYSQL: '1',
      MYSQL_URL: 'mysql://a:b@c/d',
    });
    expect(mysql).toMatchObject({ description: 'none: SLUICE_NO_MYSQL is set' });
    expect(mysql.url).toBeUndefined();
  });

  test('a pipeline uses the MySQL of MYSQL_URL, and does not print its password', async () => {
    const url = 'mysql://me:secret@db.example:3307/tables';
    const mysql = await opened({ MYSQL_URL: url });
    expect(mysql).toMatchObject({ url, description: 'db.example:3307/tables (from MYSQL_URL)' });
  });

  test('a pipeline starts the bundled server if one is installed', async () => {
    const mysql = await opened({ PATH: process.env['PATH'] });
    expect(await ask(mysql.url ?? '', 'SELECT DATABASE() AS name')).toEqual([{ name: 'sluice' }]);
    expect(mysql.description).not.toContain(new URL(mysql.url ?? '').password);
  });

  test('only loading gets the URL of the local MySQL, instead of the database on AWS', () => {
    const onAws = { STACK: 'dev', MYSQL_HOST: 'db.rds.amazonaws.com', MYSQL_USER: 'sluice_loading' };
    const loading = { ...onAws, POWERTOOLS_SERVICE_NAME: 'loading' };
    expect(withLocalMysql(loading, 'mysql://here')).toEqual({
      STACK: 'dev',
      POWERTOOLS_SERVICE_NAME: 'loading',
      MYSQL_URL: 'mysql://here',
    });
    expect(withLocalMysql(loading, undefined)).toEqual({ STACK: 'dev', POWERTOOLS_SERVICE_NAME: 'loading' });
    expect(withLocalMysql({ ...onAws, POWERTOOLS_SERVICE_NAME: 'migration' }, 'mysql://here')).toEqual({
      STACK: 'dev',
      POWERTOOLS_SERVICE_NAME: 'migration',
    });
  });
});
