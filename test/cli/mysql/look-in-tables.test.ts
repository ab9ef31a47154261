// @module-tag mysql
import fc from 'fast-check';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TablesReader } from '../../../cli/mysql/look-in-tables.ts';
import type { InTables } from '../../../domain/operations/reconciliation.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { openMysql } from '../../../mysql/connection.ts';
import { MysqlTableStore } from '../../../mysql/mysql-table-store.ts';
import { anyInstant } from '../../formats/any-table.ts';
import { type MysqlServer, startMysqlServer } from '../../mysql/mysql-server.ts';
import { createTables, emptyTables, numbered, thing, things } from '../../mysql/tables.ts';

let server: MysqlServer;
let look: Connection;
let store: MysqlTableStore;
let reader: TablesReader;

beforeAll(async () => {
  server = await startMysqlServer();
  look = await server.connect();
  await createTables(look, [things]);
  store = new MysqlTableStore(() => openMysql({ url: server.url }));
  reader = new TablesReader(look, (name) => (name === 'things' ? things : undefined));
});

afterAll(async () => {
  await store.close();
  await look.end();
  await server.close();
});

beforeEach(() => emptyTables(look, [things]));

const key = 'things/a.json';
const load = (rows: ReturnType<typeof numbered>, of = key) =>
  store.load({ dataset: things, key: of, sequencer: '01', versionId: 'v1', rows });
const find = (of = key) => reader.look('things', of, '01');
const untouched = (rows: number): InTables => ({ rows, changed: 0, records: [], others: 0, orphans: {} });

const full = thing('full', {
  kind: 'x',
  note: 'It’s a "note"\n\\',
  small: -(2 ** 31),
  large: Number.MAX_SAFE_INTEGER,
  ratio: 0.1,
  fresh: true,
  day: '2026-11-22',
  at: '2026-11-22T10:30:00.123Z',
  opens: '09:30:00.000001',
  bytes: 'AP8=',
  words: ['one', '', 'three'],
  marks: [1, null, 3],
  sizes: [
    { name: 'S', width: 1.5 },
    { name: 'L', width: null },
  ],
  place: { x: 1, y: -2.5 },
});

describe('unchanged rows', () => {
  test('unchanged rows of any values match their hashes', async () => {
    const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value).toString('base64'));
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    const row = fc
      .record({
        note: fc.option(text),
        small: fc.option(fc.integer()),
        large: fc.option(fc.maxSafeInteger()),
        ratio: fc.option(double),
        fresh: fc.option(fc.boolean()),
        day: fc.option(anyInstant.map((at) => at.slice(0, 10))),
        at: fc.option(anyInstant),
        bytes: fc.option(bytes),
        words: fc.array(text, { maxLength: 3 }),
        marks: fc.option(fc.array(fc.option(fc.integer()), { maxLength: 3 })),
        sizes: fc.array(fc.record({ name: text, width: fc.option(double) }), { maxLength: 3 }),
        place: fc.option(fc.record({ x: double, y: double })),
      })
      .map((more) => thing('id', more as Row));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 50 }), async (rows) => {
        await emptyTables(look, [things]);
        await load(numbered(...rows));
        expect(await find()).toEqual(untouched(rows.length));
      }),
      { numRuns: 30, examples: [[[thing('a', { ratio: -0 }), full]]] },
    );
  });

  test('rows are read in several statements, with all of their lists', async () => {
    const rows = numbered(
      ...Array.from({ length: 2500 }, (_, i) =>
        thing(`t${i}`, {
          note: 'n'.repeat(i % 700 === 0 ? 1_000_000 : 10),
          words: Array(i % 5).fill('word'),
        }),
      ),
    );
    await load(rows);
    await look.query(
      'UPDATE things_words SET value = "other" WHERE _record IN (5, 100, 1005, 2500) AND position = 4',
    );
    expect(await find()).toEqual({
      rows: 2500,
      changed: 4,
      records: [5, 100, 1005, 2500],
      others: 0,
      orphans: {},
    });
  });

  test('few statements read the rows of many objects', async () => {
    const keys = Array.from({ length: 150 }, (_, i) => `things/${i}.json`);
    for (const [i, each] of keys.entries())
      await load(numbered(full, ...Array(i % 3).fill(thing('b'))), each);
    await look.query('UPDATE things SET note = "mine" WHERE _record = 3');
    const before = await selects();
    const found = await Promise.all(keys.map(find));
    expect((await selects()) - before).toBeLessThan(30);
    expect(found).toEqual(
      keys.map((_, i) =>
        i % 3 === 2 ? { rows: 3, changed: 1, records: [3], others: 0, orphans: {} } : untouched(1 + (i % 3)),
      ),
    );
  });
});

