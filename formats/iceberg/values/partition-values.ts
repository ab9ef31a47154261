import type { Long } from '../../../domain/long.ts';
import type { PartitionField, PartitionSpec, StructType } from '../../../domain/tables/schema/types.ts';
import type { AvroSchema } from '../avro/schema.ts';
import type { Partition, PartitionValue } from '../manifest/data-file.ts';
import { leaves } from '../schema/fields.ts';

const DAY_MS = 86_400_000;

/** The types of a spec's fields, in its order. */
export interface TypedField {
  readonly field: PartitionField;
  readonly type: string;
}

/**
 * @param schemas the newest first: an older spec may partition by a column that is gone from the newest
 * @throws {Error} if none has a column of the spec
 */
export function typedFields(spec: PartitionSpec, schemas: readonly StructType[]): TypedField[] {
  return spec.fields.map((field) => {
    const source = schemas
      .flatMap((schema) => [...leaves(schema)])
      .find(({ id }) => id === field['source-id']);
    if (source === undefined)
      throw new Error(
        `The table has no column with the id ${field['source-id']}, by which it is partitioned.`,
      );
    return { field, type: resultType(field.transform, source.type) };
  });
}

/** "Partition Transforms": what a transform makes of its source. */
function resultType(transform: string, source: string): string {
  if (/^(bucket\[|(year|month|hour)$)/.test(transform)) return 'int';
  return transform === 'day' ? 'date' : source;
}

/** The partition of the values of its fields, which are texts for days and months. @throws {TypeError} */
export function partitionOf(
  fields: readonly TypedField[],
  values: Readonly<Record<string, unknown>>,
): Partition {
  return Object.fromEntries(
    fields.map((each) => [each.field.name, storedValue(each, values[each.field.name])]),
  );
}

function storedValue({ field: { name, transform }, type }: TypedField, value: unknown): PartitionValue {
  if (value === null || value === undefined) return null;
  const stored =
    transform === 'month'
      ? monthsSince1970(String(value))
      : type === 'date'
        ? Date.parse(String(value)) / DAY_MS
        : value;
  if (Number.isNaN(stored) || type.startsWith('timestamp'))
    throw new TypeError(
      `${name} is ${String(value).slice(0, 100)}, which can't be a partition of type ${type}.`,
    );
  return stored as string | Long | boolean;
}

/** @param month `2026-01` */
function monthsSince1970(month: string): number {
  const first = new Date(month);
  return (first.getUTCFullYear() - 1970) * 12 + first.getUTCMonth();
}

/** The type of a partition field in a manifest. @throws {Error} if no partition of ours can have it */
export function avroTypeOf(type: string): AvroSchema {
  switch (type) {
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'time':
      return { type: 'long', logicalType: 'time-micros' };
    case 'timestamp':
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': type === 'timestamptz' };
    case 'binary':
      return 'bytes';
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return type;
    default:
      throw new Error(`A partition of type ${type} can't be written.`);
  }
}
