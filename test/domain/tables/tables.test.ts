import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pendingPlan } from '../../../cli/mysql/migration-files.ts';
import { recipes } from '../../../datasets/recipes.ts';
import type { Dataset } from '../../../domain/dataset.ts';
import { decimal, int64, text, time, timestamp } from '../../../domain/fields.ts';
import { LosesData, migrationChecksum, planMigration } from '../../../domain/tables/migration.ts';
import {
  allMysqlTables,
  createTableSql,
  createViewSql,
  type MysqlTable,
  mysqlRenames,
  mysqlTables,
} from '../../../domain/tables/mysql.ts';
import { parquetSchema } from '../../../domain/tables/parquet.ts';
import { objectHash, sortableSequencer } from '../../../domain/tables/row-identity.ts';
import { objectId } from '../../../domain/versions/key-layout.ts';
import { compareSequencers } from '../../../domain/versions/sequencer.ts';
import { mysqlFailure, rowFault } from '../../../mysql/failure.ts';

const dataset = (row: z.ZodObject, more: Partial<Dataset> = {}): Dataset => ({
  ...recipes,
  name: 'd',
  row,
  key: ['id'],
  partitionBy: [],
  ...more,
});
const tablesOf = (row: z.ZodRawShape, more?: Partial<Dataset>) => mysqlTables(dataset(z.object(row), more));
const id = z.string();

describe('a sequencer as the tables have it', () => {
  const digits = fc.string({
    unit: fc.constantFrom(...'0123456789abcdefABCDEF'),
    minLength: 1,
    maxLength: 34,
  });

  it('compares byte by byte as S3 compares sequencers', () => {
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        const order = Buffer.compare(Buffer.from(sortableSequencer(a)), Buffer.from(sortableSequencer(b)));
        expect(order).toBe(compareSequencers(a, b));
      }),
    );
  });
});

it('an object is the hash in its object id', () => {
  expect(objectId('recipes/a b.json')).toBe(`a_b.json~${objectHash('recipes/a b.json')}`);
  expect(objectHash('recipes/a b.json')).toMatch(/^[0-9a-f]{24}$/);
});

