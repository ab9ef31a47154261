import { stripVTControlCharacters } from 'node:util';
import type { QueryResult } from '../lake/query-result.ts';
import { folded } from './fit.ts';
import { count, integer, lineWidth, printable, printableJson, styled, table, width } from './terminal.ts';

type Rows = Pick<QueryResult, 'columns' | 'rows'>;

/** Rows as a table, or each as a block of lines, if that is asked for or a table is too wide. */
export function renderRows(result: Rows, expanded = false): string {
  return expanded || isTooWide(result) ? renderExpanded(result) : renderTable(result);
}

/** Whether rows would be broken on this terminal. */
function isTooWide(result: Rows): boolean {
  const lines = stripVTControlCharacters(renderTable(result, Number.POSITIVE_INFINITY)).split('\n');
  return lines.some((line) => width(line) > lineWidth());
}

/** Each row as a block of lines, one for each value. */
export function renderExpanded({ columns, rows }: Rows): string {
  const names = columns.map(({ name }) => printable(name));
  const widest = Math.max(0, ...names.map(width));
  const indent = ' '.repeat(widest + 2);
  const blocks = rows.map((row, n) => {
    const lines = names.map((name, i) => {
      const value = folded(cell(row[i]), lineWidth(), indent).slice(indent.length);
      return `${name}${' '.repeat(widest - width(name))}  ${value}`;
    });
    return [styled('bold', `row ${integer(n + 1)}`), ...lines].join('\n');
  });
  return [...blocks, countOf(rows)].join('\n');
}

const countOf = (rows: QueryResult['rows']) => `(${count(rows.length, 'row')})`;

/** The result as a table, with the number of rows below it. */
export function renderTable({ columns, rows }: Rows, room = lineWidth()): string {
  const shown = table(
    rows,
    columns.map(({ name, numeric }, i) => ({
      title: printable(name),
      value: (row) => cell(row[i]),
      align: numeric ? 'right' : 'left',
    })),
    room,
  );
  return `${shown}\n${countOf(rows)}`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? printable(value) : printableJson(value);
}
