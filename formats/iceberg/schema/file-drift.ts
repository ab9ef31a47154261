import type { SchemaTree } from 'hyparquet';
import { promotable, typeText } from '../../../domain/tables/schema/promotion.ts';
import type { NestedField, Type } from '../../../domain/tables/schema/types.ts';

/**
 * How the columns of a Parquet file differ from a table's, a phrase each: a type that is not promoted to the
 * table's, a column without an id, a missing one that is required. Names and order may differ, and a file may
 * lack a column that is younger, or have one that has left the table (specification, "Column Projection").
 */
export function* fileDrift(
  fields: readonly NestedField[],
  columns: readonly SchemaTree[],
  parent = '',
): Generator<string> {
  const byId = new Map<number | undefined, SchemaTree>();
  for (const column of columns) {
    const { field_id: id, name } = column.element;
    if (id === undefined) yield `its column ${parent}${name} has no field id`;
    else byId.set(id, column);
  }
  for (const { id, name, required, type } of fields) {
    const column = byId.get(id);
    if (column !== undefined) yield* typeDrift(type, column, `${parent}${name}`);
    else if (required) yield `it has no column ${parent}${name}`;
  }
}

function* typeDrift(type: Type, column: SchemaTree, path: string): Generator<string> {
  const actual = typeIn(column);
  if (typeof type === 'string' || actual !== type.type) {
    if (actual !== type && !(typeof type === 'string' && promotable(actual, type)))
      yield `its column ${path} is ${actual}, and ${typeText(type)} in the table`;
    return;
  }
  if (type.type === 'struct') yield* fileDrift(type.fields, column.children, `${path}.`);
  const [first, second] = column.children[0]?.children ?? [];
  if (type.type === 'list' && first) yield* typeDrift(type.element, first, `${path}[]`);
  if (type.type === 'map' && second) yield* typeDrift(type.value, second, `${path}{}`);
}

/** The type of a column of Parquet by its name in the specification (Appendix A, "Parquet"). */
function typeIn({ element, children }: SchemaTree): string {
  const { type, converted_type: converted, logical_type: logical, precision, scale } = element;
  if (converted === 'LIST' || logical?.type === 'LIST') return 'list';
  if (converted === 'MAP' || logical?.type === 'MAP') return 'map';
  if (children.length > 0) return 'struct';
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return `decimal(${precision},${scale ?? 0})`;
  switch (type) {
    case 'BYTE_ARRAY':
      return converted === 'UTF8' || logical?.type === 'STRING' ? 'string' : 'binary';
    case 'INT32':
      return converted === 'DATE' || logical?.type === 'DATE' ? 'date' : 'int';
    case 'INT64':
      if (logical?.type !== 'TIMESTAMP') return converted?.startsWith('TIMESTAMP') ? 'timestamptz' : 'long';
      return `timestamp${logical.isAdjustedToUTC ? 'tz' : ''}${logical.unit === 'MICROS' ? '' : ` in ${logical.unit?.toLowerCase()}`}`;
    default:
      return String(type).toLowerCase();
  }
}