describe('the tables of a dataset', () => {
  it('have a column for every column that is not a list, of a type that holds all of its values', () => {
    const { table } = tablesOf(
      {
        id,
        part: z.string(),
        text: z.string().nullable(),
        int32: z.int32(),
        int: z.int(),
        number: z.number(),
        yes: z.boolean(),
        day: z.iso.date(),
        at: z.iso.datetime(),
        opens: time(),
        nested: z.object({ a: z.string() }),
      },
      { partitionBy: ['part'] },
    );
    expect(table.columns.map(({ name, type, nullable }) => `${name} ${type}${nullable ? '?' : ''}`)).toEqual([
      '_object BINARY(12)',
      '_record INT UNSIGNED',
      '_sequencer VARBINARY(64)',
      '_hash BINARY(16)',
      'id VARCHAR(255)',
      'part VARCHAR(100)',
      'text MEDIUMTEXT?',
      'int32 INT',
      'int BIGINT',
      'number DOUBLE',
      'yes TINYINT(1)',
      'day DATE',
      'at DATETIME(6)',
      'opens TIME(6)',
      'nested JSON',
    ]);
  });

  it('include one for each list, with a column for the element or for each field of a struct', () => {
    const { table, lists } = tablesOf({
      id,
      words: z.array(z.string()),
      sizes: z.array(z.object({ name: z.string(), tags: z.array(z.string()) })).nullable(),
    });
    expect(table.columns.map(({ name }) => name).slice(4)).toEqual(['id', 'sizes_count']);
    expect(
      lists.map((list) => [list.table.name, list.table.columns.map(({ name }) => name).slice(2)]),
    ).toEqual([
      ['d_words', ['position', 'value']],
      ['d_sizes', ['position', 'name', 'tags']],
    ]);
  });

  it('have the key as an index that allows the same row twice', () => {
    expect(createTableSql(tablesOf({ id }).table)).toContain('\n  KEY `d_key` (`id`)\n');
  });

  it('index prefixes if the texts of the key are too long for an index', () => {
    const texts = Object.fromEntries(['a', 'b', 'c', 'e'].map((name) => [name, z.string()]));
    const { table } = tablesOf(texts, { key: Object.keys(texts) });
    expect(createTableSql(table)).toContain('KEY `d_key` (`a`(192), `b`(192), `c`(192), `e`(192))');
  });

  it('have further indexes, named after their columns', () => {
    const row = {
      id,
      title: text({ length: 200 }),
      at: timestamp(),
      author: text({ length: 300 }).nullable(),
    };
    const long = 'l'.repeat(63);
    const indexes = [['title'], ['author', 'at'], [long]];
    const { table } = tablesOf({ ...row, [long]: z.int32() }, { indexes });
    const sql = createTableSql(table);
    expect(sql).toContain('`title` VARCHAR(200) NOT NULL');
    expect(sql).toContain('`author` VARCHAR(300) NULL');
    expect(sql).toContain('KEY `by_title` (`title`)');
    expect(sql).toContain('KEY `by_author_at` (`author`, `at`)');
    const name = table.indexes.at(-1)?.name ?? '';
    expect(name).toMatch(/^by_l+_[0-9a-f]{8}$/);
    expect(name).toHaveLength(64);
  });

  it('hold texts of a length in the key and in a list', () => {
    const { table, lists } = tablesOf({ id: text({ length: 900 }), words: z.array(text({ length: 30 })) });
    expect(createTableSql(table)).toContain('`id` VARCHAR(900) NOT NULL');
    expect(createTableSql(table)).toContain('KEY `d_key` (`id`(768))');
    expect(lists[0]?.values).toMatchObject([{ name: 'value', type: 'VARCHAR(30)' }]);
  });

  it.each([
    [
      'texts that are too long together',
      { id, a: text({ length: 15_000 }), b: text({ length: 1000 }) },
      /have up to 16255 characters together, and a row has room for 16000/,
    ],
    [
      'a table whose name is too long',
      { id, [`l${'x'.repeat(62)}`]: z.array(z.string()) },
      /at most|more than 64/,
    ],
    [
      'two columns of one name',
      { id, s: z.array(z.object({ a: z.string(), A: z.string() })) },
      /"A" would be there twice/,
    ],
    [
      'a field that is named like our own column',
      { id, s: z.array(z.object({ position: z.string() })) },
      /"position" would be there twice/,
    ],
    ['a name that is no name', { id, s: z.array(z.object({ 'a`b': z.string() })) }, /"a`b" must be letters/],
    ['a nested key', { id: z.object({ a: z.string() }) }, /column id is nested/],
  ])('are refused where MySQL can’t have them: %s', (_, row, message) => {
    expect(() => tablesOf(row)).toThrow(message);
  });

  it('are refused if two datasets would share one, or use a table of the pipeline', () => {
    const a = dataset(z.object({ id, b: z.array(z.string()) }), { name: 'a' });
    const b = dataset(z.object({ id }), { name: 'a_b' });
    expect(() => allMysqlTables([a, b])).toThrow('two MySQL tables a_b');
    const ofView = dataset(z.object({ id }), { name: 'a_provenance' });
    expect(() => allMysqlTables([a, ofView])).toThrow('two MySQL tables a_provenance');
    expect(() => allMysqlTables([dataset(z.object({ id }), { name: 'sluice_objects' })])).toThrow(
      'sluice_objects',
    );
  });
});

