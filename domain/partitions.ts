import type { ColumnType } from './column-type.ts';
import { millisecondsOf } from './instant.ts';

/**
 * How a dataset is partitioned by a column: by its values, or by the day or the month that they fall into in
 * UTC (Iceberg's specification, "Partition Transforms").
 */
export type PartitionBy<Column extends string = string> = Column | `day(${Column})` | `month(${Column})`;

/** One of a table's partitions. */
export interface PartitionField {
  /** That of the column, or `at_day`, as Spark names it. */
  readonly name: string;
  readonly column: string;
  readonly transform: 'identity' | 'day' | 'month';
}

const TRANSFORM = /^(day|month)\((.*)\)$/s;
/** A row's partition asks for them. */
const known = new WeakMap<readonly string[], readonly PartitionField[]>();

/** What a dataset's `partitionBy` says, outermost first. */
export function partitionFields(partitionBy: readonly string[]): readonly PartitionField[] {
  let fields = known.get(partitionBy);
  if (fields === undefined) {
    fields = partitionBy.map((text): PartitionField => {
      const [, transform, column = ''] = TRANSFORM.exec(text) ?? [];
      return transform === undefined
        ? { name: text, column: text, transform: 'identity' }
        : { name: `${column}_${transform}`, column, transform: transform as 'day' | 'month' };
    });
    known.set(partitionBy, fields);
  }
  return fields;
}

/**
 * The text of a value's partition: that of a day is `2026-01-31`, of a month `2026-01`. Null of a missing
 * value.
 */
export function partitionText({ transform }: PartitionField, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = String(value);
  if (transform === 'identity') return text;
  const [day = ''] = isUtc(text) ? text.split('T') : new Date(millisecondsOf(text)).toISOString().split('T');
  return transform === 'day' ? day : day.slice(0, day.lastIndexOf('-'));
}

/** Whether the text of a day or an instant has its day of UTC at its start, as nearly all have. */
const isUtc = (text: string) => text.endsWith('Z') || !text.includes('T');

/** The type of a column that has the texts of a partition, where it is a column of its own. */
export function partitionType({ transform }: PartitionField, type: ColumnType): ColumnType {
  if (transform === 'identity') return type;
  return { kind: transform === 'day' ? 'date' : 'string' };
}

/** Why a column of the type can't partition a table so: the end of a sentence. `undefined` if it can. */
export function whyNoPartition({ transform, column }: PartitionField, type: ColumnType): string | undefined {
  const { kind } = type;
  if (transform !== 'identity') {
    if (kind === 'date' && transform === 'day') return `is a date, whose days partition it without day().`;
    if (kind === 'date' || kind === 'timestamp') return undefined;
    return `is a ${kind}, which has no ${transform}: only a date or a timestamp has.`;
  }
  switch (kind) {
    case 'list':
    case 'struct':
    case 'map':
      return `is a ${kind}, which can't partition it.`;
    // Each instant would be a partition of its own, and Spectrum can't read instants in keys.
    case 'timestamp':
      return `is a timestamp, which can't partition it: partition by its day or month, 'day(${column})'.`;
    case 'decimal':
      return `is a decimal, which can't partition it: partition by a whole number or a text.`;
    default:
      return undefined;
  }
}
