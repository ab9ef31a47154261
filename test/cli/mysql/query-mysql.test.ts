// @module-tag mysql
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { applyTo, mysqlUrl, mysqlUrlFile, withMysql } from '../../../cli/mysql/mysql.ts';
import { queryMysql } from '../../../cli/mysql/query-mysql.ts';
import { type MysqlServer, startMysqlServer } from '../../../cli/mysql/server.ts';
import { findMysqlServer } from '../../../cli/mysql/server-program.mjs';
import { sluice as run } from '../sluice.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-query-'));
const program = findMysqlServer() ?? 'mariadbd, or mysqld: npm run setup:mysql installs one';
let server: MysqlServer;

beforeAll(async () => {
  server = await startMysqlServer({ program, directory, ephemeral: true });
  writeFileSync(mysqlUrlFile(directory, 'write'), server.url, { mode: 0o600 });
  writeFileSync(mysqlUrlFile(directory, 'read'), server.readUrl, { mode: 0o600 });
  await withMysql(server.url, async (connection) => {
    await connection.query('CREATE TABLE dish (id INT PRIMARY KEY, name TEXT) CHARACTER SET utf8mb4');
    await connection.query("INSERT INTO dish VALUES (1, '🥣 \u001b[2J'), (2, NULL)");
  });
});

afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const sluice = (...args: string[]) => run(directory, args);

describe('query --mysql', () => {
  test('query --mysql prints a table of the local cloud’s MySQL, with control characters as escapes', async () => {
    const { status, stdout } = await sluice('query', '--mysql', 'select id, name from dish order by id');
    expect(status).toBe(0);
    expect(stdout).toBe('id  name\n 1  🥣 \\u001b[2J\n 2  NULL\n(2 rows)\n');
  });

  test('query --mysql --json prints an array of objects', async () => {
    const { stdout } = await sluice('query', '--mysql', '--json', 'select count(*) as dishes from dish');
    expect(JSON.parse(stdout)).toEqual([{ dishes: 2 }]);
  });

  test('query --mysql prints the server’s message on a wrong statement', async () => {
    const { status, stderr } = await sluice('query', '--mysql', 'select nothing from dish');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^The query failed: Unknown column 'nothing'/);
  });

  test('query --mysql says that the database of a stack on AWS can’t be reached', async () => {
    const { status, stderr } = await sluice('--stack', 'prod', 'query', '--mysql', 'select 1');
    expect(status).toBe(1);
    expect(stderr).toContain('The MySQL of the stack prod is in a private network');
  });
});

