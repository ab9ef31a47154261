// @module-tag mysql
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { objectHash } from '../../domain/tables/row-identity.ts';
import { openMysql } from '../../mysql/connection.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { emptyTables, numbered, startThings, storedRows, thing, things } from './tables.ts';

let { server, look, store, close } = {} as Awaited<ReturnType<typeof startThings>>;

beforeAll(async () => {
  ({ server, look, store, close } = await startThings());
});

afterAll(() => close());

beforeEach(() => emptyTables(look, [things]));

const key = 'things/a.json';
const load = (sequencer: string, rows: ReturnType<typeof numbered>, of = key) =>
  store.load({ dataset: things, key: of, sequencer, versionId: `v${sequencer}`, rows });
const stored = (of = key) => storedRows(look, things, of);
const firstRow = async () => (await stored())[0]?.row;

describe('a row', () => {
  const full = thing('full', {
    kind: 'x',
    note: 'n',
    small: -(2 ** 31),
    large: Number.MAX_SAFE_INTEGER,
    ratio: 0.1,
    fresh: true,
    day: '2026-11-22',
    at: '2026-11-22T10:30:00.123000Z',
    opens: '09:30:00.000001',
    words: ['one', '', 'three'],
    marks: [1, null, 3],
    sizes: [
      { name: 'S', width: 1.5 },
      { name: 'L', width: null },
    ],
    place: { x: 1, y: -2.5 },
  });

  it('comes back unchanged, with its lists in order', async () => {
    expect(await load('01', numbered(full))).toEqual({ written: 1, unchanged: 0, rejected: [] });
    expect(await stored()).toEqual([{ record: 1, sequencer: '01', row: full }]);
  });

  it('with only NULLs and empty lists comes back unchanged, and no list differs from an empty one', async () => {
    const rows = numbered(thing('a'), thing('b', { marks: [] }));
    await load('01', rows);
    expect((await stored()).map(({ row }) => row)).toEqual(rows.map(({ row }) => row));
  });

  it.each([
    ['characters of four bytes', '𝄞🍲👩‍🍳 食譜 Öl'],
    ['SQL', "'; drop table things; -- "],
    ['quotes and backslashes', `\\' \\\\" \\`],
    ['control characters', '\0\b\t\n\r\u001a\u007f'],
    ['spaces at its end', 'a  '],
    ['a comment', '/*!50000 x */ # --'],
    ['a long text', 'ü'.repeat(300_000)],
  ])('may have %s in every text', async (_, text) => {
    const short = text.slice(0, 100);
    const row = thing(short, {
      kind: short,
      note: text,
      words: [text, text],
      sizes: [{ name: text, width: 1 }],
    });
    await load('01', numbered(row));
    expect(await firstRow()).toEqual(row);
  });

  it.each(['0001-01-01', '1000-01-01', '1582-10-10', '2024-02-29', '9999-12-31'])(
    'keeps the date %s, and its last microsecond',
    async (day) => {
      const row = thing('d', { day, at: `${day}T23:59:59.999999Z` });
      await load('01', numbered(row));
      expect(await firstRow()).toEqual(row);
    },
  );

  it('has times in UTC, whatever offset they came with', async () => {
    await load('01', numbered(thing('t', { at: '2026-01-01T01:30:00+02:00' })));
    expect(await firstRow()).toMatchObject({ at: '2025-12-31T23:30:00.000000Z' });
  });

  it('may have the whole numbers of the Parquet reader', async () => {
    await load('01', numbered(thing('t', { small: 7n, large: 8n })));
    expect(await firstRow()).toMatchObject({ small: 7, large: 8 });
  });

  it('has the same hash as before times had microseconds, if they have none', async () => {
    const at = '2026-01-01T01:30:00.123Z';
    const hashOf = async () => (await look.query('SELECT HEX(_hash) AS hash FROM things'))[0];
    await load('01', numbered(thing('t', { at })));
    const before = await hashOf();
    await load('02', numbered(thing('t', { at: at.replace('Z', '000Z') })));
    expect(await hashOf()).toEqual(before);
    await load('03', numbered(thing('t', { at: at.replace('Z', '001Z') })));
    expect(await hashOf()).not.toEqual(before);
  });

  it('keeps every number unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 200 }),
        async (ratios) => {
          await emptyTables(look, [things]);
          await load('01', numbered(...ratios.map((ratio, i) => thing(`${i}`, { ratio }))));
          // MySQL has no negative zero of its own in text.
          expect((await stored()).map(({ row }) => Number(row['ratio']) + 0)).toEqual(
            ratios.map((ratio) => ratio + 0),
          );
        },
      ),
      { numRuns: 15, examples: [[[988791.6372443893]]] },
    );
  });

  it('keeps every text unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 1, maxLength: 100 }),
        async (texts) => {
          await emptyTables(look, [things]);
          await load('01', numbered(...texts.map((note) => thing(note, { note, words: [note] }))));
          expect((await stored()).map(({ row }) => [row['id'], row['note'], row['words']])).toEqual(
            texts.map((text) => [text, text, [text]]),
          );
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('a file', () => {
  it('without rows is loaded, with a count of zero', async () => {
    expect(await load('01', [])).toEqual({ written: 0, unchanged: 0, rejected: [] });
    expect(await store.count(things, key, '01')).toBe(0);
  });

  it('of many rows is loaded whole, across batches and statements', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) =>
      thing(`t${i}`, { words: [`a${i}`, 'b'.repeat(200)] }),
    );
    expect(await load('01', numbered(...rows))).toMatchObject({ written: 5000 });
    expect((await stored()).map(({ row }) => row)).toEqual(rows);
  });

  it('that is loaded again writes nothing', async () => {
    const rows = numbered(thing('a', { words: ['x'] }), thing('b'));
    await load('01', rows);
    const before = await writes();
    expect(await load('01', rows)).toEqual({ written: 0, unchanged: 2, rejected: [] });
    expect(await writes()).toEqual(before);
  });

  it('of a newer version rewrites only rows that differ, and marks all rows as those of the version', async () => {
    await load('01', numbered(thing('a', { words: ['x', 'y', 'z'] }), thing('b', { words: ['b'] })));
    const newer = numbered(thing('a', { words: ['z'] }), thing('b', { words: ['b'] }), thing('c'));
    expect(await load('02', newer)).toEqual({ written: 2, unchanged: 1, rejected: [] });
    expect(await stored()).toEqual(newer.map((row) => ({ ...row, sequencer: '02' })));
    expect(await store.count(things, key, '02')).toBe(3);
  });

  it('is loaded again after rows were deleted by hand, whatever was left of their lists', async () => {
    const rows = numbered(
      thing('a', { words: ['x', 'y'], marks: [1] }),
      thing('b', { words: ['z'] }),
      thing('c', { words: ['w'] }),
    );
    await load('01', rows);
    await look.query('DELETE FROM things WHERE _record < 3');
    expect(await load('01', rows)).toEqual({ written: 2, unchanged: 1, rejected: [] });
    expect((await stored()).map(({ row }) => row)).toEqual(rows.map(({ row }) => row));
    await look.query('DELETE FROM things');
    const shorter = numbered(thing('a', { words: ['new'] }));
    expect(await load('02', shorter)).toMatchObject({ written: 1 });
    expect(await stored()).toEqual([{ ...shorter[0], sequencer: '02' }]);
  });

  it('of an older version is stale, and writes nothing', async () => {
    await load('02', numbered(thing('new')));
    expect(await load('01FF', numbered(thing('old'), thing('more')))).toBe('stale');
    expect(await stored()).toEqual([{ record: 1, sequencer: '02', row: thing('new') }]);
  });

  it('treats equal sequencers of different lengths and cases as the same', async () => {
    await load('0a00', numbered(thing('a')));
    expect(await load('0A', numbered(thing('a')))).toMatchObject({ unchanged: 1 });
    expect(await store.count(things, key, '0A0')).toBe(1);
    expect(await load('0A01', numbered(thing('b')))).toMatchObject({ written: 1 });
  });

  it('with the same rows as another one has rows of its own, whose removal leaves those of the other', async () => {
    await load('01', numbered(thing('same')), 'things/1');
    await load('01', numbered(thing('same')), 'things/2');
    expect(await store.retract(things, 'things/1', '02')).toBe(1);
    expect(await stored('things/1')).toEqual([]);
    expect(await stored('things/2')).toHaveLength(1);
  });

  it('can’t have the same record twice', async () => {
    const rows = [...numbered(thing('a')), ...numbered(thing('b'))];
    await expect(load('01', rows)).rejects.toThrow('Record 1 of things/a.json occurs twice.');
  });

  it('is loaded by several at once into the same rows', async () => {
    const rows = numbered(...Array.from({ length: 300 }, (_, i) => thing(`t${i}`, { words: ['x', 'y'] })));
    const others = Array.from({ length: 4 }, () => new MysqlTableStore(() => openMysql({ url: server.url })));
    const file = { dataset: things, key, sequencer: '01', versionId: 'v1', rows };
    const results = await Promise.all([
      ...others.map((each) => each.load(file)),
      ...others.map((each) => each.load(file)),
    ]);
    for (const each of others) await each.close();
    for (const result of results) expect(result).toMatchObject({ rejected: [] });
    expect(await stored()).toEqual(rows.map((row) => ({ ...row, sequencer: '01' })));
  });

  it('of many statements loads beside another of the same version and before a newer one, which wins', async () => {
    const rows = (word: string, from: number) =>
      Array.from({ length: 2000 }, (_, i) => ({ record: from + i, row: thing(`${i}`, { words: [word] }) }));
    const others = Array.from({ length: 3 }, () => new MysqlTableStore(() => openMysql({ url: server.url })));
    const [first, second, third] = others as [MysqlTableStore, MysqlTableStore, MysqlTableStore];
    const common = { dataset: things, key, versionId: 'v1' };
    await Promise.all([
      first.load({ ...common, sequencer: '01', rows: rows('old', 1) }),
      second.load({ ...common, sequencer: '01', rows: rows('old', 2001) }),
      third.load({ ...common, sequencer: '02', rows: rows('new', 1) }),
    ]);
    await Promise.all([
      third.retract(things, key, '02'),
      first.load({ ...common, sequencer: '01', rows: rows('old', 1) }),
    ]);
    for (const each of others) await each.close();
    expect(await stored()).toEqual(rows('new', 1).map((row) => ({ ...row, sequencer: '02' })));
  });
});

