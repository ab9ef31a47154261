// @module-tag mysql
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TransientCode, TransientError } from '../../domain/errors.ts';
import { mysqlSettings, openMysql } from '../../mysql/connection.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { patience } from '../../mysql/session.ts';
import { type MysqlServer, startMysqlServer } from './mysql-server.ts';
import { createTables, emptyTables, numbered, storedRows, thing, things } from './tables.ts';

// Its own server, whatever MYSQL_URL says: these tests break it.
let server: MysqlServer;
let look: Connection;
let store: MysqlTableStore;
const quickly = { ...patience, attempts: 3, pause: async () => {} };

const anotherStore = (how = quickly, lockWaitS = 1) =>
  new MysqlTableStore(() => openMysql({ url: server.url }, lockWaitS), how);

beforeAll(async () => {
  server = await startMysqlServer([
    'max_connections=20',
    'max_allowed_packet=1M',
    // All tables lie in one file, which can run out of space; what is to be undone lies elsewhere.
    'innodb_file_per_table=0',
    'innodb_data_file_path=ibdata1:12M:autoextend:max:24M',
    'loose-innodb_undo_tablespaces=2',
  ]);
  look = await openMysql({ url: server.url });
  await createTables(look, [things]);
  store = anotherStore();
});

afterAll(async () => {
  await store.close();
  look.destroy();
  await server.close();
});

beforeEach(() => emptyTables(look, [things]));

const key = 'things/a.json';
const load = (sequencer: string, rows: ReturnType<typeof numbered>, by = store) =>
  by.load({ dataset: things, key, sequencer, versionId: 'v1', rows });
const stored = () => storedRows(look, things, key);

/** Expects that work fails as something that may succeed later, and says why. */
async function failsFor(
  work: Promise<unknown>,
  says: RegExp,
  code: TransientCode = 'database',
): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TransientError);
  expect(error).toMatchObject({ code, stage: 'loading', message: expect.stringMatching(says) });
  expect(JSON.stringify([error, String((error as Error).cause), (error as Error).stack])).not.toContain(
    's3cret',
  );
}

describe('a lock of another transaction', () => {
  it('is waited for and then reported, without writing anything', async () => {
    await load('01', numbered(thing('a'), thing('b')));
    const other = await openMysql({ url: server.url });
    await other.query('START TRANSACTION');
    await other.query("UPDATE things SET note = 'mine' WHERE _record = 2");
    await failsFor(
      load('02', numbered(thing('new'), thing('newer')), anotherStore({ ...quickly, attempts: 1 })),
      /in the way/,
    );
    await other.query('ROLLBACK');
    other.destroy();
    expect((await stored()).map(({ row }) => row)).toEqual([thing('a'), thing('b')]);
    expect(await load('02', numbered(thing('new'), thing('newer')))).toMatchObject({ written: 2 });
  });

  it('does not fail a load if it is released within the attempts', async () => {
    await load('01', numbered(thing('a')));
    const other = await openMysql({ url: server.url });
    await other.query('START TRANSACTION');
    await other.query("UPDATE things SET note = 'mine' WHERE _record = 1");
    const patient = anotherStore({ ...quickly, attempts: 60 });
    const waiting = load('02', numbered(thing('new')), patient);
    await until(async () => (await lockWaits()) > 0);
    await other.query('ROLLBACK');
    expect(await waiting).toMatchObject({ written: 1 });
    await patient.close();
    other.destroy();
  });

  it('that ends in a deadlock is retried', async () => {
    await load('01', numbered(thing('a'), thing('b')));
    const other = await openMysql({ url: server.url });
    await other.query('START TRANSACTION');
    // Heavier than the load, so that the server chooses that one to give up.
    for (let i = 0; i < 50; i += 1)
      await other.query(`INSERT INTO things_words VALUES (x'000000000000000000000000', 1, ${i}, 'w')`);
    await other.query("UPDATE things SET note = 'mine' WHERE _record = 2");
    const patient = anotherStore(quickly, 60);
    const waiting = load('02', numbered(thing('new'), thing('newer')), patient);
    await until(async () => (await lockWaits()) > 0);
    await other.query("UPDATE things SET note = 'mine' WHERE _record = 1");
    await other.query('ROLLBACK');
    expect(await waiting).toMatchObject({ written: 2 });
    await patient.close();
    other.destroy();
  });
});

