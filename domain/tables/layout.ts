import * as z from 'zod';
import { type Column, revisionColumns, storedColumns, tableColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';
import { errorText } from '../errors.ts';
import {
  columnsOfSchema,
  type Renames,
  type SchemaState,
  sameFields,
  schemaAfter,
  schemaState,
} from './schema/schema-after.ts';

const lakeLayout = z.object({
  table: z.string(),
  /** A `LakeFormat`. */
  format: z.string(),
  /** The columns in the files' keys, outermost first. */
  partitionBy: z.array(z.string()).readonly(),
  /**
   * The columns that are read by their position in the files, as Redshift Spectrum does with CSV ("Athena
   * User Guide: Types of updates"). Empty for Parquet, whose columns are read by name.
   */
  positions: z.array(z.string()).readonly(),
  /**
   * The schema of an Iceberg table, with the ids of its fields, by which files name their columns. Missing of
   * CSV, and of what older code recorded.
   */
  schema: schemaState.optional(),
});
/**
 * How the files of a table lie in the lake: the properties that existing files can't follow when they change.
 */
export type LakeLayout = Readonly<z.infer<typeof lakeLayout>>;

/** The content of `mysql/migrations/lake.json`. */
export const lakeLayouts = z.array(lakeLayout);

/** Thrown if files that may be in the lake would be read wrongly. */
export class LayoutRefused extends Error {
  override readonly name = 'LayoutRefused';
}

/**
 * Compares the datasets' layouts with the recorded ones.
 *
 * @returns the layouts to record, including those of tables that are no longer declared; `undefined` if they
 * are recorded @throws {LayoutRefused} if older files would be read wrongly: CSV may only get new columns at
 * its end, and a column of Parquet only a wider type
 */
export function planLayouts(
  recorded: readonly LakeLayout[],
  datasets: readonly Dataset[],
): LakeLayout[] | undefined {
  const reasons: string[] = [];
  const declared = new Map<string, LakeLayout>();
  for (const dataset of datasets) {
    const former = recorded.find(({ table }) => table === dataset.name);
    const columns = tableColumns(dataset);
    try {
      const layout = layoutOf(dataset, columns, former?.schema);
      declared.set(dataset.name, layout);
      if (former !== undefined) reasons.push(...changeOf(former, layout));
    } catch (error) {
      reasons.push(`${dataset.name}: ${errorText(error)}`);
    }
  }
  const next = recorded.map((layout) => declared.get(layout.table) ?? layout);
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
  const known = new Set(recorded.map((layout) => JSON.stringify(withOwnColumns(layout))));
  const unknown = planLayouts(recorded, datasets)?.filter((layout) => !known.has(JSON.stringify(layout)));
  if (unknown === undefined || unknown.length === 0) return;
  const tables = unknown.map(({ table }) => table).join(', ');
  throw new LayoutRefused(
    `mysql/migrations/lake.json does not record how the files of ${tables} lie in the lake, so a later change would go unnoticed. Record it and commit it with the dataset: npx sluice migrate --plan`,
  );
}

/**
 * The schema of a table with these columns, with the ids of its fields. Equal columns have the recorded one.
 *
 * @throws {Error} if a column changed in a way that would make older files unreadable
 */
export function schemaOf(
  columns: readonly Column[],
  recorded: SchemaState | undefined,
  renames?: Renames,
): SchemaState {
  const { schema: known } = withOwnColumns({ schema: recorded });
  const next = schemaAfter(known, columns, renames);
  return known !== undefined && sameFields(known.schema, next.schema) ? known : next;
}

/**
 * The layout with those of our own columns that its schema lacks: older code recorded it. Files have them as
 * soon as the code is deployed, so their ids must not depend on when they are recorded.
 */
function withOwnColumns<Layout extends { readonly schema?: SchemaState | undefined }>(
  layout: Layout,
): Layout {
  const { schema } = layout;
  if (schema === undefined) return layout;
  const columns = columnsOfSchema(schema.schema);
  const lacking = revisionColumns.filter(({ name }) => !columns.some((column) => column.name === name));
  return lacking.length === 0 ? layout : { ...layout, schema: schemaAfter(schema, [...columns, ...lacking]) };
}

/** @throws {Error} see `schemaOf` */
function layoutOf(
  dataset: Dataset,
  columns: readonly Column[],
  recorded: SchemaState | undefined,
): LakeLayout {
  const format = dataset.processedAs ?? 'parquet';
  return {
    table: dataset.name,
    format,
    partitionBy: dataset.partitionBy,
    positions: format === 'csv' ? storedColumns(dataset).map(({ name }) => name) : [],
    ...(format === 'parquet' && { schema: schemaOf(columns, recorded, dataset.renamed) }),
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