describe('retraction', () => {
  it('removes rows of older versions, with their lists, and keeps the version’s own', async () => {
    await load('01', numbered(thing('a', { words: ['x'] }), thing('b', { words: ['y'] }), thing('c')));
    await load('02', numbered(thing('a', { words: ['x'] })));
    expect(await store.retract(things, key, '02')).toBe(2);
    expect(await stored()).toEqual([{ record: 1, sequencer: '02', row: thing('a', { words: ['x'] }) }]);
    const [lists] = await look.query('SELECT value FROM things_words');
    expect(lists).toEqual([{ value: 'x' }]);
  });

  it('removes the version’s own rows if asked to', async () => {
    await load('02', numbered(thing('a')));
    expect(await store.retract(things, key, '02')).toBe(0);
    expect(await store.retract(things, key, '02', { which: 'older and its own' })).toBe(1);
    expect(await stored()).toEqual([]);
  });

  it('keeps out older versions that come later', async () => {
    expect(await store.retract(things, key, '05')).toBe(0);
    expect(await load('04', numbered(thing('late')))).toBe('stale');
    expect(await load('06', numbered(thing('next')))).toMatchObject({ written: 1 });
  });

  it('removes more rows than one transaction may, in steps', async () => {
    const rows = Array.from({ length: 12_000 }, (_, i) => thing(`t${i}`));
    await load('01', numbered(...rows));
    expect(await store.retract(things, key, '02')).toBe(12_000);
    expect(await stored()).toEqual([]);
  });
});