describe('a server', () => {
  it('that is read-only is reported, and loaded into once it is writable', async () => {
    const reader = await userWith('GRANT SELECT, INSERT, UPDATE, DELETE ON *.*');
    await look.query('SET GLOBAL read_only = 1');
    try {
      await failsFor(load('01', numbered(thing('a')), reader), /read-only/);
    } finally {
      await look.query('SET GLOBAL read_only = 0');
    }
    expect(await load('01', numbered(thing('a')), reader)).toMatchObject({ written: 1 });
    await reader.close();
  });

  it('without a free connection is reported', async () => {
    const all: Connection[] = [];
    const user = await userWith('GRANT SELECT, INSERT, UPDATE, DELETE ON *.*');
    try {
      for (;;) all.push(await server.connect());
    } catch {
      await failsFor(load('01', numbered(thing('a')), user), /no connection left/, 'throttled');
    } finally {
      for (const connection of all) connection.destroy();
    }
    expect(all.length).toBeGreaterThan(10);
    await until(async () => (await connections()) < 10);
    expect(await load('01', numbered(thing('a')), user)).toMatchObject({ written: 1 });
    await user.close();
  });

  it('that is out of disk space is reported, and loaded into once there is space', async () => {
    await look.query('CREATE TABLE filling (text LONGTEXT)');
    await load('01', numbered(thing('a')));
    const rows = numbered(
      ...Array.from({ length: 1000 }, (_, i) => thing(`${i}`, { note: 'n'.repeat(2000) })),
    );
    try {
      const fill = () => look.query("INSERT INTO filling VALUES (REPEAT('x', 7000))");
      await expect(async () => {
        for (;;) await fill();
      }).rejects.toMatchObject({ errno: 1114 });
      await failsFor(load('02', rows), /no disk space left/);
      expect((await stored()).map(({ row }) => row)).toEqual([thing('a')]);
    } finally {
      await look.query('DROP TABLE filling');
    }
    // The server frees what was dropped in its own time.
    await until(() =>
      load('02', rows).then(
        () => true,
        () => false,
      ),
    );
    expect((await stored()).map(({ row }) => row)).toEqual(rows.map(({ row }) => row));
  });

  it('on another machine is connected to only over TLS, unless its URL says otherwise', async () => {
    // This machine too, by an address that is not the loopback's.
    const url = server.url.replace('127.0.0.1', '0.0.0.0');
    expect(url).not.toBe(server.url);
    await failsFor(load('01', [], new MysqlTableStore(() => openMysql({ url }), quickly)), /\(TLS\)/);
    (await openMysql({ url: `${url}?ssl=false` })).destroy();
  });

  it('that refuses the user is reported', async () => {
    const url = urlOf('nobody', 's3cret');
    await failsFor(load('01', [], new MysqlTableStore(() => openMysql({ url }), quickly)), /authentication/);
  });

  it('that refuses an expired token gets a new one the next time', async () => {
    await userWith('GRANT SELECT, INSERT, UPDATE, DELETE ON *.*');
    const tokens = ['expired', 's3cret'];
    const user = new MysqlTableStore(
      () => openMysql({ url: urlOf('loader', tokens.shift() ?? '') }),
      quickly,
    );
    await failsFor(load('01', numbered(thing('a')), user), /authentication.*Access denied/);
    expect(await load('01', numbered(thing('a')), user)).toMatchObject({ written: 1 });
    expect(tokens).toEqual([]);
    await user.close();
  });

  it('is not contacted without AWS credentials to sign in', async () => {
    for (const name of Object.keys(process.env).filter((each) => each.startsWith('AWS_')))
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/nowhere');
    try {
      await failsFor(
        load('01', [], new MysqlTableStore(() => openMysql(overTls()), quickly)),
        /no AWS credentials/,
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('without TLS is reported if TLS is required', async () => {
    const settings = { ...overTls(), password: 's3cret' };
    await failsFor(load('01', [], new MysqlTableStore(() => openMysql(settings), quickly)), /TLS/);
  });

  it('without the tables is reported with the command that makes them', async () => {
    await look.query('RENAME TABLE things TO gone');
    try {
      await failsFor(load('01', numbered(thing('a'))), /npx sluice migrate/);
    } finally {
      await look.query('RENAME TABLE gone TO things');
    }
  });

  it('that is killed during a load and restarted has nothing half loaded', async () => {
    await load('01', numbered(thing('a')));
    const other = await openMysql({ url: server.url });
    await other.query('START TRANSACTION');
    await other.query("UPDATE things SET note = 'mine' WHERE _record = 1");
    const rows = numbered(...Array.from({ length: 3000 }, (_, i) => thing(`t${i}`, { words: ['w'] })));
    // The first record is locked: the load is under way when the server goes.
    const interrupted = failsFor(load('02', rows, anotherStore(quickly, 60)), /can’t be reached|was lost/);
    await until(async () => (await lockWaits()) > 0);
    await server.kill();
    await interrupted;
    other.destroy();
    look.destroy();
    await server.start();
    look = await openMysql({ url: server.url });
    expect((await stored()).map(({ row }) => row)).toEqual([thing('a')]);
    // The store still has its connection of before, and opens another one.
    expect(await load('02', rows)).toMatchObject({ written: 3000 });
    expect(await store.count(things, key, '02')).toBe(3000);
  });

  it('that is down is reported', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const port = portOf(closed);
    closed.close();
    await once(closed, 'close');
    const url = `mysql://root:s3cret@127.0.0.1:${port}/x`;
    await failsFor(
      load('01', [], new MysqlTableStore(() => openMysql({ url }), quickly)),
      /can’t be reached/,
    );
  });

  it('that never answers a statement is given up', async () => {
    await load('01', numbered(thing('a')));
    const other = await openMysql({ url: server.url });
    await other.query('START TRANSACTION');
    await other.query("UPDATE things SET note = 'mine' WHERE _record = 1");
    const impatient = anotherStore({ ...quickly, attempts: 1, statementMs: 200 }, 60);
    await failsFor(load('02', numbered(thing('b')), impatient), /was lost/);
    other.destroy();
  });
});

it('a row that is larger than the server’s maximum packet is rejected, and the others are written', async () => {
  const result = await load(
    '01',
    numbered(thing('a'), thing('b', { note: 'x'.repeat(1 << 20) }), thing('c')),
  );
  expect(result).toMatchObject({ written: 2, rejected: [{ recordNumber: 2, code: 'not_storable' }] });
  expect(result).toMatchObject({ rejected: [{ message: expect.stringContaining('max_allowed_packet') }] });
});

describe('the environment', () => {
  it('names a URL, or a host to sign in to with IAM, or no database', () => {
    expect(mysqlSettings({ MYSQL_URL: 'mysql://a@b:1/c' })).toEqual({ url: 'mysql://a@b:1/c' });
    const host = { MYSQL_HOST: 'h', MYSQL_USER: 'u', MYSQL_DATABASE: 'd', AWS_REGION: 'r' };
    expect(mysqlSettings(host)).toEqual({ host: 'h', port: 3306, user: 'u', database: 'd', region: 'r' });
    expect(mysqlSettings({})).toBeUndefined();
  });

  it('is refused with the name of the wrong variable, without the password', () => {
    expect(() => mysqlSettings({ MYSQL_URL: 'postgres://a:s3cret@b/c' })).toThrow(
      /^MYSQL_URL must be mysql:\/\/[^3]*$/,
    );
    expect(() => mysqlSettings({ MYSQL_HOST: 'h', AWS_REGION: 'r' })).toThrow(/MYSQL_USER/);
  });
});

async function userWith(grant: string): Promise<MysqlTableStore> {
  await look.query("CREATE USER IF NOT EXISTS loader@'%' IDENTIFIED BY 's3cret'");
  await look.query(`${grant} TO loader@'%'`);
  return new MysqlTableStore(() => openMysql({ url: urlOf('loader', 's3cret') }, 1), quickly);
}

function urlOf(user: string, password: string): string {
  const url = new URL(server.url);
  url.username = user;
  url.password = password;
  return url.href;
}

/** As on AWS. */
function overTls() {
  const { hostname, port } = new URL(server.url);
  return { host: hostname, port: Number(port), user: 'root', database: 'sluice_test', region: 'x' };
}

async function status(name: string): Promise<number> {
  const [rows] = await look.query('SHOW GLOBAL STATUS LIKE ?', [name]);
  return Number((rows as { Value: string }[])[0]?.Value);
}
const lockWaits = () => status('Innodb_row_lock_current_waits');
const connections = () => status('Threads_connected');

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

function portOf(listening: Server): number {
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
