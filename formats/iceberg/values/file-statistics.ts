import * as z from 'zod';
import type { ParquetStatistics } from '../../parquet/file.ts';
import type { DataFile, Partition } from '../manifest/data-file.ts';
import { decimalBound } from './decimal-bound.ts';
import { lowerBinaryBound, lowerTextBound, upperBinaryBound, upperTextBound } from './truncate.ts';

const count = z.int().nonnegative();
const bound = z.base64().exactOptional();

/** What a data file says of its columns, in a form that JSON can hold: bounds are in base64. */
export const fileStatistics = z.strictObject({
  splitOffsets: z.array(count),
  /** By field id. A column within a list has a size alone: no predicate can be about it. */
  columns: z.record(
    z.string(),
    z.strictObject({
      size: count,
      values: count.exactOptional(),
      nulls: count.exactOptional(),
      nans: count.exactOptional(),
      lower: bound,
      upper: bound,
    }),
  ),
});
export type FileStatistics = z.output<typeof fileStatistics>;
type ColumnStatistics = FileStatistics['columns'][string];

/** The statistics of a file that `ParquetFile` wrote. Its ranges are encoded as the format's bounds are. */
export function statisticsOf({ leaves, splitOffsets }: ParquetStatistics): FileStatistics {
  const columns = leaves.map(({ id, kind, repeated, size, entries: values, nulls, range, whole }) => {
    if (repeated) return [id, { size }] as const;
    const { lower, upper } = boundsOf(kind, range, whole);
    const statistics: ColumnStatistics = {
      size,
      values,
      nulls,
      // `ParquetFile` refuses NaN.
      ...(kind === 'double' && { nans: 0 }),
      ...(lower && { lower: lower.toString('base64') }),
      ...(upper && { upper: upper.toString('base64') }),
    };
    return [id, statistics] as const;
  });
  return { splitOffsets: [...splitOffsets], columns: Object.fromEntries(columns) };
}

type Leaf = ParquetStatistics['leaves'][number];

/** @param whole whether texts are not cut */
function boundsOf(
  kind: Leaf['kind'],
  range: Leaf['range'],
  whole: Leaf['whole'],
): { lower?: Buffer; upper?: Buffer | undefined } {
  if (range === undefined) return {};
  const { min, max } = range;
  switch (kind) {
    case 'string':
      if (whole) return { lower: min, upper: max };
      return { lower: lowerTextBound(min), upper: upperTextBound(max) };
    case 'binary':
      return { lower: lowerBinaryBound(min), upper: upperBinaryBound(max) };
    case 'decimal':
      return { lower: decimalBound(min), upper: decimalBound(max) };
    default:
      return { lower: min, upper: max };
  }
}

export interface ParquetDataFile {
  /** The full URI. */
  readonly path: string;
  readonly partition: Partition;
  readonly rows: number;
  readonly bytes: number;
  readonly statistics: FileStatistics;
  /** The table's, if the rows are sorted by it. */
  readonly sortOrderId?: number;
}

/** A Parquet file, as a manifest describes it. */
export function dataFile({
  path,
  partition,
  rows,
  bytes,
  statistics,
  sortOrderId,
}: ParquetDataFile): DataFile {
  const columns = Object.entries(statistics.columns);
  const mapOf = <Value>(of: (column: ColumnStatistics) => Value | undefined): Map<number, Value> =>
    new Map(
      columns.flatMap(([id, column]) => {
        const value = of(column);
        return value === undefined ? [] : [[Number(id), value] as const];
      }),
    );
  const bounds = (which: 'lower' | 'upper') =>
    mapOf((column) => (column[which] === undefined ? undefined : Buffer.from(column[which], 'base64')));
  return {
    filePath: path,
    fileFormat: 'PARQUET',
    partition,
    recordCount: rows,
    fileSizeInBytes: bytes,
    columnSizes: mapOf(({ size }) => size),
    valueCounts: mapOf(({ values }) => values),
    nullValueCounts: mapOf(({ nulls }) => nulls),
    nanValueCounts: mapOf(({ nans }) => nans),
    lowerBounds: bounds('lower'),
    upperBounds: bounds('upper'),
    splitOffsets: [...statistics.splitOffsets],
    ...(sortOrderId !== undefined && { sortOrderId }),
  };
}
