import type { Command } from 'commander';
import { queryLake } from '../lake/lake.ts';
import type { QueryResult } from '../lake/query-result.ts';
import { mysqlUrl } from '../mysql/mysql.ts';
import { queryMysql } from '../mysql/query-mysql.ts';
import { chosenTarget, type TargetOptions } from '../options/chosen-target.ts';
import { integer, Progress, printable, printableJson, table } from '../terminal/terminal.ts';

export function query(program: Command): void {
  program
    .command('query')
    .description(
      'run SQL over the lake, and over rejects and objects: what was rejected, and each object version',
    )
    .argument('<sql>', 'a statement, e.g. "select difficulty, count(*) from recipes group by 1"')
    .option('--mysql', 'instead: over the tables in MySQL, of MYSQL_URL or the local cloud')
    .option('--json', 'as JSON: an array of objects')
    .action(async (sql: string, options: { mysql?: boolean; json?: boolean }) => {
      const show = (result: QueryResult) =>
        console.log(options.json ? renderJson(result) : renderTable(result));
      if (options.mysql) {
        show(await queryMysql(mysqlUrl(program.opts<TargetOptions>(), 'read'), sql));
        return;
      }
      const target = await chosenTarget(program);
      const progress = new Progress();
      const result = await queryLake(target, sql, (text) => progress.show(text)).finally(() =>
        progress.end(),
      );
      show(result);
      if (result.problems === undefined || result.problems.length === 0) return;
      for (const problem of result.problems) console.error(printable(problem));
      process.exitCode = 1;
    });
}

/** The result as a table, with the number of rows below it. */
export function renderTable({ columns, rows }: QueryResult): string {
  const text = table(
    rows,
    columns.map(({ name, numeric }, i) => ({
      title: printable(name),
      value: (row) => cell(row[i]),
      align: numeric ? 'right' : 'left',
    })),
  );
  return `${text}\n(${integer(rows.length)} ${rows.length === 1 ? 'row' : 'rows'})`;
}

function renderJson({ columns, rows }: QueryResult): string {
  return printableJson(
    rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]]))),
    2,
  );
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? printable(value) : printableJson(value);
}
