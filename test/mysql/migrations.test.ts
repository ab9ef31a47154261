// @module-tag mysql
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { datasets, deployedDatasets } from '../../datasets/index.ts';
import { recipes } from '../../datasets/recipes.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { type Migration, planMigration } from '../../domain/tables/migration.ts';
import { allMysqlTables, createTableSql, mysqlRenames, versionsTable } from '../../domain/tables/mysql.ts';
import { handler } from '../../handlers/migration.ts';
import { applyMigrations, type Database } from '../../mysql/migrations/apply.ts';
import { migrations } from '../../mysql/migrations/index.ts';
import { sluice as run } from '../cli/sluice.ts';
import { type MysqlServer, startMysqlServer } from './mysql-server.ts';

let server: MysqlServer;
let connection: Connection;
let database: Database;

const databaseOf = (over: Connection): Database => ({
  async query(sql, values = []) {
    const [rows] = await over.query(sql, [...values]);
    return Array.isArray(rows) ? rows : [];
  },
});

beforeAll(async () => {
  server = await startMysqlServer();
  connection = await server.connect();
  database = databaseOf(connection);
});

afterAll(async () => {
  await connection.end();
  await server.close();
});

beforeEach(async () => {
  for (const name of await tables('VIEW')) await connection.query(`DROP VIEW \`${name}\``);
  for (const name of await tables()) await connection.query(`DROP TABLE \`${name}\``);
});

async function tables(type: 'BASE TABLE' | 'VIEW' = 'BASE TABLE'): Promise<string[]> {
  const rows = await database.query(
    'SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = ? ORDER BY 1',
    [type],
  );
  return (rows as { t: string }[]).map(({ t }) => t);
}

const create = (number: number, ...names: string[]): Migration => ({
  number,
  name: `create ${names.join(' and ')}`,
  statements: names.map((name) => [`CREATE TABLE ${name} (`, '  id INT PRIMARY KEY', ')']),
});

describe('the migrations of this version', () => {
  it('create every table that the datasets declare, and nothing when they run again', async () => {
    expect(await applyMigrations(database, migrations)).toEqual(migrations.map(({ number }) => number));
    const declared = allMysqlTables(deployedDatasets);
    expect(await tables()).toEqual([...declared.map(({ name }) => name), 'sluice_migrations'].sort());
    expect(await tables('VIEW')).toEqual(declared.flatMap(({ view }) => view ?? []).sort());
    for (const { name, columns } of declared) {
      const found = await database.query(
        'SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?',
        [name],
      );
      expect((found as { name: string }[]).map((each) => each.name).sort()).toEqual(
        columns.map((each) => each.name).sort(),
      );
    }
    expect(await applyMigrations(database, migrations)).toEqual([]);
  });

  it('are numbered without gaps', () => {
    expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, i) => i + 1));
  });

  it('are applied by the migration function, which returns their numbers', async () => {
    const before = process.env['MYSQL_URL'];
    process.env['MYSQL_URL'] = server.url;
    try {
      expect(await handler()).toEqual(migrations.map(({ number }) => number));
      expect(await handler()).toEqual([]);
    } finally {
      if (before === undefined) delete process.env['MYSQL_URL'];
      else process.env['MYSQL_URL'] = before;
    }
  });
});