describe('a value that its column can’t hold', () => {
  it.each([
    ['a text longer than its key may be', { id: 'x'.repeat(256) }, 'id', '256 characters'],
    ['a whole number beyond 32 bits', { small: 2 ** 31 }, 'small', '2147483648'],
    ['a whole number beyond 64 bits', { large: 2n ** 63n }, 'large', '9223372036854775808'],
    ['no number', { ratio: Number.NaN }, 'ratio', 'NaN'],
    ['a missing value', { kind: null }, 'kind', 'required'],
    ['a missing element', { words: ['a', null] }, 'words[1]', 'required'],
    ['a missing field', { sizes: [{ width: 1 }] }, 'sizes[0]', 'required'],
    ['a time out of range', { at: '+012000-01-01T00:00:00Z' }, 'at', '+012000'],
    ['what is no date', { day: 'tomorrow' }, 'day', 'tomorrow'],
    ['a date that there is not', { day: '2026-02-30' }, 'day', 'day'],
  ])('is the fault of its record, not of the file: %s', async (_, wrong, path, says) => {
    const rows = numbered(
      ...Array.from({ length: 20 }, (_, i) => thing(`t${i}`, i === 13 ? wrong : { words: ['w'] })),
    );
    const result = await load('01', rows);
    expect(result).toMatchObject({
      written: 19,
      unchanged: 0,
      rejected: [{ recordNumber: 14, path, code: 'not_storable' }],
    });
    expect(result).toMatchObject({ rejected: [{ message: expect.stringContaining(says) }] });
    expect((await stored()).map(({ record }) => record)).toEqual(
      rows.map(({ record }) => record).filter((record) => record !== 14),
    );
  });

  it('is found when the server refuses a statement, and the good rows are written', async () => {
    await load(
      '01',
      numbered(...Array.from({ length: 50 }, (_, i) => thing(`old${i}`, { words: ['before'] }))),
    );
    await look.query('ALTER TABLE things_words ADD CONSTRAINT no_poison CHECK (value <> "poison")');
    try {
      const rows = Array.from({ length: 100 }, (_, i) =>
        thing(`t${i}`, { words: i === 7 || i === 77 ? ['fine', 'poison'] : ['fine'] }),
      );
      const result = await load('02', numbered(...rows));
      expect(result).toMatchObject({
        written: 98,
        rejected: [
          { recordNumber: 8, path: 'words', code: 'not_storable' },
          { recordNumber: 78, path: 'words', code: 'not_storable' },
        ],
      });
      expect(await store.count(things, key, '02')).toBe(98);
      await store.retract(things, key, '02');
      expect((await stored()).map(({ row }) => row)).toEqual(rows.filter((_, i) => i !== 7 && i !== 77));
    } finally {
      await look.query('ALTER TABLE things_words DROP CONSTRAINT no_poison');
    }
  });
});

