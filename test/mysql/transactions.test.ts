// @module-tag mysql
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, QueryOptions } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TransientError } from '../../domain/errors.ts';
import { openMysql } from '../../mysql/connection.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { patience } from '../../mysql/session.ts';
import { emptyTables, numbered, startThings, storedRows, thing, things } from './tables.ts';

let { server, look, store, close } = {} as Awaited<ReturnType<typeof startThings>>;

beforeAll(async () => {
  ({ server, look, store, close } = await startThings());
});

afterAll(() => close());

beforeEach(() => emptyTables(look, [things]));

const key = 'things/a.json';
const load = (sequencer: string, rows: ReturnType<typeof numbered>, by = store) =>
  by.load({ dataset: things, key, sequencer, versionId: 'v1', rows });
const stored = () => storedRows(look, things, key);

/** A store that has something else happen, once, just before the first of its statements that begins so. */
function interruptedBefore(
  start: string,
  happen: (connection: Connection) => Promise<unknown>,
  attempts = 6,
) {
  let happened = false;
  const open = async () => {
    const connection = await openMysql({ url: server.url });
    const query = connection.query.bind(connection) as unknown as (options: QueryOptions) => Promise<never>;
    connection.query = (async (options: QueryOptions) => {
      if (!happened && options.sql.startsWith(start)) {
        happened = true;
        await happen(connection);
      }
      return query(options);
    }) as unknown as typeof connection.query;
    return connection;
  };
  return new MysqlTableStore(open, { ...patience, attempts, pause: async () => {} });
}

/** InnoDB refreshes innodb_trx only where nobody has read it for a tenth of a second. */
const INNODB_TRX_REFRESH_MS = 150;

describe('a load that is overtaken', () => {
  const newer = {
    'a newer version': () => load('02', numbered(thing('new'))),
    'a retraction': () => store.retract(things, key, '02', { which: 'older and its own' }),
  };

  it.each(
    Object.entries(newer).flatMap(([by, overtake]) =>
      ['INSERT INTO `sluice_objects`', 'START TRANSACTION'].map((statement) => ({ by, overtake, statement })),
    ),
  )('by $by before its $statement is stale, and writes nothing', async ({ overtake, statement }) => {
    const overtaken = interruptedBefore(statement, overtake);
    expect(await load('01', numbered(thing('old'), thing('older', { words: ['w'] })), overtaken)).toBe(
      'stale',
    );
    await overtaken.close();
    expect((await stored()).filter(({ sequencer }) => sequencer !== '02')).toEqual([]);
    const [words] = await look.query('SELECT * FROM things_words');
    expect(words).toEqual([]);
  });

  it('within its transaction is waited for, and the newer version wins', async () => {
    let later: Promise<unknown> | undefined;
    const isDoneOrWaits = async () => {
      later = load('02', numbered(thing('new')));
      const done = later.then(() => true);
      const isWaiting = async () => {
        const [waiting] = await look.query(
          "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
        );
        return (waiting as unknown[]).length > 0;
      };
      while (!(await Promise.race([done, isWaiting()]))) await delay(INNODB_TRX_REFRESH_MS);
    };
    const earlier = interruptedBefore('SELECT _record', isDoneOrWaits);
    const old = numbered(thing('old', { words: ['w'] }), thing('older'));
    expect(await load('01', old, earlier)).toMatchObject({ written: 2 });
    await earlier.close();
    expect(await later).toMatchObject({ written: 1 });
    await store.retract(things, key, '02');
    expect(await stored()).toEqual([{ record: 1, sequencer: '02', row: thing('new') }]);
  });
});

