import type { Column } from '../../../domain/columns.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { TestTable } from './test-table.ts';

/** A table and what every reader must find in it. */
export interface Expected {
  readonly name: string;
  readonly table: TestTable;
  readonly columns: readonly Column[];
  /** In the order of `id`. */
  readonly rows: readonly Row[];
}

/** Whether a struct can be missing: the Parquet reader that icebird brings along can't read one that can. */
export type Structs = 'nullable' | 'required';

const firstOf = (structs: Structs): Column[] => [
  { name: 'id', type: { kind: 'int32' }, nullable: false },
  { name: 'kind', type: { kind: 'string' }, nullable: true },
  { name: 'day', type: { kind: 'date' }, nullable: false },
  { name: 'at', type: { kind: 'timestamp' }, nullable: true },
  { name: 'score', type: { kind: 'double' }, nullable: true },
  { name: 'good', type: { kind: 'boolean' }, nullable: false },
  { name: 'big', type: { kind: 'int64' }, nullable: false },
  { name: 'note', type: { kind: 'string' }, nullable: true },
  {
    name: 'tags',
    type: { kind: 'list', element: { kind: 'string' }, nullable: true },
    nullable: true,
  },
  {
    name: 'size',
    type: {
      kind: 'struct',
      fields: [
        { name: 'height', type: { kind: 'double' }, nullable: true },
        { name: 'seen', type: { kind: 'timestamp' }, nullable: false },
      ],
    },
    nullable: structs === 'nullable',
  },
];

/** `id` is wider, `note` is called remark, `good` is gone, `added` is new. */
const secondOf = (first: readonly Column[]): Column[] => [
  { name: 'id', type: { kind: 'int64' }, nullable: false },
  ...first.slice(1, 5),
  ...first.slice(6, 7),
  { name: 'remark', type: { kind: 'string' }, nullable: true },
  ...first.slice(8),
  { name: 'added', type: { kind: 'int32' }, nullable: false },
];

const days = ['1969-12-31', '2026-11-27'];

function rowOf(id: number, structs: Structs): Row {
  const day = days[id % 2] as string;
  return {
    id,
    kind: ['easy', 'schön & 😀', null][id % 3] ?? null,
    day,
    at: id % 5 === 0 ? null : `${day}T12:00:00.${String(id).padStart(3, '0')}Z`,
    score: id % 7 === 0 ? null : id / 4 - 10,
    good: id % 2 === 0,
    big: (id - 20) * 2 ** 40,
    note: id % 4 === 0 ? null : `a note of ${'more than sixteen letters '.repeat(id % 3)}${id}`,
    tags: id % 6 === 0 ? null : Array.from({ length: id % 4 }, (_, i) => (i === 2 ? null : `tag ${i}`)),
    size:
      structs === 'nullable' && id % 3 === 1
        ? null
        : { height: id % 2 ? null : id, seen: '9999-12-31T23:59:59.999Z' },
  };
}

function asSecond({ note, good: _, ...rest }: Row, added: number | null = null): Row {
  return { ...rest, remark: note ?? null, added };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** One data file for each partition of the rows. */
function write(table: TestTable, rows: readonly Row[]) {
  const groups = Map.groupBy(rows, ({ kind, day }) => JSON.stringify([kind, day]));
  return [...groups.values()].map((group) => table.write(group));
}

/** A table for each operation, on top of those before it. Each has a folder of its own in `at`. */
export async function everyOperation(at: string, structs: Structs): Promise<Expected[]> {
  const names = ['appended', 'overwritten', 'deleted', 'evolved', 'compacted', 'expired'] as const;
  return Promise.all(names.map((name, i) => after(`${at}/${name}`, name, i, structs)));
}

async function after(at: string, name: string, steps: number, structs: Structs): Promise<Expected> {
  const first = firstOf(structs);
  const row = (id: number) => rowOf(id, structs);
  const table = new TestTable(at, { columns: first, partitionBy: ['kind', 'day'], sortBy: ['id'] });
  let rows = range(0, 24).map(row);
  const firsts = write(table, rows.slice(0, 12));
  await table.commit({ added: firsts });
  await table.commit({ added: write(table, rows.slice(12)) });
  let columns = first;
  if (steps >= 1) {
    const gone = firsts[0]?.filePath as string;
    const ids = rows.slice(0, 12).filter((each) => each['kind'] === 'easy' && each['day'] === days[0]);
    const news = range(100, 106).map(row);
    await table.commit({ added: write(table, news), removed: [{ path: gone }] });
    rows = [...rows.filter((each) => !ids.includes(each)), ...news];
  }
  if (steps >= 2) {
    const { filePath: path, partition } = firsts[1] as (typeof firsts)[number];
    await table.commit({ removed: [{ path, partition }] });
    rows = rows.filter(
      (each) => (each['id'] as number) >= 12 || each['kind'] !== 'schön & 😀' || each['day'] !== days[1],
    );
  }
  if (steps >= 3) {
    columns = secondOf(first);
    table.evolve({ columns, partitionBy: ['day'], renames: { remark: 'note' } });
    const news = range(200, 210).map((id) => asSecond(row(id), id));
    rows = [...rows.map((each) => asSecond(each)), ...news];
    await table.commit({ added: [0, 1].map((i) => table.write(news.filter(({ day }) => day === days[i]))) });
  }
  if (steps >= 4) {
    // Everything that is left of the first commit, in one file of the new partitions each.
    const old = firsts.slice(2);
    const ids = new Set(rows.map(({ id }) => id as number).filter((id) => id < 12));
    const same = rows.filter(({ id }) => ids.has(id as number));
    // New files have a required column of which the old rows have no value.
    const files = days
      .map((day) => same.filter((each) => each['day'] === day))
      .filter(({ length }) => length > 0);
    table.evolve({
      columns: columns.map((each) => (each.name === 'added' ? { ...each, nullable: true } : each)),
      partitionBy: ['day'],
      renames: { remark: 'note' },
    });
    const added = files.map((each) => table.write(each));
    await table.commit({
      added,
      removed: old.map(({ filePath: path }) => ({ path })),
      replace: true,
      mostManifests: 2,
    });
  }
  if (steps >= 5) await table.expire({ before: table.now, keep: 1 });
  const sorted = rows.toSorted((one, other) => (one['id'] as number) - (other['id'] as number));
  return { name, table, columns, rows: sorted };
}
