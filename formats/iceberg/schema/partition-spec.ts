import { partitionFields } from '../../../domain/partitions.ts';
import type {
  PartitionField,
  PartitionSpec,
  Schema,
  SortOrder,
} from '../../../domain/tables/schema/types.ts';
import { fieldNamed } from './fields.ts';

/** Ids of partition fields begin here. */
const FIRST_PARTITION_ID = 1000;
export const NO_PARTITION_ID = FIRST_PARTITION_ID - 1;

export interface SpecState {
  readonly specs: readonly PartitionSpec[];
  /** The highest id that any partition field ever had. */
  readonly lastPartitionId: number;
}

/**
 * The specs of a table after it was partitioned so, and which of them it is now ("Partition
 * Evolution"). An equal field keeps its id, and an equal spec is used again.
 *
 * @throws {Error} if a column is not in the table, or is a list or a struct
 */
export function specAfter(
  { specs, lastPartitionId }: SpecState,
  schema: Schema,
  partitionBy: readonly string[],
): SpecState & { readonly specId: number } {
  const known = specs.flatMap(({ fields }) => fields);
  let last = lastPartitionId;
  const fields = partitionFields(partitionBy).map(({ name, column, transform }): PartitionField => {
    const { id, type } = fieldNamed(schema, column);
    if (typeof type !== 'string')
      throw new Error(`Column ${column} is a ${type.type}, which can't partition the table.`);
    const equal = known.find((field) => field['source-id'] === id && field.transform === transform);
    if (equal !== undefined) return equal;
    last += 1;
    return { 'source-id': id, 'field-id': last, name, transform };
  });
  const ids = (all: readonly PartitionField[]) => all.map((field) => field['field-id']).join();
  const same = specs.find((spec) => ids(spec.fields) === ids(fields));
  if (same !== undefined) return { specs, lastPartitionId, specId: same['spec-id'] };
  const specId = Math.max(-1, ...specs.map((spec) => spec['spec-id'])) + 1;
  return { specs: [...specs, { 'spec-id': specId, fields }], lastPartitionId: last, specId };
}

/** The order 0 is reserved for rows without an order. */
export const unsorted: SortOrder = { 'order-id': 0, fields: [] };

/**
 * The sort orders of a table after its rows are to be sorted by these columns, ascending, and which of them
 * it is now. Nulls come first.
 */
export function sortOrderAfter(
  orders: readonly SortOrder[],
  schema: Schema,
  sortBy: readonly string[],
): { readonly orders: readonly SortOrder[]; readonly orderId: number } {
  const fields = sortBy.map((name) => ({
    transform: 'identity',
    'source-id': fieldNamed(schema, name).id,
    direction: 'asc' as const,
    'null-order': 'nulls-first' as const,
  }));
  const text = (order: Pick<SortOrder, 'fields'>) =>
    order.fields
      .map((each) => [each['source-id'], each.transform, each.direction, each['null-order']].join())
      .join(';');
  const same = orders.find((order) => text(order) === text({ fields }));
  if (same !== undefined) return { orders, orderId: same['order-id'] };
  const orderId = Math.max(0, ...orders.map((order) => order['order-id'])) + 1;
  return { orders: [...orders, { 'order-id': orderId, fields }], orderId };
}
