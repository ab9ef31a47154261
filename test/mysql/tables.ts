import type { Connection } from 'mysql2/promise';
import * as z from 'zod';
import { type Dataset, defineDataset } from '../../domain/dataset.ts';
import { binary, decimal, int64, time } from '../../domain/fields.ts';
import { longOf, parseJson } from '../../domain/long.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { allMysqlTables, createTableSql, createViewSql, mysqlTables } from '../../domain/tables/mysql.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import { openMysql } from '../../mysql/connection.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { startMysqlServer } from './mysql-server.ts';

/** A dataset with a column of every type, and lists of each kind. */
export const things = defineDataset({
  name: 'things',
  source: { prefix: 'things/', format: 'json' },
  record: z.unknown(),
  transform: (record) => record as Row as never,
  row: z.object({
    id: z.string(),
    kind: z.string(),
    note: z.string().nullable(),
    small: z.int32().nullable(),
    large: z.int().nullable(),
    id64: int64().nullable(),
    price: decimal(9, 2).nullable(),
    total: decimal(38, 10).nullable(),
    ratio: z.number().nullable(),
    fresh: z.boolean().nullable(),
    day: z.iso.date().nullable(),
    at: z.iso.datetime().nullable(),
    opens: time().nullable(),
    bytes: binary().nullable(),
    words: z.array(z.string()),
    marks: z.array(z.int32().nullable()).nullable(),
    sizes: z.array(z.object({ name: z.string(), width: z.number().nullable() })),
    sums: z.array(decimal(18, 2)),
    place: z.object({ x: z.number(), y: z.number() }).nullable(),
  }),
  key: ['id'],
  partitionBy: ['kind'],
  onDelete: 'retract',
  onReject: 'keep',
});

export const thing = (id: string, more: Row = {}): Row => ({
  id,
  kind: 'plain',
  note: null,
  small: null,
  large: null,
  id64: null,
  price: null,
  total: null,
  ratio: null,
  fresh: null,
  day: null,
  at: null,
  opens: null,
  bytes: null,
  words: [],
  marks: null,
  sizes: [],
  sums: [],
  place: null,
  ...more,
});

/** Numbers rows as an object's records, from 1. */
export const numbered = (...rows: readonly Row[]) => rows.map((row, i) => ({ record: i + 1, row }));

export async function createTables(connection: Connection, datasets: readonly Dataset[]): Promise<void> {
  const tables = allMysqlTables(datasets);
  for (const table of tables) await connection.query(createTableSql(table));
  for (const view of tables.flatMap((table) => createViewSql(table) ?? [])) await connection.query(view);
}

export async function emptyTables(connection: Connection, datasets: readonly Dataset[]): Promise<void> {
  for (const { name } of allMysqlTables(datasets)) await connection.query(`DELETE FROM ${name}`);
}

/** An object's rows as they were before they were stored, each with its record and its sequencer. */
export async function storedRows(
  connection: Connection,
  dataset: Dataset,
  key: string,
): Promise<{ record: number; sequencer: string; row: Row }[]> {
  const { table, values, lists } = mysqlTables(dataset);
  const ask = async (name: string, order: string) => {
    const [rows] = await connection.query({
      sql: `SELECT * FROM ${name} WHERE _object = x'${objectHash(key)}' ORDER BY ${order}`,
      typeCast: (field, next) => {
        // The driver itself reads a few of them wrong in the last digit.
        if (field.type === 'DOUBLE') {
          const digits = field.string();
          return digits === null ? null : Number(digits);
        }
        if (field.type === 'LONGLONG') {
          const digits = field.string();
          return digits === null ? null : longOf(BigInt(digits));
        }
        // The driver would round the numbers in it.
        const { extendedFormat } = field as { readonly extendedFormat?: string };
        if (field.type === 'JSON' || extendedFormat === 'json') return field.string('utf8');
        const text = field.type === 'TINY' || field.type === 'DATE' || field.type === 'DATETIME';
        return text ? field.string() : next();
      },
    });
    return rows as Record<string, unknown>[];
  };
  const elements = await Promise.all(lists.map((list) => ask(list.table.name, '_record, position')));
  return (await ask(table.name, '_record')).map((stored) => {
    const row: Record<string, unknown> = {};
    for (const { name, kind, type } of values) {
      const value = stored[name];
      if (kind === 'list' && type !== 'JSON') continue;
      if (value === null) row[name] = null;
      else if (kind === 'boolean') row[name] = value === '1';
      else if (kind === 'timestamp') row[name] = `${String(value).replace(' ', 'T')}Z`;
      else if (kind === 'binary') row[name] = (value as Buffer).toString('base64');
      else if (type === 'JSON') row[name] = typeof value === 'string' ? parseJson(value) : value;
      else row[name] = value;
    }
    for (const [i, list] of lists.entries()) {
      const own = (elements[i] ?? []).filter(({ _record }) => _record === stored['_record']);
      const absent = stored[`${list.column}_count`] === null;
      row[list.column] = absent
        ? null
        : own.map((element) =>
            list.ofStructs
              ? Object.fromEntries(list.values.map(({ name }) => [name, element[name]]))
              : element['value'],
          );
    }
    return { record: Number(stored['_record']), sequencer: String(stored['_sequencer']), row };
  });
}

/** A server with the tables of `things`, a connection to look into them, and a store that writes them. */
export async function startThings() {
  const server = await startMysqlServer();
  const look = await openMysql({ url: server.url });
  await createTables(look, [things]);
  const store = new MysqlTableStore(() => openMysql({ url: server.url }));
  const close = async () => {
    await store.close();
    await look.end();
    await server.close();
  };
  return { server, look, store, close };
}