describe('a migration', () => {
  const tables = (row: z.ZodRawShape, more?: Partial<Dataset>): MysqlTable[] =>
    allMysqlTables([dataset(z.object(row), more)]);
  const statements = (from: MysqlTable[], to: MysqlTable[]) =>
    planMigration(from, to)
      ?.statements.map((lines) => lines.join('\n'))
      .filter((statement) => !statement.includes(' VIEW '));

  it('exists for everything that the datasets declare (if not: npx sluice migrate --plan)', () => {
    expect(pendingPlan()).toBeUndefined();
  });

  it('of an empty database creates everything', () => {
    const declared = tables({ id, words: z.array(z.string()) });
    const views = declared.flatMap((table) => createViewSql(table) ?? []);
    expect(views).toHaveLength(1);
    expect(planMigration([], declared)?.statements.map((lines) => lines.join('\n'))).toEqual([
      ...declared.map(createTableSql),
      ...views,
    ]);
  });

  it('makes the view of a table with provenance again when the table has other columns, and only then', () => {
    const words = z.array(z.string());
    const [from, to] = [tables({ id, words }), tables({ id, n: z.int32(), words })];
    const view = (table = to) => table.flatMap((each) => createViewSql(each)?.split('\n') ?? []);
    const plan = planMigration(from, to);
    expect(plan?.statements.slice(1)).toEqual([view(plan?.tables as MysqlTable[])]);
    expect(view().join('\n')).toContain('SELECT\n  r.`id`,\n  r.`n`,\n  r.`_record`,\n  v.`_source`,\n');
    expect(planMigration(from, tables({ id, words }, { indexes: [] }))).toBeUndefined();
    const before = from
      .filter(({ name }) => name !== 'sluice_versions')
      .map(({ view: _, ...table }) => table);
    expect(planMigration(before, from)).toMatchObject({
      name: 'change d_provenance; create sluice_versions',
      statements: [expect.arrayContaining(['CREATE TABLE `sluice_versions` (']), view(from)],
    });
  });

  it('adds a column that allows NULL, since existing rows have no value', () => {
    const plan = planMigration(tables({ id }), tables({ id, more: z.string() }));
    expect(plan?.statements[0]).toEqual(['ALTER TABLE `d`', '  ADD COLUMN `more` MEDIUMTEXT NULL']);
    expect(planMigration(plan?.tables ?? [], tables({ id, more: z.string() }))).toBeUndefined();
  });

  it('creates the table of a new list', () => {
    expect(statements(tables({ id }), tables({ id, more: z.array(z.string()) }))?.[0]).toMatch(
      /^CREATE TABLE `d_more` \(/,
    );
  });

  it('widens a column', () => {
    const from = tables({ id, n: z.int32(), s: z.string(), d: decimal(9, 2) });
    const to = tables({ id, n: int64(), s: z.string().nullable(), d: decimal(12, 2) });
    expect(statements(from, to)).toEqual([
      'ALTER TABLE `d`\n  MODIFY COLUMN `n` BIGINT NOT NULL,\n  MODIFY COLUMN `s` MEDIUMTEXT NULL,\n  MODIFY COLUMN `d` DECIMAL(12,2) NOT NULL',
    ]);
  });

  it('widens a time that had milliseconds', () => {
    const now = tables({ id, at: z.iso.datetime() });
    const before = now.map((table) => ({
      ...table,
      columns: table.columns.map((column) =>
        column.name === 'at' ? { ...column, type: 'DATETIME(3)' } : column,
      ),
    }));
    expect(statements(before, now)).toEqual(['ALTER TABLE `d`\n  MODIFY COLUMN `at` DATETIME(6) NOT NULL']);
    expect(() => statements(now, before)).toThrow(LosesData);
  });

  it('makes a time of the day a text that holds it, and no text a time', () => {
    const of = (type: z.ZodType) => tables({ id, at: type });
    for (const [type, wider] of [
      ['MEDIUMTEXT', z.string()],
      ['VARCHAR(15)', text({ length: 15 })],
    ] as const) {
      expect(statements(of(time()), of(wider))).toEqual([
        `ALTER TABLE \`d\`\n  MODIFY COLUMN \`at\` ${type} NOT NULL`,
      ]);
      expect(() => statements(of(wider), of(time()))).toThrow(`is ${type}, and TIME(6) could not hold`);
    }
    expect(() => statements(of(time()), of(text({ length: 14 })))).toThrow('is TIME(6), and VARCHAR(14)');
  });

  it('adds and drops indexes, and lets a text become longer, not shorter', () => {
    const of = (length: number, indexes: string[][]) =>
      tables({ id, title: text({ length }), n: z.int32() }, { indexes });
    expect(statements(of(100, [['title']]), of(200, [['title', 'n'], ['n']]))).toEqual([
      'ALTER TABLE `d`\n  MODIFY COLUMN `title` VARCHAR(200) NOT NULL,\n  DROP KEY `by_title`,\n  ADD KEY `by_title_n` (`title`, `n`),\n  ADD KEY `by_n` (`n`)',
    ]);
    expect(() => statements(of(200, []), of(100, []))).toThrow(LosesData);
    expect(() => statements(tables({ id, s: text() }), tables({ id, s: text({ length: 9 }) }))).toThrow(
      'The column d.s is MEDIUMTEXT, and VARCHAR(9) could not hold every value unchanged.',
    );
  });

  it('renames a column, and the table of a list, before all else', () => {
    const words = z.array(z.string());
    const from = tables({ id, a: z.int32(), words: words.nullable() });
    const renamed = { code: 'id', b: 'a', texts: 'words' };
    const to = dataset(z.object({ code: id, b: z.int(), texts: words.nullable() }), {
      key: ['code'],
      renamed,
    });
    const plan = planMigration(from, allMysqlTables([to]), mysqlRenames([to]));
    expect(plan?.statements.slice(0, -1).map((lines) => lines.join('\n'))).toEqual([
      'ALTER TABLE `d` RENAME COLUMN `id` TO `code`',
      'ALTER TABLE `d` RENAME COLUMN `a` TO `b`',
      'ALTER TABLE `d` RENAME COLUMN `words_count` TO `texts_count`',
      'ALTER TABLE `d_words` RENAME TO `d_texts`',
      'ALTER TABLE `d`\n  MODIFY COLUMN `b` BIGINT NOT NULL',
    ]);
    expect(plan?.name).toBe('rename d.id and 3 more; change d');
    expect(plan?.tables).toEqual(allMysqlTables([to]));
    expect(planMigration(plan?.tables ?? [], allMysqlTables([to]), mysqlRenames([to]))).toBeUndefined();
  });

  it('moves the index with the key', () => {
    const row = { id: z.int32(), other: z.int32() };
    expect(statements(tables(row), tables(row, { key: ['other'] }))).toEqual([
      'ALTER TABLE `d`\n  DROP KEY `d_key`,\n  ADD KEY `d_key` (`other`)',
    ]);
  });

  it.each([
    ['a column that is dropped', { id, a: z.string() }, { id }, 'The column d.a is no longer declared.'],
    [
      'a type that holds less',
      { id, a: z.int() },
      { id, a: z.int32() },
      'The column d.a is BIGINT, and INT could not hold every value unchanged.',
    ],
    [
      'another type',
      { id, a: z.string() },
      { id, a: z.number() },
      'The column d.a is MEDIUMTEXT, and DOUBLE could not hold every value unchanged.',
    ],
    [
      'whole numbers of 64 bits as doubles',
      { id, a: z.int() },
      { id, a: z.number() },
      'The column d.a is BIGINT, and DOUBLE could not hold every value unchanged.',
    ],
    [
      'numbers as text, which MySQL spells in its own way',
      { id, a: z.number() },
      { id, a: z.string() },
      'The column d.a is DOUBLE, and MEDIUMTEXT could not hold every value unchanged.',
    ],
    [
      'fewer digits before the point',
      { id, a: decimal(12, 2) },
      { id, a: decimal(12, 4) },
      'The column d.a is DECIMAL(12,2), and DECIMAL(12,4) could not hold every value unchanged.',
    ],
    ['a list that is dropped', { id, a: z.array(id) }, { id }, 'The table d_a is no longer declared.'],
  ])('is refused, with its reason, when it loses data: %s', (_, from, to, reason) => {
    expect(() => planMigration(tables(from), tables(to))).toThrow(LosesData);
    expect(() => planMigration(tables(from), tables(to))).toThrow(reason);
  });

  it('is named after the first table that it changes and the first that it creates, with the number of the others', () => {
    const nameOf = (from: MysqlTable[], to: MysqlTable[]) => planMigration(from, to)?.name;
    const before = tables({ id });
    expect(nameOf(before, tables({ id, a: z.string() }))).toBe('change d');
    expect(nameOf(before, tables({ id, a: z.array(id) }))).toBe('create d_a');
    expect(nameOf(before, tables({ id, n: id, a: z.array(id), b: z.array(id), c: z.array(id) }))).toBe(
      'change d; create d_a and 2 more',
    );
  });

  it('has another checksum when its statements change', () => {
    const migration = { number: 1, name: 'a', statements: [['SELECT 1']] };
    expect(migrationChecksum({ ...migration, statements: [['SELECT 2']] })).not.toBe(
      migrationChecksum(migration),
    );
    expect(migrationChecksum({ ...migration, name: 'b' })).toBe(migrationChecksum(migration));
  });
});

it('the schema of Parquet names each column with its logical type, lists in three levels, partitions not at all', () => {
  const row = {
    id,
    part: z.string(),
    at: z.iso.datetime().nullable(),
    sizes: z.array(z.object({ w: z.int32() })),
  };
  expect(parquetSchema(dataset(z.object(row), { partitionBy: ['part'] }))).toBe(`message d {
  required binary id (STRING);
  optional int64 at (TIMESTAMP(MICROS,true));
  required group sizes (LIST) {
    repeated group list {
      required group element {
        required int32 w;
      }
    }
  }
  required int64 _record;
  optional binary _source (STRING);
  optional binary _version (STRING);
  optional int64 _loaded_at (TIMESTAMP(MICROS,true));
}`);
});

describe('an error of the database', () => {
  const error = (code: string, errno?: number, fatal?: boolean) =>
    Object.assign(new Error('it said'), {
      code,
      errno,
      ...(errno !== undefined && { sqlState: 'HY000' }),
      ...(fatal !== undefined && { fatal }),
    });

  it.each([
    ['a deadlock', error('ER_LOCK_DEADLOCK', 1213), /in the way/, true],
    ['a lock wait', error('ER_LOCK_WAIT_TIMEOUT', 1205), /in the way/, true],
    ['a lost connection', error('ECONNRESET', undefined, true), /was lost/, true],
    ['a connection that was closed', error('', undefined, true), /was lost/, true],
    ['a refused connection', error('ECONNREFUSED', undefined, true), /can’t be reached/, false],
    ['a full server', error('ER_CON_COUNT_ERROR', 1040), /no connection left/, false],
    ['a read-only server', error('ER_OPTION_PREVENTS_STATEMENT', 1290), /read-only/, false],
    ['a full disk', error('ER_RECORD_FILE_FULL', 1114), /no disk space/, false],
    ['a wrong password', error('ER_ACCESS_DENIED_ERROR', 1045), /authentication/, false],
    ['a bad certificate', error('DEPTH_ZERO_SELF_SIGNED_CERT', undefined, true), /TLS/, false],
    ['TLS that is missing', error('HANDSHAKE_NO_SSL_SUPPORT', undefined, true), /TLS/, false],
    ['a missing table', error('ER_NO_SUCH_TABLE', 1146), /npx sluice migrate/, false],
    ['anything else', error('ER_WEIRD', 9999), /ER_WEIRD \(9999\): it said/, false],
  ])('names its kind and its cure: %s', (_, given, message, passes) => {
    const throttled = given.errno === 1040 ? true : undefined;
    expect(mysqlFailure(given)).toEqual({ message: expect.stringMatching(message), passes, throttled });
    expect(mysqlFailure(given)?.message).toContain('it said');
  });

  it('is not recognised in an error of anything else', () => {
    expect(mysqlFailure(new TypeError('x is undefined'))).toBeUndefined();
    expect(mysqlFailure('text')).toBeUndefined();
  });

  it.each([
    ["Data too long for column 'title' at row 3", 1406, 'title'],
    ["Incorrect date value: '2026-02-30' for column `p`.`things`.`day` at row 1", 1292, 'day'],
    ['CONSTRAINT `c` failed for `p`.`t`', 4025, ''],
  ])('names the column that a row is at fault in: %s', (message, errno, column) => {
    const fault = Object.assign(new Error(message), { code: '', errno, sqlState: '22001' });
    expect(rowFault(fault)).toEqual({ column, message });
  });
});
