// Loads recipes into MySQL in one of three ways, in this process: mysql-child <ours|one-row|load-data> <url>
// <input> <records>
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type Connection, createConnection } from 'mysql2/promise';
import { recipes } from '../../../datasets/recipes.ts';
import { processRecord } from '../../../domain/records/processing.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import type { NumberedRow } from '../../../domain/tables/encoded-row.ts';
import { objectHash } from '../../../domain/tables/row-identity.ts';
import { openMysql } from '../../../mysql/connection.ts';
import { MysqlTableStore } from '../../../mysql/mysql-table-store.ts';

/** As many as the loading stage gets in one file at most. */
const FILE_RECORDS = 20_000;
const SEQUENCER = '0066F1D0B1A2C3D4E5';
const KEY = 'recipes/bench.ndjson';

const [, , how = '', url = '', input = '', records = ''] = process.argv;
const object = objectHash(KEY);
let ms = 0;
let processorMs = 0;
let rows = 0;
let children = 0;

const load = await loader();
for await (const file of files(Number(records))) {
  const [startedAt, before] = [performance.now(), process.cpuUsage()];
  await load(file);
  ms += performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  processorMs += (user + system) / 1000;
  rows += file.length;
  for (const { row } of file)
    children += list(row, 'ingredients').length + list(row, 'directions').length + list(row, 'tags').length;
}
const peakMb = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ ms, processorMs, rows, children, peakMb }));
process.exit();

/** The rows of one file after the other; reading and transforming them is not timed. */
async function* files(limit: number): AsyncGenerator<NumberedRow[]> {
  let file: NumberedRow[] = [];
  let record = 0;
  for await (const line of createInterface({ input: createReadStream(input) })) {
    if (record === limit) break;
    record += 1;
    const bytes = Buffer.from(line);
    const raw = { bytes, length: bytes.length, unterminated: false };
    const made = processRecord(recipes, raw, { key: KEY, recordNumber: record });
    if (!('row' in made)) continue;
    file.push({ record, row: made.row });
    if (file.length === FILE_RECORDS) {
      yield file;
      file = [];
    }
  }
  if (file.length > 0) yield file;
}

async function loader(): Promise<(file: readonly NumberedRow[]) => Promise<unknown>> {
  if (how === 'ours') {
    const store = new MysqlTableStore(() => openMysql({ url }));
    return (rows) => store.load({ dataset: recipes, key: KEY, sequencer: SEQUENCER, versionId: 'v1', rows });
  }
  const connection = await createConnection({ uri: url, charset: 'utf8mb4_bin', flags: ['+LOCAL_FILES'] });
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  return async (file) => {
    await connection.query('START TRANSACTION');
    if (how === 'one-row') await oneRowAStatement(connection, file);
    else await loadData(connection, file);
    await connection.query('COMMIT');
  };
}

/** As one writes it first: a prepared statement for each row of each table. */
async function oneRowAStatement(connection: Connection, file: readonly NumberedRow[]): Promise<void> {
  const id = Buffer.from(object, 'hex');
  for (const { record, row } of file) {
    await connection.execute(
      'INSERT INTO recipes (_object,_record,_sequencer,_hash,recipe_id,title,complexity_score,difficulty,time_estimate_s) VALUES (?,?,?,?,?,?,?,?,?)',
      [id, record, SEQUENCER, Buffer.alloc(16), ...scalars(row)],
    );
    for (const column of ['ingredients', 'directions', 'tags']) {
      for (const [i, value] of list(row, column).entries())
        await connection.execute(`INSERT INTO recipes_${column} VALUES (?,?,?,?)`, [
          id,
          record,
          i + 1,
          value,
        ]);
    }
  }
}

/** What the server reads fastest: tab-separated text, for each table. */
async function loadData(connection: Connection, file: readonly NumberedRow[]): Promise<void> {
  await send(
    connection,
    'recipes',
    '@o,_record,_sequencer,@h,recipe_id,title,complexity_score,difficulty,time_estimate_s',
    ', _hash = UNHEX(@h)',
    function* () {
      for (const { record, row } of file) yield [object, record, SEQUENCER, '0'.repeat(32), ...scalars(row)];
    },
  );
  for (const column of ['ingredients', 'directions', 'tags']) {
    await send(connection, `recipes_${column}`, '@o,_record,position,value', '', function* () {
      for (const { record, row } of file)
        for (const [i, value] of list(row, column).entries()) yield [object, record, i + 1, value];
    });
  }
}

async function send(
  connection: Connection,
  table: string,
  columns: string,
  more: string,
  lines: () => Generator<readonly unknown[]>,
): Promise<void> {
  function* chunks(): Generator<Buffer> {
    let text = '';
    for (const line of lines()) {
      text += `${line.join('\t')}\n`;
      if (text.length < 1 << 16) continue;
      yield Buffer.from(text);
      text = '';
    }
    yield Buffer.from(text);
  }
  await connection.query({
    sql: `LOAD DATA LOCAL INFILE 'rows' INTO TABLE ${table} CHARACTER SET utf8mb4 (${columns}) SET _object = UNHEX(@o)${more}`,
    infileStreamFactory: () => Readable.from(chunks()),
  });
}

function scalars(row: Row): string[] {
  return [
    row['recipe_id'],
    row['title'],
    row['complexity_score'],
    row['difficulty'],
    row['time_estimate_s'],
  ].map(String);
}

function list(row: Row, column: string): readonly string[] {
  return row[column] as readonly string[];
}
