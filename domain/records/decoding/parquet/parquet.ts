import { parquetSchema, type RowGroup, type SchemaTree } from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getTreePath } from 'hyparquet/src/schema.js';
import { EXCERPT_BYTES, MAX_RECORD_BYTES, type RawRecord } from '../record.ts';
import type { Source } from '../source.ts';
import { Budget, ColumnReader } from './column.ts';
import { decoded, fault } from './fault.ts';
import { footerOf } from './footer.ts';
import { type Node, nodesOf, RAW } from './nodes.ts';

/** How much all pages that are open at a time may take: a function of 512 MB has room for it. */
const MAX_HELD_BYTES = 96 * 1024 * 1024;
/** How many rows are made at once. */
const BATCH_ROWS = 500;
/** How many columns are read from the object at once. */
const READS_AT_ONCE = 16;

/**
 * Reads a Parquet file of any size, and writes each row as a record of JSON, as docs/data-path.md says. It
 * reads the footer first, and then each row group, a page of each column at a time.
 *
 * Memory: a page and a megabyte of each column, `MAX_HELD_BYTES` at most; not the size of a row group.
 *
 * @throws {PermanentError} if the file can't be read (further), after every row before that point was yielded
 */
export async function* splitParquet(open: Source): AsyncGenerator<RawRecord[]> {
  const metadata = await footerOf(open);
  const nodes = nodesOf(metadata);
  const names = nodes.map(({ name }) => name);
  if (new Set(names).size < names.length)
    throw fault('unknown_format', `The Parquet file has columns of the same name: ${names.join(', ')}.`);
  const root = { children: nodes.map(({ tree }) => tree), ...rootOf(parquetSchema(metadata)) };
  for (const group of metadata.row_groups) yield* rowsOf(group, nodes, root, open);
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
  const budget = new Budget(MAX_HELD_BYTES);
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
    yield decoded('in its rows', () => recordsOf(nodes, columns, count));
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

function recordsOf(nodes: readonly Node[], columns: readonly Column[], count: number): RawRecord[] {
  const values = nodes.map((node) => ({ ...node, rows: rowsIn(node, columns, count) }));
  const starts = nodes.map(({ name }, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`);
  return Array.from({ length: count }, (_, row) => {
    const raw: Uint8Array[] = [];
    let text = '{';
    values.forEach(({ write, rows }, i) => {
      text += starts[i] + write(rows[row], raw);
    });
    return recordOf(`${text}}`, raw);
  });
}

/** The next values of a column with all that is in it. */
function rowsIn({ name, tree }: Node, columns: readonly Column[], count: number): ArrayLike<unknown> {
  const within = columns.filter(({ path }) => path[0] === name);
  const taken = new Map(within.map(({ path, reader }) => [path.join('.'), reader.take(count)]));
  if (tree.children.length > 0) assembleNested(taken as Map<string, never>, tree, DEFAULT_PARSERS);
  const rows = taken.get(name);
  if (rows?.length !== count) throw new Error(`the column ${name} has another number of rows`);
  return rows;
}

function recordOf(text: string, raw: readonly Uint8Array[]): RawRecord {
  const bytes =
    raw.length === 0
      ? Buffer.from(text)
      : Buffer.concat(text.split(RAW).flatMap((piece, i) => [Buffer.from(piece), raw[i] ?? Buffer.alloc(0)]));
  const { length } = bytes;
  return {
    bytes: length > MAX_RECORD_BYTES ? bytes.subarray(0, EXCERPT_BYTES) : bytes,
    length,
    unterminated: false,
  };
}
