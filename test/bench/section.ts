import { availableParallelism, cpus, totalmem } from 'node:os';

/** What the benchmark was asked for. */
export interface BenchOptions {
  /** For inputs, outputs and the local cloud's state; removed at the end. */
  readonly directory: string;
  /** How often each comparison runs; medians are shown. */
  readonly runs: number;
  /** How large the huge object is. */
  readonly bytes?: number;
  /** How many objects a backfill has. */
  readonly objects?: number;
  /** Whether the local cloud is killed in the middle of it, however short it is. */
  readonly kill?: boolean;
  /** Tells how far it is. */
  readonly onProgress: (line: string) => void;
}

/** One part of the benchmark, in a file of its own. */
export interface Section {
  readonly name: string;
  /** Whether it runs only when it is asked for by name. */
  readonly onRequest?: boolean;
  run(options: BenchOptions): Promise<Result>;
}

export interface Result {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What the numbers say and what they don't, a sentence each. */
  readonly notes: readonly string[];
  /** The numbers that other programs look at. */
  readonly values: Readonly<Record<string, number>>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (i: number) => sorted[i] ?? Number.NaN;
  return Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle));
}

/** The section as Markdown, which is also readable on a terminal. */
export function markdown({ title, columns, rows, notes }: Result): string {
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [
    `## ${title}`,
    '',
    line(columns),
    rule,
    ...rows.map(line),
    '',
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

export function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores of ${model}, ${memory} GB, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
export const thousands = (value: number): string => Math.round(value).toLocaleString('en');
export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
