import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findMysqlServer } from '../../local/mysql-program.mjs';
import { type MysqlServer, startMysqlServer } from '../../local/mysql-server.ts';
import { projectDirectory } from '../../ops/directories.ts';
import { applyTo, mysqlUrl, mysqlUrlFile, withMysql } from '../../ops/mysql.ts';
import { queryMysql } from '../../ops/query-mysql.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-query-'));
const program = findMysqlServer() ?? 'mariadbd, or mysqld: npm run setup installs one';
let server: MysqlServer;

beforeAll(async () => {
  server = await startMysqlServer({ program, directory, ephemeral: true });
  writeFileSync(mysqlUrlFile(directory), server.url, { mode: 0o600 });
  await withMysql(server.url, async (connection) => {
    await connection.query('CREATE TABLE dish (id INT PRIMARY KEY, name TEXT) CHARACTER SET utf8mb4');
    await connection.query("INSERT INTO dish VALUES (1, '🥣 \u001b[2J'), (2, NULL)");
  });
});

afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

function sluice(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(projectDirectory, 'ops', 'sluice.mjs'), ...args],
      { env: { PATH: process.env['PATH'], SLUICE_DIRECTORY: directory } },
      (error, stdout, stderr) =>
        resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('query --mysql', () => {
  test('prints a table of the local cloud’s MySQL, which can’t move the terminal', async () => {
    const { status, stdout } = await sluice('query', '--mysql', 'select id, name from dish order by id');
    expect(status).toBe(0);
    expect(stdout).toBe('id  name\n 1  🥣\n 2  NULL\n(2 rows)\n');
  });

  test('prints an array of objects with --json', async () => {
    const { stdout } = await sluice('query', '--mysql', '--json', 'select count(*) as dishes from dish');
    expect(JSON.parse(stdout)).toEqual([{ dishes: 2 }]);
  });

  test('says what the server says of a wrong statement', async () => {
    const { status, stderr } = await sluice('query', '--mysql', 'select nothing from dish');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^The query failed: Unknown column 'nothing'/);
  });

  test('says that the database of a stack on AWS is out of reach', async () => {
    const { status, stderr } = await sluice('--stack', 'prod', 'query', '--mysql', 'select 1');
    expect(status).toBe(1);
    expect(stderr).toContain('The MySQL of the stack prod lies in a private network');
  });
});

describe('a statement over MySQL', () => {
  test('gives each type as JSON can hold it without loss', async () => {
    const { columns, rows } = await queryMysql(
      server.url,
      `select 1 as small, 12345678901234567890 as large, 1.50 as exact, 988791.6372443893e0 as inexact, x'00ff' as bytes,
       cast('2020-02-29' as date) as day, cast('9999-12-31 23:59:59.999999' as datetime(6)) as moment, null as nothing`,
    );
    expect(rows).toEqual([
      [
        1,
        '12345678901234567890',
        '1.50',
        988791.6372443893,
        '0x00ff',
        '2020-02-29',
        '9999-12-31 23:59:59.999999',
        null,
      ],
    ]);
    expect(columns.filter(({ numeric }) => numeric).map(({ name }) => name)).toEqual([
      'small',
      'large',
      'exact',
      'inexact',
    ]);
  });

  test.each([
    "insert into dish values (3, 'x')",
    'update dish set name = 1',
    'delete from dish',
    'truncate table dish',
    'drop table dish',
    'create table other (a int)',
    'commit and chain',
    'rollback; delete from dish',
  ])('changes nothing: %s', async (sql) => {
    const before = await queryMysql(server.url, 'checksum table dish');
    await queryMysql(server.url, sql).catch((error: Error) => {
      expect(error.message).toMatch(/^The query failed: .*(READ ONLY|read only|SQL syntax)/);
    });
    expect(await queryMysql(server.url, 'checksum table dish')).toEqual(before);
    expect((await queryMysql(server.url, 'show tables')).rows).toEqual([['dish']]);
  });

  test.each(['geheim', 'mysql//sluice:geheim@here', 'postgres://sluice:geheim@here/x'])(
    'needs a URL of MySQL, and does not repeat another: %s',
    async (wrong) => {
      await expect(queryMysql(wrong, 'select 1')).rejects.toThrow(
        'MYSQL_URL must be mysql://user:password@host:port/database.',
      );
    },
  );

  test('names what is wrong with the way to the database, and not the password', async () => {
    const { port } = new URL(server.url);
    const wrong = `mysql://sluice:not-the-password@127.0.0.1:${port}/sluice`;
    await expect(queryMysql(wrong, 'select 1')).rejects.toThrow(/^(?!.*not-the-password).*$/s);
  });
});

describe('the database of the commands', () => {
  test('is that of the running local cloud, unless MYSQL_URL names another', () => {
    vi.stubEnv('MYSQL_URL', '');
    expect(mysqlUrl({ directory })).toBe(server.url);
    expect(() => mysqlUrl({ directory: join(directory, 'nowhere') })).toThrow(/^There is no MySQL/);
    vi.stubEnv('MYSQL_URL', 'mysql://elsewhere');
    expect(mysqlUrl({ directory })).toBe('mysql://elsewhere');
    vi.unstubAllEnvs();
  });

  test('is brought up to date once', async () => {
    const first = await withMysql(server.url, applyTo);
    expect(first).toContain(1);
    expect(await withMysql(server.url, applyTo)).toEqual([]);
  });
});