describe('a migration', () => {
  it('is applied once, after the ones before it', async () => {
    expect(await applyMigrations(database, [create(1, 'a')])).toEqual([1]);
    expect(await applyMigrations(database, [create(1, 'a'), create(2, 'b'), create(3, 'c')])).toEqual([2, 3]);
    expect(await tables()).toEqual(['a', 'b', 'c', 'sluice_migrations']);
  });

  it('that has changed since it was applied is refused, and nothing after it is applied', async () => {
    await applyMigrations(database, [create(1, 'a')]);
    await expect(applyMigrations(database, [create(1, 'b'), create(2, 'c')])).rejects.toThrow(
      'Migration 1 (create b) has changed since it was applied',
    );
    expect(await tables()).toEqual(['a', 'sluice_migrations']);
  });

  it('is applied by only one of several functions that try at once', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => server.connect()));
    const applied = await Promise.all(
      others.map((other) => applyMigrations(databaseOf(other), [create(1, 'a', 'b')])),
    );
    await Promise.all(others.map((other) => other.end()));
    expect(applied.flat()).toEqual([1]);
  });

  it('that was interrupted continues with the statement that it had reached, whether or not that took effect', async () => {
    for (const effective of [true, false]) {
      for (const name of await tables()) await connection.query(`DROP TABLE ${name}`);
      let cut = false;
      const breaking: Database = {
        async query(sql, values) {
          if (cut && !sql.includes('LOCK')) throw new Error('The connection is gone.');
          if (!sql.startsWith('CREATE TABLE b')) return database.query(sql, values);
          cut = true;
          if (effective) await database.query(sql, values);
          throw new Error('The connection is gone.');
        },
      };
      await expect(applyMigrations(breaking, [create(1, 'a', 'b', 'c')])).rejects.toThrow('gone');
      expect(await applyMigrations(database, [create(1, 'a', 'b', 'c')])).toEqual([1]);
      expect(await tables()).toEqual(['a', 'b', 'c', 'sluice_migrations']);
    }
  });

  it('that renames keeps the rows, and continues after it was interrupted', async () => {
    const row = z.object({ id: z.string(), a: z.int32(), words: z.array(z.string()) });
    const before: Dataset = { ...recipes, name: 'd', row, key: ['id'], partitionBy: [] };
    const renamed = { code: 'id', b: 'a', texts: 'words' };
    const after = {
      ...before,
      row: z.object({ code: z.string(), b: z.int(), texts: row.shape.words }),
      key: ['code'],
      renamed,
    };
    const first = planMigration([], allMysqlTables([before]));
    const second = planMigration(first?.tables ?? [], allMysqlTables([after]), mysqlRenames([after]));
    const [one, two] = [first, second].map((plan, i) => ({
      number: i + 1,
      name: '',
      statements: plan?.statements ?? [],
    }));
    if (one === undefined || two === undefined) throw new Error('There is no plan.');
    await applyMigrations(database, [one]);
    await connection.query("INSERT INTO d VALUES (REPEAT('o', 12), 1, 's', REPEAT('h', 16), 'x', 7)");
    await connection.query("INSERT INTO d_words VALUES (REPEAT('o', 12), 1, 0, 'word')");
    for (const statement of two.statements) {
      const text = statement.join('\n');
      let isGone = false;
      const breaking: Database = {
        async query(sql, values) {
          if (isGone && sql.startsWith('UPDATE')) throw new Error('The connection is gone.');
          const rows = await database.query(sql, values);
          isGone ||= sql === text;
          if (sql === text) throw new Error('The connection is gone.');
          return rows;
        },
      };
      await expect(applyMigrations(breaking, [one, two])).rejects.toThrow('gone');
    }
    expect(await applyMigrations(database, [one, two])).toEqual([2]);
    expect(
      await database.query('SELECT code, b, value FROM d JOIN d_texts USING (_object, _record)'),
    ).toEqual([{ code: 'x', b: 7, value: 'word' }]);
    expect(await database.query('SELECT code, b, _record, _source FROM d_provenance')).toEqual([
      { code: 'x', b: 7, _record: 1, _source: null },
    ]);
    const [index] = await database.query("SHOW INDEX FROM d WHERE Key_name = 'd_key'");
    expect(index).toMatchObject({ Column_name: 'code' });
  });

  it('that fails keeps failing, and never takes an existing table for its own', async () => {
    await connection.query('CREATE TABLE b (other INT)');
    const failing = () => applyMigrations(database, [create(1, 'a', 'b')]);
    await expect(failing()).rejects.toThrow(/already exists/);
    await expect(failing()).rejects.toThrow(/already exists/);
    await connection.query('DROP TABLE b');
    expect(await failing()).toEqual([1]);
  });
});

describe('the command line', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-migrations-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const sluice = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    run(directory, args, { environment });

  it('migrates the database of MYSQL_URL, or says that there is nothing to do', async () => {
    const env = { MYSQL_URL: server.url };
    expect(await sluice(['migrate'], env)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Applied 1: /),
    });
    expect(await sluice(['migrate'], env)).toEqual({
      status: 0,
      stdout: 'The tables are up to date.\n',
      stderr: '',
    });
    expect(await sluice(['migrate', '--json'], env)).toMatchObject({ stdout: '{"applied":[]}\n' });
  });

  it('names a missing variable or the database’s failure, without the password', async () => {
    expect(await sluice(['migrate'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Set MYSQL_URL='),
    });
    const url = new URL(server.url);
    url.username = 'nobody';
    url.password = 's3cret';
    const { status, stderr } = await sluice(['migrate'], { MYSQL_URL: url.href });
    expect(status).toBe(1);
    expect(stderr).toContain('(authentication)');
    expect(stderr).not.toContain('s3cret');
  });

  it.each([
    ['--mysql', 'CREATE TABLE `recipes` ('],
    ['--glue', 'CREATE TABLE `recipes` ('],
    ['--redshift', /^\/\* \w+ \*\/ CREATE VIEW public."recipes" AS SELECT /],
    ['--parquet', 'message recipes {'],
  ])('prints the schema of a dataset: %s', async (option, first) => {
    const { status, stdout } = await sluice(['schema', 'recipes', option]);
    expect(status).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(first);
    const json = await sluice(['schema', 'recipes', option, '--json']);
    expect(JSON.parse(json.stdout)).toBeTruthy();
  });

  it('prints statements that MySQL accepts', async () => {
    await connection.query(createTableSql(versionsTable));
    for (const { name } of datasets) {
      const { stdout } = await sluice(['schema', name, '--mysql']);
      for (const statement of stdout.split(';\n'))
        if (statement.trim() !== '') await connection.query(statement);
      expect(await tables()).toContain(name);
    }
  });

  it.each([
    [['schema', 'nothing', '--mysql'], 1, 'There is no dataset "nothing". The datasets are recipes'],
    [['schema', 'recipes'], 1, 'Choose a store: --mysql'],
    [['schema', 'recipes', '--mysql', '--glue'], 2, 'cannot be used with'],
  ])('refuses %j', async (args, code, says) => {
    expect(await sluice(args)).toMatchObject({ status: code, stderr: expect.stringContaining(says) });
  });
});
