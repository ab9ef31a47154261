import { parquetSchema, type RowGroup, type SchemaTree } from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getTreePath } from 'hyparquet/src/schema.js';
import { decoded, fault, shown, twice } from '../as-json/fault.ts';
import { BATCH_BYTES, checkExpansion, RowText, recordOf } from '../as-json/row-text.ts';
import { type CutRecords, FIRST, type Place } from '../position.ts';
import type { RawRecord } from '../record.ts';
import type { Source } from '../source.ts';
import { Budget, ColumnReader } from './column.ts';
import { footerOf } from './footer.ts';
import { type Node, nodesOf } from './nodes.ts';

/** How much all pages that are open at a time may take: a function of 512 MB has room for it. */
const MAX_HELD_BYTES = 96 * 1024 * 1024;
/** How many rows are made at once, unless they have more than `BATCH_BYTES`. */
const BATCH_ROWS = 500;
/** How many columns are read from the object at once. */
const READS_AT_ONCE = 16;

/**
 * Reads a Parquet file of any size, and writes each row as a record of JSON, as docs/data-path.md says. It
 * reads the footer first, and then each row group, a page of each column at a time.
 *
 * Memory: a page and a megabyte of each column, `MAX_HELD_BYTES` at most; not the size of a row group.
 *
 * @param from the row groups before it are not read
 * @throws {PermanentError} if the file can't be read (further), after every row before that point was yielded
 */
export async function* splitParquet(open: Source, from: Place = FIRST): AsyncGenerator<CutRecords> {
  // How far it was read: row groups can have the same pages.
  let furthest = 0;
  const source: Source = (range) => {
    if (range !== undefined && 'end' in range) furthest = Math.max(furthest, range.end);
    return open(range);
  };
  const metadata = await footerOf(source);
  const nodes = nodesOf(metadata);
  const names = nodes.map(({ name }) => name);
  const double = twice(names);
  if (double !== undefined)
    throw fault(
      'unknown_format',
      `The Parquet file has two columns ${shown(double)}. Write it again with other names.`,
    );
  const root = { children: nodes.map(({ tree }) => tree), ...rootOf(parquetSchema(metadata)) };
  let produced = 0;
  let records = 0;
  for (const group of metadata.row_groups) {
    const at = { offset: 0, records };
    records += Number(group.num_rows);
    if (records <= from.records) continue;
    let skip = 0;
    for await (const pieces of rowsOf(group, nodes, root, source)) {
      produced += pieces.reduce((sum, { length }) => sum + length, 0);
      checkExpansion('Parquet', produced, furthest);
      yield { pieces, at, skip, end: 0 };
      skip += pieces.length;
    }
  }
}

const rootOf = ({ element, path, count }: SchemaTree) => ({ element, path, count });

async function* rowsOf(
  group: RowGroup,
  nodes: readonly Node[],
  root: SchemaTree,
  open: Source,
): AsyncGenerator<RawRecord[]> {
  // It need not have pages then.
  if (Number(group.num_rows) === 0) return;
  const budget = new Budget(MAX_HELD_BYTES, group.columns.length);
  const columns = decoded('in its footer', () => columnsOf(group, root, open, budget));
  for (const { name } of nodes)
    if (!columns.some(({ path }) => path[0] === name))
      throw fault('corrupt_file', `A row group of the Parquet file has no column ${name}.`);
  const all = columns.map(({ reader }) => reader);
  for (let left = Number(group.num_rows); left > 0; ) {
    await readWhereEmpty(all);
    const count = Math.min(BATCH_ROWS, left, ...all.map(({ length }) => length));
    if (count === 0)
      throw fault('corrupt_file', `A row group of the Parquet file ends ${left} rows too early.`);
    const batches = recordsOf(nodes, columns, count);
    for (let next = batchOf(batches); !next.done; next = batchOf(batches)) yield next.value;
    left -= count;
  }
  if (all.some((reader) => reader.length > 0 || !reader.isAtEnd))
    throw fault('corrupt_file', 'A row group of the Parquet file has more values than rows.');
}

interface Column {
  readonly path: readonly string[];
  readonly reader: ColumnReader;
}

function columnsOf({ columns }: RowGroup, root: SchemaTree, open: Source, budget: Budget): readonly Column[] {
  return columns.flatMap(({ meta_data: leaf }) =>
    leaf === undefined
      ? []
      : {
          path: leaf.path_in_schema,
          reader: new ColumnReader(leaf, getTreePath(root, leaf.path_in_schema), open, budget),
        },
  );
}

async function readWhereEmpty(readers: readonly ColumnReader[]): Promise<void> {
  const empty = readers.filter((reader) => reader.length === 0 && !reader.isAtEnd);
  for (let i = 0; i < empty.length; i += READS_AT_ONCE)
    await Promise.all(empty.slice(i, i + READS_AT_ONCE).map((reader) => reader.read()));
}

const batchOf = (batches: Generator<RawRecord[]>) => decoded('in its rows', () => batches.next());

function* recordsOf(
  nodes: readonly Node[],
  columns: readonly Column[],
  count: number,
): Generator<RawRecord[]> {
  const values = nodes.map((node) => ({ ...node, rows: rowsIn(node, columns, count) }));
  const starts = nodes.map(({ name }, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`);
  const rowOf = (row: number) => {
    const of = new RowText();
    let text = '{';
    values.forEach(({ write, rows }, i) => {
      text += starts[i] + write(rows[row], of);
    });
    return recordOf(`${text}}`, of.raw);
  };
  let batch: RawRecord[] = [];
  let bytes = 0;
  for (let row = 0; row < count; row += 1) {
    try {
      const record = rowOf(row);
      batch.push(record);
      bytes += record.length;
    } catch (error) {
      if (batch.length > 0) yield batch;
      throw error;
    }
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** The next values of a column with all that is in it. */
function rowsIn({ name, tree }: Node, columns: readonly Column[], count: number): ArrayLike<unknown> {
  const within = columns.filter(({ path }) => path[0] === name);
  const taken = new Map(within.map(({ path, reader }) => [path.join('.'), reader.take(count)]));
  // The library knows a leaf by these names. A field `b.c` looks like the field `c` of a struct `b`.
  if (taken.size < within.length)
    throw fault(
      'unknown_format',
      `The column ${shown(name)} of the Parquet file has fields that can’t be told apart, since names have points. Write it again with other names.`,
    );
  if (tree.children.length > 0) assembleNested(taken as Map<string, never>, tree, DEFAULT_PARSERS);
  const rows = taken.get(name);
  if (rows?.length !== count) throw new Error(`the column ${name} has another number of rows`);
  return rows;
}
