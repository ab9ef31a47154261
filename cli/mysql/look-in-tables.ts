import type { Connection } from 'mysql2/promise';
import { registry } from '../../datasets/index.ts';
import type { Dataset } from '../../domain/dataset.ts';
import type { InTables } from '../../domain/operations/reconciliation.ts';
import { type DatasetTables, mysqlName, type StoredColumn } from '../../domain/tables/mysql.ts';
import { objectHash, sortableSequencer } from '../../domain/tables/row-identity.ts';
import { type Fields, StoredRowCheck } from '../../domain/tables/stored-row.ts';
import type { LookInTables } from '../ledger/reconcile/reconciled.ts';
import { withMysql } from './mysql.ts';

/** How many objects one statement reads. */
const OBJECTS_AT_ONCE = 100;
/**
 * How much one statement reads: first this many rows, later about this many characters, but at least one row.
 */
const FIRST_ROWS = 100;
const MOST_ROWS = 2000;
const CHARACTERS = 4 * 1024 * 1024;
/** How many changed rows are named. */
const NAMED_RECORDS = 5;

/** MySQL error message reference. */
const NO_SUCH_TABLE = 1146;

/**
 * Connects to a database and calls `work` with a function that looks up the rows of versions.
 *
 * @param content whether to compare the content of the rows; otherwise they are only counted
 */
export function withTables<Result>(
  url: string,
  content: boolean,
  work: (lookInTables: LookInTables) => Promise<Result>,
): Promise<Result> {
  return withMysql(url, async (connection) => {
    // Several statements read rows and their lists, which must be of the same moment.
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const reader = new TablesReader(connection, content ? (name) => registry.named(name) : () => undefined);
    return work((...version) => reader.look(...version));
  });
}

interface Wanted {
  readonly object: string;
  readonly sequencer: string;
  readonly resolve: (found: InTables) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Reads rows with their lists. One statement reads all objects that were requested since the last statement.
 */
export class TablesReader {
  readonly #connection: Connection;
  readonly #datasetNamed: (name: string) => Dataset | undefined;
  readonly #checks = new Map<string, StoredRowCheck>();
  readonly #wanted = new Map<string, Wanted[]>();
  #isReading = false;

  /** @param named finds a dataset by its name; rows of a dataset that it does not find are only counted */
  constructor(connection: Connection, named: (name: string) => Dataset | undefined) {
    this.#connection = connection;
    this.#datasetNamed = named;
  }

  look(dataset: string, key: string, sequencer: string): Promise<InTables> {
    return new Promise((resolve, reject) => {
      const wanted = this.#wanted.get(dataset) ?? [];
      this.#wanted.set(dataset, wanted);
      wanted.push({ object: objectHash(key), sequencer: sortableSequencer(sequencer), resolve, reject });
      if (!this.#isReading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    for (let [next] = this.#wanted; next !== undefined; [next] = this.#wanted) {
      const [name, waiting] = next;
      const wanted = waiting.splice(0, OBJECTS_AT_ONCE);
      if (waiting.length === 0) this.#wanted.delete(name);
      try {
        const dataset = this.#datasetNamed(name);
        if (dataset === undefined) await this.#count(name, wanted);
        else await this.#read(this.#checkOf(dataset), wanted);
      } catch (error) {
        for (const { reject } of wanted) reject(error);
      }
    }
    this.#isReading = false;
  }

  #checkOf(dataset: Dataset): StoredRowCheck {
    const check = this.#checks.get(dataset.name) ?? new StoredRowCheck(dataset);
    this.#checks.set(dataset.name, check);
    return check;
  }

  async #read(check: StoredRowCheck, wanted: readonly Wanted[]): Promise<void> {
    await this.#connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    const found = new Map(wanted.map(({ object, sequencer }) => [object, new Findings(sequencer)]));
    let place: Place = { objects: [...found.keys()].sort(), after: undefined, most: FIRST_ROWS };
    while (place.objects.length > 0) {
      const { rows, elements, next } = await this.#page(check.tables, place);
      for (const { object, fields } of rows) {
        const [record = '', hash, sequencer, ...own] = fields;
        const lists = elements.map((each) => each.take(`${object}/${record}`));
        const row = { record: Number(record), hash: hash ?? '', fields: own, lists };
        found.get(object)?.add(row.record, sequencer ?? '', () => check.isAsLoaded(row));
      }
      for (const each of elements)
        for (const [object, n] of each.left()) found.get(object)?.addOrphans(each.table, n);
      place = next;
    }
    await this.#connection.query('COMMIT');
    for (const { object, resolve } of wanted) resolve((found.get(object) as Findings).all);
  }

