import type { NestedField, StructType, Type } from '../../../domain/tables/schema/types.ts';
import type { FieldIds } from '../../parquet/field-ids.ts';

/** A field of a primitive type, wherever in the schema it is. */
export interface Leaf {
  readonly id: number;
  readonly type: string;
  readonly required: boolean;
}

/** Every primitive field, elements of lists and maps included. */
export function* leaves({ fields }: StructType): Generator<Leaf> {
  for (const { id, required, type } of fields) yield* leavesOf(id, required, type);
}

function* leavesOf(id: number, required: boolean, type: Type): Generator<Leaf> {
  if (typeof type === 'string') yield { id, type, required };
  else if (type.type === 'struct') yield* leaves(type);
  else if (type.type === 'list') yield* leavesOf(type['element-id'], type['element-required'], type.element);
  else {
    yield* leavesOf(type['key-id'], true, type.key);
    yield* leavesOf(type['value-id'], type['value-required'], type.value);
  }
}

/** A column of the table by its name. @throws {Error} if the table has none */
export function fieldNamed({ fields }: StructType, name: string): NestedField {
  const found = fields.find((field) => field.name === name);
  if (found === undefined) throw new Error(`The table has no column ${name}.`);
  return found;
}

/** The ids that a data file must carry, for `ParquetFile`. */
export function fieldIds({ fields }: StructType): FieldIds {
  return Object.fromEntries(fields.map(({ id, name, type }) => [name, { id, inner: innerIds(type) }]));
}

function innerIds(type: Type): FieldIds {
  if (typeof type === 'string') return {};
  if (type.type === 'struct') return fieldIds(type);
  if (type.type === 'list') return { element: { id: type['element-id'], inner: innerIds(type.element) } };
  const value = { id: type['value-id'], inner: innerIds(type.value) };
  return { key: { id: type['key-id'], inner: {} }, value };
}
