import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import * as z from 'zod';
import { recipes } from '../../datasets/recipes.ts';
import { allMysqlTables, createTableSql, mysqlTables } from '../../domain/tables/mysql.ts';
import { startMysqlServer } from '../mysql/mysql-server.ts';
import { runAsFunction } from './children/child.ts';
import { writeRecipes } from './inputs/recipes-file.ts';
import { processorMs } from './processor-time.ts';
import { median, type Section, seconds, thousands } from './section.ts';

const RECORDS = 200_000;
/** One row a statement takes so long that a part has to stand for the whole. */
const SAMPLE = 2000;
const run = z.object({
  ms: z.number(),
  /** Of the client. */
  processorMs: z.number(),
  rows: z.int(),
  children: z.int(),
  peakMb: z.number(),
});
type Run = z.infer<typeof run> & { readonly serverMs: number };

/** A server that is no bottleneck by being small, and loses nothing when it fails; the same for all. */
const settings = [
  'local_infile=1',
  'innodb_buffer_pool_size=1G',
  'innodb_log_file_size=1G',
  'innodb_flush_log_at_trx_commit=1',
  'max_allowed_packet=64M',
];

/** The rows of a large object, with those of their lists, into MySQL. */
export const mysql: Section = {
  name: 'mysql',
  async run({ directory, runs, onProgress }) {
    const input = await writeRecipes(join(directory, 'mysql.ndjson'), { records: RECORDS, form: 'ndjson' });
    const server = await startMysqlServer(settings);
    const found = new Map<string, Run[]>();
    try {
      for (let round = 1; round <= runs; round += 1) {
        const measure = async (name: string, how: string, records: number, fresh: boolean) => {
          onProgress(`${name}, run ${round} of ${runs}`);
          if (fresh) await createTables(server.url);
          const args = [how, server.url, input.path, String(records)];
          const results = found.get(name) ?? [];
          found.set(name, results);
          const before = processorMs(server.pid ?? 0);
          const result = run.parse(await runAsFunction(directory, 'mysql-child.ts', args));
          results.push({ ...result, serverMs: processorMs(server.pid ?? 0) - before });
          await checkRows(server.url, name, result);
        };
        // By turns, so that what the machine does besides falls on each.
        const ours = async () => {
          await measure('first', 'ours', RECORDS, true);
          await measure('again', 'ours', RECORDS, false);
        };
        const theirs = () => measure('loadData', 'load-data', RECORDS, true);
        await (round % 2 === 1 ? ours() : theirs());
        await (round % 2 === 1 ? theirs() : ours());
        await measure('oneRow', 'one-row', SAMPLE, true);
      }
    } finally {
      await server.close();
    }
    const of = (name: string) => found.get(name) ?? [];
    /** For a record, whatever the number of records was. Milliseconds. */
    const pace = (name: string) => median(of(name).map(({ ms, rows }) => ms / rows));
    const first = of('first')[0];
    const rows = first?.rows ?? 0;
    const all = rows + (first?.children ?? 0);
    /** The processor time for a record: of the client, and of the server. Milliseconds. */
    const client = (name: string) => median(of(name).map((each) => each.processorMs / each.rows));
    const ofServer = (name: string) => median(of(name).map(({ serverMs, rows }) => serverMs / rows));
    const work = (name: string) => client(name) + ofServer(name);
    const row = (title: string, name: string) => [
      title,
      seconds(pace(name) * rows),
      thousands(1000 / pace(name)),
      thousands((1000 / pace(name)) * (all / rows)),
      seconds(client(name) * rows),
      seconds(ofServer(name) * rows),
      (work(name) / work('loadData')).toFixed(2),
      `${Math.round(median(of(name).map(({ peakMb }) => peakMb)))} MB`,
    ];
    return {
      title: `${thousands(rows)} recipes into MySQL`,
      columns: [
        '',
        'median',
        'recipes/s',
        'rows/s in all',
        'processor time of the client',
        'of the server',
        '× LOAD DATA’s, together',
        'peak memory',
      ],
      rows: [
        row('Sluice', 'first'),
        row('Sluice, the same rows again', 'again'),
        row('LOAD DATA LOCAL INFILE', 'loadData'),
        row('One row a statement (mysql2, prepared)', 'oneRow'),
      ],
      notes: [
        `${thousands(all)} rows with those of the lists, ${runs} runs by turns, each in a process of its own with the heap of a function of 512 MB, on the same server beside it, in transactions of 20,000 recipes. Reading and transforming the input is not timed.`,
        `One row a statement was measured with ${thousands(SAMPLE)} recipes and scaled up; over a network, each of its statements would wait for an answer.`,
        'LOAD DATA knows neither whether rows are there nor which have changed, and takes wrong values without a word.',
        `Against one row a statement: ${(pace('oneRow') / pace('first')).toFixed(1)} ×. The same rows again: ${(pace('first') / pace('again')).toFixed(1)} × as fast as the first time.`,
      ],
      values: {
        ofLoadData: pace('loadData') / pace('first'),
        processorTimesLoadData: work('first') / work('loadData'),
        timesOneRow: pace('oneRow') / pace('first'),
        timesAgain: pace('first') / pace('again'),
        peakMb: Math.max(...of('first').map(({ peakMb }) => peakMb)),
      },
    };
  },
};

const tables = allMysqlTables([recipes]);

/** @throws {Error} when the tables have other rows than were sent */
async function checkRows(url: string, name: string, { rows, children }: z.infer<typeof run>): Promise<void> {
  const connection = await createConnection({ uri: url });
  const { table, lists } = mysqlTables(recipes);
  const names = [table, ...lists.map((list) => list.table)].map((each) => each.name);
  const counts = names.map((name) => `(SELECT COUNT(*) FROM ${name})`);
  const [[found]] = await connection.query<RowDataPacket[][]>({
    sql: `SELECT ${counts.join(' + ')}`,
    rowsAsArray: true,
  });
  await connection.end();
  const [stored] = found ?? [];
  if (Number(stored) !== rows + children)
    throw new Error(`${name}: ${rows + children} rows were sent, and the tables have ${stored}.`);
}

async function createTables(url: string): Promise<void> {
  const connection = await createConnection({ uri: url });
  for (const table of tables) {
    await connection.query(`DROP TABLE IF EXISTS ${table.name}`);
    await connection.query(createTableSql(table));
  }
  await connection.end();
}
