import { storedColumns } from '../columns.ts';
import type { Dataset } from '../dataset.ts';

/** How the files of a table lie in the lake, as far as files that are there can't follow when it changes. */
export interface LakeLayout {
  readonly table: string;
  /** A `LakeFormat`. */
  readonly format: string;
  /** The columns that stand in the files' keys, outermost first. */
  readonly partitionBy: readonly string[];
  /**
   * The columns that go by their position in the files. Redshift Spectrum reads CSV so ("Athena User Guide: Types of updates"); of
   * Parquet there are none, for there columns go by name.
   */
  readonly positions: readonly string[];
}

/** Thrown when files that may be in the lake would be read as what they are not. */
export class LayoutRefused extends Error {
  override readonly name = 'LayoutRefused';
}

/**
 * Holds what the datasets declare against the layouts that are recorded.
 *
 * @returns the layouts to record now, those of tables that are no longer declared included; `undefined` when they are recorded
 * @throws {LayoutRefused} when a layout changed otherwise than by a column at the end, which older files may lack
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
        'To change it all the same, declare a dataset of another name, and fill its table: npx sluice backfill PREFIX (docs/queries.md, “When columns change”).',
      ].join('\n'),
    );
  }
  for (const { table } of recorded) declared.delete(table);
  next.push(...declared.values());
  return JSON.stringify(next) === JSON.stringify(recorded) ? undefined : next;
}

/** @throws {LayoutRefused} when the datasets declare a layout that is not recorded, or one that can't be */
export function checkLayouts(recorded: readonly LakeLayout[], datasets: readonly Dataset[]): void {
  const known = new Set(recorded.map((layout) => JSON.stringify(layout)));
  const unknown = planLayouts(recorded, datasets)?.filter((layout) => !known.has(JSON.stringify(layout)));
  if (unknown === undefined) return;
  const tables = unknown.map(({ table }) => table).join(', ');
  throw new LayoutRefused(
    `mysql/migrations/lake.json does not say how the files of ${tables} lie in the lake, so that nothing would notice when that changes. Record it, and commit it with the dataset: npx sluice migrate --plan`,
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

/** Why files of the former layout can't be read in the new one; empty if they can. */
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