describe('rows that were changed by hand', () => {
  test.each([
    ['a text', "UPDATE things SET note = 'mine' WHERE _record = 2"],
    ['a text’s last space', "UPDATE things SET note = CONCAT(note, ' ') WHERE _record = 2"],
    ['a text’s case', 'UPDATE things SET note = UPPER(note) WHERE _record = 2'],
    ['a double in its last digit', 'UPDATE things SET ratio = 0.10000000000000002 WHERE _record = 2'],
    ['a number', 'UPDATE things SET large = large - 1 WHERE _record = 2'],
    ['a flag', 'UPDATE things SET fresh = 2 WHERE _record = 2'],
    ['a date', "UPDATE things SET day = '2026-11-23' WHERE _record = 2"],
    ['a microsecond', "UPDATE things SET at = '2026-11-22 10:30:00.123001' WHERE _record = 2"],
    ['a time of the day', "UPDATE things SET opens = '09:30:00.000002' WHERE _record = 2"],
    ['a byte', "UPDATE things SET bytes = x'00FE' WHERE _record = 2"],
    ['a value to NULL', 'UPDATE things SET note = NULL WHERE _record = 2'],
    ['NULL to a value', 'UPDATE things SET small = 0 WHERE _record = 2'],
    ['a nested value', `UPDATE things SET place = '{"x":1,"y":-2.4}' WHERE _record = 2`],
    [
      'a nested value to what is no JSON',
      "SET check_constraint_checks = 0; UPDATE things SET place = '{' WHERE _record = 2",
    ],
    [
      'a member of a struct that it has not',
      `UPDATE things SET place = '{"x":1,"y":-2.5,"z":0}' WHERE _record = 2`,
    ],
    ['an element of a list', "UPDATE things_words SET value = 'mine' WHERE _record = 2 AND position = 3"],
    ['a field of an element', 'UPDATE things_sizes SET width = 2 WHERE _record = 2 AND position = 1'],
    ['the order of a list', 'UPDATE things_words SET position = 4 WHERE _record = 2 AND position = 1'],
    [
      'a list that is longer',
      "INSERT INTO things_words SELECT _object, 2, 4, 'mine' FROM things WHERE _record = 2",
    ],
    ['a list that is shorter', 'DELETE FROM things_words WHERE _record = 2 AND position = 3'],
    ['a list that is gone', 'DELETE FROM things_marks WHERE _record = 2'],
    ['the number of a list’s elements', 'UPDATE things SET marks_count = 2 WHERE _record = 2'],
    ['a list to none', 'UPDATE things SET marks_count = NULL WHERE _record = 2'],
  ])('a row is reported as changed: %s', async (what, statements) => {
    const first = what === 'NULL to a value' ? { ...full, small: null } : full;
    await load(numbered(thing('a'), first, thing('c', { words: ['w'] })));
    const separate = await server.connect();
    for (const statement of statements.split('; ')) await separate.query(statement);
    await separate.end();
    expect(await find()).toEqual({ rows: 3, changed: 1, records: [2], others: 0, orphans: {} });
  });

  test('list elements are reported as orphans when their row is gone', async () => {
    await load(
      numbered(thing('a', { words: ['x', 'y'] }), thing('b', { words: ['z'], marks: [1] }), thing('c')),
    );
    await load(numbered(thing('a', { words: ['x', 'y'] })), 'things/other.json');
    await look.query(`DELETE FROM things WHERE _record < 3 AND id <> 'c'`);
    expect(await find()).toEqual({
      rows: 1,
      changed: 0,
      records: [],
      others: 0,
      orphans: { things_words: 3, things_marks: 1 },
    });
  });

  test('rows of other versions are not reported as changed', async () => {
    await load(numbered(full, thing('b'), thing('c')));
    await look.query("UPDATE things SET _sequencer = '00' WHERE _record > 1");
    const found = { rows: 1, changed: 0, records: [], others: 2, orphans: {} };
    expect(await find()).toEqual(found);
    const counting = new TablesReader(look, () => undefined);
    expect(await counting.look('things', key, '01')).toEqual(found);
  });

  test('all changed rows are counted, and the first records are named', async () => {
    await load(numbered(...Array.from({ length: 1000 }, (_, i) => thing(`t${i}`))));
    await look.query('UPDATE things SET fresh = 1 WHERE _record > 10');
    expect(await find()).toEqual({
      rows: 1000,
      changed: 990,
      records: [11, 12, 13, 14, 15],
      others: 0,
      orphans: {},
    });
  });
});

describe('rows of another version or object', () => {
  test('rows of other versions are counted apart, and rows of other objects not at all', async () => {
    await load(numbered(thing('a'), thing('b')));
    await load(numbered(thing('a')), 'things/other.json');
    expect(await reader.look('things', key, '02')).toEqual({ ...untouched(0), others: 2 });
    expect(await find('things/never.json')).toEqual(untouched(0));
    expect(await find()).toEqual(untouched(2));
  });
});

describe('a dataset that the code does not have', () => {
  const gone = () => new TablesReader(look, () => undefined);

  test('rows of a dataset that the code does not have are counted', async () => {
    await load(numbered(thing('a'), thing('b')));
    const reader = gone();
    const found = await Promise.all([reader.look('things', key, '01'), reader.look('things', key, '02')]);
    expect(found).toEqual([untouched(2), { ...untouched(0), others: 2 }]);
  });

  test('a dataset that the code does not have has no rows when its table is gone', async () => {
    expect(await gone().look('no_such_things', key, '01')).toEqual(untouched(0));
  });
});

test('a failure of the database rejects all waiting look-ups', async () => {
  await look.query('RENAME TABLE things_words TO away');
  try {
    const found = await Promise.allSettled([find(), find('things/b'), find('things/c')]);
    expect(found.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  } finally {
    await look.query('RENAME TABLE away TO things_words');
  }
  expect(await find()).toEqual(untouched(0));
});

async function selects(): Promise<number> {
  const [rows] = await look.query("SHOW SESSION STATUS LIKE 'Com_select'");
  return Number((rows as { Value: string }[])[0]?.Value);
}