  /** Reads the next rows and the elements of their lists, including elements whose rows are missing. */
  async #page({ table, lists, values }: DatasetTables, { objects, after, most }: Place): Promise<Page> {
    const rows = await this.#select(
      `${['_record', 'LOWER(HEX(_hash))', '_sequencer', ...names(values)].join()} FROM ${mysqlName(table.name)} ` +
        `WHERE ${within(objects, after)} ORDER BY _object, _record LIMIT ${most}`,
    );
    const last = rows.length < most ? undefined : rows.at(-1);
    const rest = last === undefined ? [] : objects.slice(objects.indexOf(last.object));
    const read = objects.slice(0, objects.length - Math.max(0, rest.length - 1));
    const end = last && Number(last.fields[0]);
    let characters = charactersOf(rows);
    const elements: Elements[] = [];
    for (const list of lists) {
      const ofList = await this.#select(
        `${['_record', 'position', ...names(list.values)].join()} FROM ${mysqlName(list.table.name)} ` +
          `WHERE ${within(read, after, end)} ORDER BY _object, _record, position`,
      );
      characters += charactersOf(ofList);
      elements.push(new Elements(list.table.name, ofList));
    }
    const fitting = Math.round((CHARACTERS * rows.length) / Math.max(1, characters));
    const next = { objects: rest, after: end, most: Math.max(1, Math.min(MOST_ROWS, fitting)) };
    return { rows, elements, next };
  }

  async #count(name: string, wanted: readonly Wanted[]): Promise<void> {
    const counts = new Map<string, number>();
    const all = new Map<string, number>();
    try {
      const objects = wanted.map(({ object }) => object);
      const rows = await this.#select(
        `_sequencer, COUNT(*) FROM ${mysqlName(name)} WHERE ${within(objects)} GROUP BY _object, _sequencer`,
      );
      for (const { object, fields } of rows) {
        counts.set(`${object}/${fields[0]}`, Number(fields[1]));
        all.set(object, (all.get(object) ?? 0) + Number(fields[1]));
      }
    } catch (error) {
      if ((error as { errno?: number }).errno !== NO_SUCH_TABLE) throw error;
    }
    for (const { object, sequencer, resolve } of wanted) {
      const rows = counts.get(`${object}/${sequencer}`) ?? 0;
      resolve({ rows, changed: 0, records: [], others: (all.get(object) ?? 0) - rows, orphans: {} });
    }
  }

  async #select(columns: string): Promise<Selected[]> {
    const [rows] = await this.#connection.query({
      sql: `SELECT LOWER(HEX(_object)), ${columns}`,
      rowsAsArray: true,
      // Every value as the server writes it: the driver's numbers and times may differ from the stored ones.
      typeCast: (field) => field.string('utf8'),
    });
    return (rows as (string | null)[][]).map(([object, ...fields]) => ({ object: object ?? '', fields }));
  }
}

interface Selected {
  readonly object: string;
  readonly fields: Fields;
}

/**
 * Where to continue: in these objects, in the first one after a record, and how many rows to read at most.
 */
interface Place {
  readonly objects: readonly string[];
  readonly after: number | undefined;
  readonly most: number;
}

interface Page {
  readonly rows: readonly Selected[];
  readonly elements: readonly Elements[];
  readonly next: Place;
}

/** List elements that were read from one table, by the row that they belong to. */
class Elements {
  readonly table: string;
  readonly #byRow = new Map<string, Fields[]>();

  constructor(table: string, rows: readonly Selected[]) {
    this.table = table;
    for (const { object, fields } of rows) {
      const [record, ...element] = fields;
      const id = `${object}/${record}`;
      const known = this.#byRow.get(id);
      if (known === undefined) this.#byRow.set(id, [element]);
      else known.push(element);
    }
  }

  /** Removes and returns the elements of a row. @param id of the row: object/record */
  take(id: string): readonly Fields[] {
    const own = this.#byRow.get(id) ?? [];
    this.#byRow.delete(id);
    return own;
  }

  /** Objects with the number of their elements that belong to no row. */
  *left(): Generator<readonly [string, number]> {
    for (const [id, own] of this.#byRow) yield [id.slice(0, id.indexOf('/')), own.length];
  }
}

class Findings {
  readonly #sequencer: string;
  readonly #orphans: Record<string, number> = {};
  readonly #records: number[] = [];
  #rows = 0;
  #changed = 0;
  #others = 0;

  constructor(sequencer: string) {
    this.#sequencer = sequencer;
  }

  get all(): InTables {
    return {
      rows: this.#rows,
      changed: this.#changed,
      records: this.#records,
      others: this.#others,
      orphans: this.#orphans,
    };
  }

  add(record: number, sequencer: string, isAsLoaded: () => boolean): void {
    if (sequencer !== this.#sequencer) {
      this.#others += 1;
      return;
    }
    this.#rows += 1;
    if (isAsLoaded()) return;
    this.#changed += 1;
    if (this.#records.length < NAMED_RECORDS) this.#records.push(record);
  }

  addOrphans(table: string, elements: number): void {
    this.#orphans[table] = (this.#orphans[table] ?? 0) + elements;
  }
}

const names = (columns: readonly StoredColumn[]) =>
  columns.map(({ name, kind }) => (kind === 'binary' ? `HEX(${mysqlName(name)})` : mysqlName(name)));

/** A condition for rows of these objects: in the first one after a record, in the last one up to a record. */
function within(objects: readonly string[], after?: number, upTo?: number): string {
  const last = objects.length - 1;
  return objects
    .map((object, i) => {
      const from = i === 0 && after !== undefined ? ` AND _record > ${after}` : '';
      const to = i === last && upTo !== undefined ? ` AND _record <= ${upTo}` : '';
      return `(_object = x'${object}'${from}${to})`;
    })
    .join(' OR ');
}

function charactersOf(rows: readonly Selected[]): number {
  let sum = 0;
  for (const { fields } of rows) for (const field of fields) sum += field?.length ?? 0;
  return sum;
}
