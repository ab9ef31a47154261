import { storedColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';
import type { SchemaState } from './schema/schema-after.ts';

/**
 * How the files of a table lie in the lake: the properties that existing files can't follow when they change.
 */
export interface LakeLayout {
  readonly table: string;
  /** A `LakeFormat`. */
  readonly format: string;
  /** The columns in the files' keys, outermost first. */
  readonly partitionBy: readonly string[];
  /**
   * The columns that are read by their position in the files, as Redshift Spectrum does with CSV ("Athena
   * User Guide: Types of updates"). Empty for Parquet, whose columns are read by name.
   */
  readonly positions: readonly string[];
  /** The schema of an Iceberg table, with the ids of its fields, which files name their columns by. */
  readonly schema?: SchemaState;
}

/** Thrown if files that may be in the lake would be read wrongly. */
export class LayoutRefused extends Error {
  override readonly name = 'LayoutRefused';
}

/**
 * Compares the datasets' layouts with the recorded ones.
 *
 * @returns the layouts to record, including those of tables that are no longer declared; `undefined` if they
 * are recorded @throws {LayoutRefused} if a layout changed in any other way than by a new column at the end,
 * which older files may not have
 */
export function planLayouts(
  recorded: readonly LakeLayout[],
  datasets: readonly Dataset[],
): LakeLayout[] | undefined {
  const declared = new Map(datasets.map((dataset) => [dataset.name, layoutOf(dataset)]));
  const next = recorded.map((layout) => declared.get(layout.table) ?? layout);
  const reasons = recorded.flatMap((layout, i) => changeOf(layout, next[i] ?? layout));
  if (reasons.length > 0) {
    throw new LayoutRefused(
      [
        'Files that are in the lake would be read wrongly:',
        ...reasons.map((reason) => `  ${reason}`),
        'To change the layout nevertheless, declare a dataset with another name and fill its table: npx sluice backfill PREFIX (docs/queries.md, “When columns change”).',
      ].join('\n'),
    );
  }
  for (const { table } of recorded) declared.delete(table);
  next.push(...declared.values());
  return JSON.stringify(next) === JSON.stringify(recorded) ? undefined : next;
}

/** @throws {LayoutRefused} if a dataset has a layout that is not recorded, or can't be */
export function checkLayouts(recorded: readonly LakeLayout[], datasets: readonly Dataset[]): void {
  const known = new Set(recorded.map((layout) => JSON.stringify(layout)));
  const unknown = planLayouts(recorded, datasets)?.filter((layout) => !known.has(JSON.stringify(layout)));
  if (unknown === undefined) return;
  const tables = unknown.map(({ table }) => table).join(', ');
  throw new LayoutRefused(
    `mysql/migrations/lake.json does not record how the files of ${tables} lie in the lake, so a later change would go unnoticed. Record it and commit it with the dataset: npx sluice migrate --plan`,
  );
}

function layoutOf(dataset: Dataset): LakeLayout {
  const format = dataset.processedAs ?? 'parquet';
  return {
    table: dataset.name,
    format,
    partitionBy: dataset.partitionBy,
    positions: format === 'csv' ? storedColumns(dataset).map(({ name }) => name) : [],
  };
}

/** The reasons why files of the former layout can't be read in the new one; empty if they can. */
function changeOf({ table, ...former }: LakeLayout, layout: LakeLayout): string[] {
  if (former.format !== layout.format)
    return [`The files of ${table} are ${former.format}, and can't become ${layout.format}.`];
  if (former.partitionBy.join() !== layout.partitionBy.join()) {
    const was = former.partitionBy.join(', ') || 'nothing';
    return [
      `${table} is partitioned by ${was}, and can't become partitioned by ${layout.partitionBy.join(', ') || 'nothing'}.`,
    ];
  }
  const at = former.positions.findIndex((column, i) => layout.positions[i] !== column);
  if (at < 0) return [];
  const [was, is] = [former.positions[at] ?? '', layout.positions[at]];
  if (!layout.positions.includes(was))
    return [
      `The column ${was} of ${table} is gone, and those after it would move. Leave it in the row where it was; it may be nullable.`,
    ];
  if (is !== undefined && !former.positions.includes(is))
    return [`The new column ${is} of ${table} takes the place of ${was}. Put it at the end of the row.`];
  return [
    `The column ${is} of ${table} takes the place of ${was}. Bring them back into their order: ${former.positions.join(', ')}.`,
  ];
}
