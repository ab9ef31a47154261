import { type Column, tableColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';
import { errorText } from '../errors.ts';
import type { GlueColumn } from '../tables/glue.ts';
import { archiveGlueTable, icebergColumns } from '../tables/glue.ts';
import { schemaOf } from '../tables/layout.ts';
import { spectrumFaults } from '../tables/redshift.ts';
import type { SchemaState } from '../tables/schema/schema-after.ts';

/**
 * What a change does to a place. `compatible`: old and new rows are there side by side. `replay`: the same,
 * but old rows lack something until their objects are reprocessed. `refused`: it can't be deployed.
 */
export const verdicts = ['compatible', 'replay', 'refused'] as const;
export type Verdict = (typeof verdicts)[number];

/** The places of rows. `lake`: the Iceberg table; `csv`: the table of a dataset that is processed as CSV. */
export const places = ['lake', 'csv', 'archive', 'mysql', 'redshift'] as const;
export type Place = (typeof places)[number];

export interface PlaceChange {
  readonly verdict: Verdict;
  readonly why: string;
}

/** A column that is new, gone, or has another type or name. */
export interface ColumnChange {
  readonly column: string;
  /** `new, int`; `int, was string`; `renamed from size`; `gone`. */
  readonly change: string;
  /** The places that have the column. */
  readonly places: Partial<Readonly<Record<Place, PlaceChange>>>;
}

/** What the stack and the records beside the code say of a dataset. */
export interface Known {
  /** The columns that are deployed. */
  readonly deployed: readonly GlueColumn[];
  /** Of its Iceberg table; `undefined` before its first commit, and of CSV. */
  readonly schema: SchemaState | undefined;
  /** Why its layout in the lake is refused. */
  readonly layoutReasons: readonly string[];
  /** Why MySQL's tables are refused. */
  readonly mysqlReasons: readonly string[];
}

/** Compares the columns of a dataset with those that are deployed. */
export function columnChanges(dataset: Dataset, known: Known): ColumnChange[] {
  const before = new Map(known.deployed.map(({ name, type }) => [name, type]));
  const types = new Map(icebergColumns(dataset).map(({ name, type }) => [name, type]));
  const changes: ColumnChange[] = [];
  for (const column of tableColumns(dataset)) {
    const { name } = column;
    const [was, is = ''] = [before.get(name), types.get(name)];
    const former = formerName(dataset, name);
    before.delete(name);
    if (was === is) continue;
    const isRenamed = was === undefined && former !== undefined && before.delete(former);
    const kind = isRenamed ? 'renamed' : was === undefined ? 'new' : 'type';
    const change = { new: `new, ${is}`, type: `${is}, was ${was}`, renamed: `renamed from ${former}` }[kind];
    changes.push({ column: name, change, places: placesOf(kind, column, dataset, known) });
  }
  for (const name of before.keys())
    changes.push({ column: name, change: 'gone', places: placesOf('gone', { name }, dataset, known) });
  return changes;
}

const formerName = ({ renamed = {} }: Dataset, name: string): string | undefined =>
  Object.entries(renamed).find(([column]) => column === name)?.[1];

/** The worst of some verdicts. */
export function worst(all: Iterable<Verdict>): Verdict {
  return [...all].reduce(
    (one, other) => (verdicts.indexOf(other) > verdicts.indexOf(one) ? other : one),
    verdicts[0],
  );
}

type Kind = 'new' | 'type' | 'renamed' | 'gone';

function placesOf(
  kind: Kind,
  column: Pick<Column, 'name'> & Partial<Column>,
  dataset: Dataset,
  known: Known,
): ColumnChange['places'] {
  const isCsv = dataset.processedAs === 'csv';
  return {
    ...(isCsv
      ? { csv: inCsv(kind, column.name, known.layoutReasons) }
      : { lake: inLake(kind, column, dataset, known) }),
    archive: inArchive[kind],
    mysql: inMysql(kind, column.name, dataset, known.mysqlReasons),
    ...(kind !== 'gone' && { redshift: inRedshift(column.name, dataset) }),
  };
}

const compatible = (why: string): PlaceChange => ({ verdict: 'compatible', why });
const replay = (why: string): PlaceChange => ({ verdict: 'replay', why });
const refused = (why: string): PlaceChange => ({ verdict: 'refused', why });

function inLake(
  kind: Kind,
  { name, type, nullable = true }: Pick<Column, 'name'> & Partial<Column>,
  { renamed }: Dataset,
  { schema }: Known,
): PlaceChange {
  if (schema === undefined) return compatible('the table has no snapshot yet');
  if (kind === 'gone' || type === undefined)
    return compatible('the column leaves the table; older snapshots keep it');
  try {
    schemaOf([{ name, type, nullable }], schema, renamed);
  } catch (error) {
    return refused(errorText(error));
  }
  if (kind === 'new') return replay('rows until now have NULL');
  return compatible(kind === 'type' ? 'older files are read as the new type' : 'the column keeps its id');
}

function inCsv(kind: Kind, name: string, reasons: readonly string[]): PlaceChange {
  const reason = reasons.find((each) => each.includes(`column ${name} `));
  if (reason !== undefined) return refused(reason);
  return kind === 'new' ? replay('rows until now have no value') : replay('older files have the former text');
}

/** Its columns have no ids: readers take them by name. */
const inArchive: Readonly<Record<Kind, PlaceChange>> = {
  new: replay('files until now have no such column, so NULL'),
  type: replay('files until now have the former type, so readers may refuse them'),
  renamed: replay('files until now have the former name, so NULL'),
  gone: compatible('the column leaves the table; its files keep it'),
};

function inMysql(kind: Kind, name: string, dataset: Dataset, reasons: readonly string[]): PlaceChange {
  const list = `${dataset.name}_${name}`;
  const reason = reasons.find((each) =>
    [`${dataset.name}.${name} `, `table ${list} `, ` ${list}.`].some((mention) => each.includes(mention)),
  );
  if (reason !== undefined) return refused(reason);
  switch (kind) {
    case 'new':
      return replay('the migration adds it; rows until now have NULL');
    case 'gone':
      return compatible('a migration of yours drops it');
    default:
      return compatible('the migration changes it');
  }
}

function inRedshift(name: string, dataset: Dataset): PlaceChange {
  const table = archiveGlueTable(dataset);
  const fault = spectrumFaults(table).find((each) =>
    [':', '.', '[', '{'].some((next) => each.startsWith(`${table.name}: ${name}${next}`)),
  );
  return fault === undefined ? compatible('the deploy makes its view anew') : refused(fault);
}
