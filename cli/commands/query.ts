import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { longOf } from '../../domain/long.ts';
import { queryLake } from '../lake/lake.ts';
import type { QueryResult } from '../lake/query-result.ts';
import type { At } from '../lake/tables/snapshots.ts';
import { describeUnseen } from '../lake/tables/unseen.ts';
import { mysqlUrl } from '../mysql/mysql.ts';
import { queryMysql } from '../mysql/query-mysql.ts';
import { chosenTarget, stackOption, type TargetOptions } from '../options/chosen-target.ts';
import { pointInTime } from '../options/options.ts';
import { csvLine } from '../terminal/csv.ts';
import { renderRows } from '../terminal/rows.ts';
import { Progress, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface QueryOptions {
  readonly mysql?: boolean;
  readonly at?: At;
  readonly file?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly expanded?: boolean;
}

export function query(program: Command): void {
  program
    .command('query')
    .description(
      'run SQL over the lake, and over rejects and objects: what was rejected, and each object version',
    )
    .argument(
      '[sql]',
      'one statement that reads, e.g. "select difficulty, count(*) from recipes group by 1"; - reads it from standard input',
    )
    .option('-f, --file <file>', 'instead: the statement in this file')
    .option('--mysql', 'instead: over the tables in MySQL, of MYSQL_URL or the local cloud')
    .addOption(
      new Option(
        '--at <snapshot>',
        'of the tables as they were: in a snapshot that sluice snapshots lists, or at a time, e.g. 2026-11-22T10:00:00Z or 12h before now; this machine answers, even if the stack has a warehouse',
      )
        .argParser(snapshotOrTime)
        .conflicts('mysql'),
    )
    .addOption(new Option('--csv', 'as CSV').conflicts(['json', 'expanded']))
    .addOption(
      new Option(
        '--expanded',
        'a line for each value; by default, if the rows are wider than the terminal',
      ).conflicts('json'),
    )
    .option('--json', 'as JSON: an array of objects')
    .action(async (asked: string | undefined, options: QueryOptions) => {
      const sql = await statement(asked, options.file);
      if (options.mysql) {
        show(await queryMysql(mysqlUrl(program.opts<TargetOptions>(), 'read'), sql), options);
        return;
      }
      const target = await chosenTarget(program);
      const progress = new Progress();
      const { at } = options;
      const result = await queryLake(target, sql, (text) => progress.show(text), at && { at }).finally(() =>
        progress.end(),
      );
      show(result, options);
      for (const each of result.unseen ?? []) console.error(describeUnseen(each, stackOption(target)));
      for (const problem of result.problems ?? []) console.error(printable(problem));
      if ((result.problems ?? []).length > 0) process.exitCode = 1;
    });
}

/** Only digits are a snapshot's id. @throws {InvalidArgumentError} */
function snapshotOrTime(text: string): At {
  if (/^\d+$/.test(text)) return { snapshot: longOf(BigInt(text)) };
  try {
    return { time: pointInTime(text) };
  } catch {
    throw new InvalidArgumentError(
      'Expected the id of a snapshot, a date or time, such as 2026-11-22T10:00:00Z, or a duration before now, such as 12h.',
    );
  }
}

/** @throws {UserError} unless exactly one place has the statement */
async function statement(asked: string | undefined, file: string | undefined): Promise<string> {
  if ((asked === undefined) === (file === undefined))
    throw new UserError('Give the statement once: as an argument, with --file, or - for standard input.');
  if (asked === '-') return text(process.stdin);
  if (file === undefined) return asked ?? '';
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new UserError(`${file} can't be read: ${error.message}`);
  });
}

function show(result: QueryResult, { json, csv, expanded }: QueryOptions): void {
  if (json) console.log(renderJson(result));
  else if (csv) process.stdout.write(renderCsv(result));
  else console.log(renderRows(result, expanded));
}

function renderCsv({ columns, rows }: QueryResult): string {
  const value = (each: unknown) => {
    if (each === null || each === undefined) return '';
    return typeof each === 'number' || typeof each === 'string' ? each : JSON.stringify(each);
  };
  const lines = rows.map((row) => csvLine(row.map(value), (i) => columns[i]?.numeric ?? false));
  return [csvLine(columns.map(({ name }) => name)), ...lines].join('');
}

function renderJson({ columns, rows }: QueryResult): string {
  return printableJson(
    rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]]))),
    2,
  );
}