describe('a statement over MySQL', () => {
  test('a query returns each type in JSON without loss', async () => {
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

  const unchanged = async (work: () => Promise<void>) => {
    const before = await queryMysql(server.url, 'checksum table dish');
    await work();
    expect(await queryMysql(server.url, 'checksum table dish')).toEqual(before);
    expect((await queryMysql(server.url, 'show tables')).rows).toEqual([['dish']]);
  };

  /** Ends the read-only transaction and starts one that can write. */
  const compound =
    'begin not atomic rollback; set session transaction read write; start transaction read write; delete from dish; commit; end';

  test.each([
    "insert into dish values (3, 'x')",
    'update dish set name = 1',
    'delete from dish',
    'truncate table dish',
    'drop table dish',
    'create table other (a int)',
    'commit and chain',
    'rollback; delete from dish',
    'set session transaction read write',
    'call anything()',
    "select name from dish into outfile '/tmp/dish'",
    "select name from dish into/**/dumpfile '/tmp/dish'",
    '/*! delete */ from dish',
    'select 1 /*M! from dish for update */',
    compound,
    `(${compound}`,
    `-- select\n${compound}`,
    `--\n${compound}\nselect 1`,
    `# select\n${compound}`,
    `/* a */ ${compound} /* */ select 1`,
    `/* select */${compound}`,
  ])('a statement that does not only read is not run, even for a user with all rights: %s', async (sql) => {
    await unchanged(async () => {
      await expect(queryMysql(server.url, sql)).rejects.toThrow('This statement does not only read');
    });
  });

  test.each([
    '  (select 1)',
    '/* why */ select 1',
    '-- why\nselect 1',
    '--\n# why\nwith one as (select 1) select * from one',
    'values (1)',
    'SHOW TABLES',
    'describe dish',
    'explain select * from dish',
    "select 'a text; delete from dish' as text",
  ])('a statement that reads is run: %s', async (sql) => {
    expect((await queryMysql(server.url, sql)).rows).not.toEqual([]);
  });

  test('a query changes nothing by a function or a second statement, even for a user with all rights', async () => {
    await withMysql(server.url, async (connection) => {
      await connection.query('create function gone() returns int begin delete from dish; return 1; end');
      await connection.query('create sequence counter');
    });
    try {
      const before = await queryMysql(server.url, 'checksum table dish, counter');
      for (const [sql, url] of [
        ['select gone()', server.url],
        ['select nextval(counter)', server.url],
        ['select 1; delete from dish', server.url],
        ['select 1; delete from dish', `${server.url}?multipleStatements=true`],
      ] as const)
        await expect(queryMysql(url, sql)).rejects.toThrow(/(READ ONLY|read only|SQL syntax)/);
      expect(await queryMysql(server.url, 'checksum table dish, counter')).toEqual(before);
    } finally {
      await withMysql(server.url, async (connection) => {
        await connection.query('drop function gone');
        await connection.query('drop sequence counter');
      });
    }
  });

  test.each([
    compound,
    'delete from dish',
    'create table other (a int)',
    "select name from dish into outfile '/tmp/dish'",
  ])('the database denies a change to the local cloud’s reader: %s', async (sql) => {
    await unchanged(() =>
      withMysql(server.readUrl, async (connection) => {
        await expect(connection.query(sql)).rejects.toThrow(/denied/);
        expect(await connection.query('select count(*) as dishes from dish')).toMatchObject([
          [{ dishes: 2 }],
          {},
        ]);
      }),
    );
  });

  test('a query to another machine needs TLS, unless the URL turns it off', async () => {
    // It also reaches this machine, but is not a loopback address.
    const elsewhere = server.readUrl.replace('127.0.0.1', '0.0.0.0');
    await expect(queryMysql(elsewhere, 'select 1')).rejects.toThrow(/^The encrypted connection \(TLS\)/);
    expect((await queryMysql(`${elsewhere}?ssl=false`, 'select 1')).rows).toEqual([[1]]);
  });

  test.each(['geheim', 'mysql//sluice:geheim@here', 'postgres://sluice:geheim@here/x'])(
    'a query refuses a URL that is not one of MySQL, without repeating it: %s',
    async (wrong) => {
      await expect(queryMysql(wrong, 'select 1')).rejects.toThrow(
        'MYSQL_URL must be mysql://user:password@host:port/database.',
      );
    },
  );

  test('a failed connection is reported without the password', async () => {
    const { port } = new URL(server.url);
    const wrong = `mysql://sluice:not-the-password@127.0.0.1:${port}/sluice`;
    await expect(queryMysql(wrong, 'select 1')).rejects.toThrow(/^(?!.*not-the-password).*$/s);
  });
});

describe('the database of the commands', () => {
  test('the commands use the database of the running local cloud, unless MYSQL_URL names another', () => {
    vi.stubEnv('MYSQL_URL', '');
    expect(mysqlUrl({ directory }, 'write')).toBe(server.url);
    expect(mysqlUrl({ directory }, 'read')).toBe(server.readUrl);
    expect(() => mysqlUrl({ directory: join(directory, 'nowhere') }, 'read')).toThrow(/^There is no MySQL/);
    vi.stubEnv('MYSQL_URL', 'mysql://elsewhere');
    for (const access of ['read', 'write'] as const)
      expect(mysqlUrl({ directory }, access)).toBe('mysql://elsewhere');
    vi.unstubAllEnvs();
  });

  test('each migration is applied once', async () => {
    const first = await withMysql(server.url, applyTo);
    expect(first).toContain(1);
    expect(await withMysql(server.url, applyTo)).toEqual([]);
  });
});