it('the simulation’s MySQL and the real server agree over any sequence of versions', async () => {
  const keys = ['things/a', 'things/b'] as const;
  const sequencers = ['01', '0100', '01!0001', '01!0002', '01A', '02', '0A', '0a1'];
  const row = fc.record({
    record: fc.integer({ min: 1, max: 6 }),
    row: fc
      .record({
        note: fc.constantFrom('a', 'b', null),
        words: fc.array(fc.constantFrom('x', 'y'), { maxLength: 3 }),
      })
      .map((more) => thing('id', more)),
  });
  const tooLong = { record: 9, row: thing('x'.repeat(300)) };
  const step = fc.record({
    what: fc.constantFrom('load', 'load', 'load', 'older', 'older and its own', 'its own'),
    key: fc.constantFrom(...keys),
    sequencer: fc.constantFrom(...sequencers),
    leaving: fc.constantFrom(undefined, '', ...sequencers),
    rows: fc
      .tuple(fc.uniqueArray(row, { selector: ({ record }) => record, maxLength: 6 }), fc.boolean())
      .map(([rows, bad]) => (bad ? [...rows, tooLong] : rows)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await emptyTables(look, [things]);
      const memory = calmMysql();
      for (const { what, key: of, sequencer, leaving, rows } of steps) {
        const act = (tables: MysqlTableStore): Promise<unknown> =>
          what === 'load'
            ? tables.load({ dataset: things, key: of, sequencer, versionId: 'v1', rows })
            : tables.retract(things, of, sequencer, {
                which: what,
                ...(leaving !== undefined && { leaving }),
              });
        expect(await act(store)).toEqual(await act(memory.tables));
      }
      for (const of of keys) {
        for (const [table, columns] of Object.entries(compared)) {
          const sql = `SELECT ${columns.map(selected).join()} FROM ${table} WHERE _object = x'${objectHash(of)}'`;
          const [real] = await look.query(`${sql} ORDER BY _record`);
          const found = memory.server
            .rows(table, objectHash(of))
            .map((row) => columns.map((name) => row[name]));
          const inOrder = (rows: readonly unknown[][]) => rows.map((row) => row.map(String).join(' ')).sort();
          expect(inOrder((real as object[]).map(Object.values))).toEqual(inOrder(found));
        }
        for (const sequencer of sequencers)
          expect(await store.count(things, of, sequencer)).toBe(
            await memory.tables.count(things, of, sequencer),
          );
      }
    }),
    { numRuns: 60 },
  );
});

/** What is compared of each table; a row's hash is of all its columns. */
const compared = {
  things: ['_record', '_sequencer', '_hash', 'note'],
  things_words: ['_record', 'position', 'value'],
} as const;

const selected = (column: string) =>
  column === '_hash' ? 'LOWER(HEX(_hash)) AS _hash' : `CAST(${column} AS CHAR) AS ${column}`;

/** How many rows the server has written since it started. */
async function writes(): Promise<unknown> {
  const [rows] = await look.query("SHOW GLOBAL STATUS LIKE 'Innodb_rows_%d'");
  return (rows as { Variable_name: string }[]).filter(({ Variable_name }) => !Variable_name.endsWith('read'));
}