describe('the retraction of a version that never became active', () => {
  const toNothing = { which: 'its own', leaving: '01' } as const;

  it('lets the active version in again', async () => {
    await load('02', numbered(thing('new')));
    expect(await load('01', numbered(thing('old')))).toBe('stale');
    expect(await store.retract(things, key, '02', toNothing)).toBe(1);
    expect(await load('01', numbered(thing('old')))).toMatchObject({ written: 1 });
  });

  it('keeps the active version out if a newer one came just then', async () => {
    await load('02', numbered(thing('new')));
    const newer = () => load('03', numbered(thing('newest')));
    const overtaken = interruptedBefore('UPDATE `sluice_objects`', newer);
    expect(await overtaken.retract(things, key, '02', toNothing)).toBe(1);
    await overtaken.close();
    expect(await load('02', numbered(thing('new')))).toBe('stale');
    expect(await stored()).toEqual([{ record: 1, sequencer: '03', row: thing('newest') }]);
  });
});

describe('a connection that is lost within a load’s transaction', () => {
  const before = numbered(thing('a', { words: ['x'] }), thing('b'));
  const after = numbered(
    thing('new', { words: ['y', 'z'] }),
    ...Array.from({ length: 1500 }, (_, i) => thing(`t${i}`, { words: ['w'] })),
  );
  /** As a network that fails, or an administrator. */
  const kill = (connection: Connection) => look.query(`KILL CONNECTION ${connection.threadId}`);

  it.each(['DELETE FROM `things_words`', 'INSERT INTO `things`', 'INSERT INTO `things_words`', 'COMMIT'])(
    'before %s leaves everything as it was',
    async (statement) => {
      await load('01', before);
      const lost = load('02', after, interruptedBefore(statement, kill, 1));
      await expect(lost).rejects.toThrow(TransientError);
      await expect(lost).rejects.toThrow(/lost/);
      expect(await stored()).toEqual(before.map((row) => ({ ...row, sequencer: '01' })));
    },
  );

  it('is opened again, and the load ends as if nothing had happened', async () => {
    await load('01', before);
    const lost = interruptedBefore('INSERT INTO `things_words`', kill);
    expect(await load('02', after, lost)).toEqual({ written: after.length, unchanged: 0, rejected: [] });
    await lost.close();
    expect(await stored()).toEqual(after.map((row) => ({ ...row, sequencer: '02' })));
  });
});

describe('a version that is reprocessed', () => {
  const rows = numbered(
    thing('a', { words: ['x', 'y'], ratio: 1 }),
    thing('b', { words: ['z'], marks: [1] }),
    thing('c'),
  );
  const asLoaded = (sequencer: string) => rows.map((row) => ({ ...row, sequencer }));

  it.each([
    ['a value', "UPDATE things SET note = 'mine' WHERE _record = 1"],
    ['an element of a list', "UPDATE things_words SET value = 'mine' WHERE _record = 2"],
    ['a row', 'DELETE FROM things WHERE _record = 2'],
    ['an element that was added', "INSERT INTO things_words SELECT _object, _record, 9, 'mine' FROM things"],
    ['the elements of a list', 'DELETE FROM things_words'],
    [
      'a row, and an element that it never had',
      "INSERT INTO things_words SELECT _object, 3, 9, 'mine' FROM things WHERE _record = 3; DELETE FROM things WHERE _record = 3",
    ],
    ['the sequencer of a row', "UPDATE things SET _sequencer = 'FF' WHERE _record = 3"],
  ])('puts %s right that was changed by hand, whatever the hash says', async (_, statements) => {
    await load('01', rows);
    for (const statement of statements.split('; ')) await look.query(statement);
    expect(await stored()).not.toEqual(asLoaded('01'));
    expect(await load('01!0001', rows)).toMatchObject({ rejected: [] });
    expect(await stored()).toEqual(asLoaded('01!0001'));
    const [strays] = await look.query('SELECT * FROM things_words WHERE position > 2');
    expect(strays).toEqual([]);
  });

  it('writes every row once, and none when its message is delivered again', async () => {
    await load('01', rows);
    expect(await load('01!0001', rows)).toEqual({ written: 3, unchanged: 0, rejected: [] });
    expect(await load('01!0001', rows)).toEqual({ written: 0, unchanged: 3, rejected: [] });
    expect(await load('01!0002', rows)).toEqual({ written: 3, unchanged: 0, rejected: [] });
  });
});
