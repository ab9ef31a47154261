import * as z from 'zod';

/** A primitive type's name in the specification: `int`, `timestamptz`, `decimal(9,2)`. */
export type PrimitiveType = string;

export type Type = PrimitiveType | StructType | ListType | MapType;

/** A field of a struct; `id` never changes, whatever becomes of name and type. */
export interface NestedField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: Type;
  readonly [other: string]: unknown;
}

export interface StructType {
  readonly type: 'struct';
  readonly fields: readonly NestedField[];
  readonly [other: string]: unknown;
}

export interface ListType {
  readonly type: 'list';
  readonly 'element-id': number;
  readonly 'element-required': boolean;
  readonly element: Type;
  readonly [other: string]: unknown;
}

export interface MapType {
  readonly type: 'map';
  readonly 'key-id': number;
  readonly key: Type;
  readonly 'value-id': number;
  readonly 'value-required': boolean;
  readonly value: Type;
  readonly [other: string]: unknown;
}

/** A table's schema, as its JSON has it (Iceberg's specification, Appendix C, "Schemas"). */
export interface Schema extends StructType {
  readonly 'schema-id': number;
}

const id = z.int32();

const type: z.ZodType<Type> = z.lazy(() =>
  z.union([
    z.string(),
    z.looseObject({ type: z.literal('struct'), fields: z.array(nestedField) }),
    z.looseObject({
      type: z.literal('list'),
      'element-id': id,
      'element-required': z.boolean(),
      element: type,
    }),
    z.looseObject({
      type: z.literal('map'),
      'key-id': id,
      key: type,
      'value-id': id,
      'value-required': z.boolean(),
      value: type,
    }),
  ]),
);

const nestedField = z.looseObject({ id, name: z.string(), required: z.boolean(), type });

export const schema: z.ZodType<Schema> = z.looseObject({
  type: z.literal('struct'),
  'schema-id': id,
  fields: z.array(nestedField),
});

export const partitionSpec = z.looseObject({
  'spec-id': id,
  fields: z.array(
    z.looseObject({ 'source-id': id, 'field-id': id, name: z.string(), transform: z.string() }),
  ),
});
/** How values of columns make a file's partition (specification, "Partitioning"). */
export type PartitionSpec = z.output<typeof partitionSpec>;
export type PartitionField = PartitionSpec['fields'][number];

export const sortOrder = z.looseObject({
  'order-id': id,
  fields: z.array(
    z.looseObject({
      'source-id': id,
      transform: z.string(),
      direction: z.enum(['asc', 'desc']),
      'null-order': z.enum(['nulls-first', 'nulls-last']),
    }),
  ),
});
export type SortOrder = z.output<typeof sortOrder>;
