// @module-tag mysql
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { queryMysql } from '../../cli/mysql/query-mysql.ts';
import type { RowsFile } from '../../mysql/table-store.ts';
import { emptyTables, numbered, startThings, thing, things } from './tables.ts';

let { server, look, store, close } = {} as Awaited<ReturnType<typeof startThings>>;

beforeAll(async () => {
  ({ server, look, store, close } = await startThings());
});

afterAll(() => close());

beforeEach(() => emptyTables(look, [things]));

const key = 'things/a.json';
const load = (sequencer: string, rows: ReturnType<typeof numbered>, more: Partial<RowsFile> = {}) => {
  const loadedAt = '2026-11-27T20:00:00.123000Z';
  const file = { dataset: things, key, sequencer, versionId: `v${sequencer}`, loadedAt, rows };
  return store.load({ ...file, ...more });
};

const origins =
  'SELECT id, _record, _source, _version, _loaded_at FROM things_provenance ORDER BY _source, id';
const shown = async () => (await queryMysql(server.url, origins)).rows;

const versions = async () => {
  const [rows] = await look.query<RowDataPacket[]>('SELECT _version FROM sluice_versions ORDER BY 1');
  return rows.map(({ _version }) => _version);
};

describe('the provenance of rows', () => {
  const two = numbered(thing('x'), thing('y', { words: ['a'] }));

  it('is beside them in a view, and moves on with the versions of each object', async () => {
    await load('01', two);
    await load('01', numbered(thing('z')), { key: 'things/b.json' });
    await load('02', numbered(thing('x', { note: 'new' }), thing('y', { words: ['a'] })), {
      loadedAt: '2026-11-28T00:00:00.000001Z',
    });
    await store.retract(things, key, '02');
    expect(await shown()).toEqual([
      ['x', 1, key, 'v02', '2026-11-28 00:00:00.000001'],
      ['y', 2, key, 'v02', '2026-11-28 00:00:00.000001'],
      ['z', 1, 'things/b.json', 'v01', '2026-11-27 20:00:00.123000'],
    ]);
    expect(await versions()).toEqual(['v01', 'v02']);
  });

  it('is each row’s own while two versions are there', async () => {
    await load('01', two);
    await load('02', numbered(thing('x')), { loadedAt: undefined });
    expect((await shown()).map(([id, , , version, at]) => [id, version, at])).toEqual([
      ['x', 'v02', null],
      ['y', 'v01', '2026-11-27 20:00:00.123000'],
    ]);
  });

  it('is another one after a replay, and nothing is left of the revision before', async () => {
    await load('01', two);
    await load('01!0001', two, { versionId: 'v01!0001', loadedAt: '2026-11-29T00:00:00.000000Z' });
    await store.retract(things, key, '01!0001');
    expect((await shown()).map(([, , , version]) => version)).toEqual(['v01!0001', 'v01!0001']);
    expect(await versions()).toEqual(['v01!0001']);
  });

  it('goes with the rows of a deleted object, and is not noted by a load that comes too late', async () => {
    await load('01', two);
    await store.retract(things, key, '05');
    expect(await load('03', two)).toBe('stale');
    expect([await shown(), await versions()]).toEqual([[], []]);
  });

  it('is nothing of rows that older code loaded, which are shown all the same', async () => {
    await load('01', two);
    await look.query('DELETE FROM sluice_versions');
    expect((await shown()).map((row) => row.slice(1))).toEqual([
      [1, null, null, null],
      [2, null, null, null],
    ]);
  });

  it('has any key and version id that S3 takes', async () => {
    const longest = `things/${'\\\' "😀`%_é'.repeat(63)}`;
    const of = longest.slice(0, 1024);
    await load('01', two, { key: of, versionId: `${'v'.repeat(1024)}!9999` });
    expect((await shown()).map(([, , source, version]) => [source, version])).toEqual([
      [of, `${'v'.repeat(1024)}!9999`],
      [of, `${'v'.repeat(1024)}!9999`],
    ]);
  });

  it('finds the rows of an object by an index', async () => {
    for (let n = 0; n < 50; n += 1) await load('01', numbered(thing('z')), { key: `things/${n}` });
    await load('01', two);
    await look.query('ANALYZE TABLE things, sluice_versions');
    const plan = await queryMysql(
      server.url,
      `EXPLAIN SELECT id FROM things_provenance WHERE _source = '${key}'`,
    );
    const keyColumn = plan.columns.findIndex(({ name }) => name === 'key');
    expect(plan.rows.map((row) => row[keyColumn])).toEqual(['by_source', 'PRIMARY']);
  });

  it('that has no table yet makes a load fail, with the command that makes it', async () => {
    await look.query('RENAME TABLE sluice_versions TO away');
    try {
      await expect(load('01', two)).rejects.toThrow('npx sluice migrate');
    } finally {
      await look.query('RENAME TABLE away TO sluice_versions');
    }
    expect(await load('01', two)).toMatchObject({ written: 2 });
  });
});
