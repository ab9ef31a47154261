import type { SchemaTree } from 'hyparquet';
import type { Column, ColumnType } from '../../domain/columns.ts';
import type { FieldIds } from '../../formats/parquet/field-ids.ts';
import type { StoredColumn } from '../../formats/parquet/read.ts';

/**
 * Those of a table's columns that a file has, by their ids: one that was renamed keeps its values; one that
 * left the table and came again under its name is another one, and has no values in older files (Iceberg's
 * specification, "Column Projection").
 *
 * @param stored the columns of the file
 */
export function columnsIn(
  stored: readonly SchemaTree[],
  columns: readonly Column[],
  ids: FieldIds,
): StoredColumn[] {
  return columns.flatMap((column) => {
    const { id, inner = {} } = ids[column.name] ?? {};
    const found = stored.find(({ element }) => id !== undefined && element.field_id === id);
    if (found === undefined) return [];
    return [{ ...column, storedAs: found.element.name, type: typeIn(found, column.type, inner) }];
  });
}

function typeIn(stored: SchemaTree, type: ColumnType, ids: FieldIds): ColumnType {
  if (type.kind === 'struct') return { kind: 'struct', fields: columnsIn(stored.children, type.fields, ids) };
  if (type.kind === 'map') {
    const value = stored.children[0]?.children[1];
    return value === undefined
      ? type
      : { ...type, value: typeIn(value, type.value, ids['value']?.inner ?? {}) };
  }
  if (type.kind !== 'list') return type;
  // "LogicalTypes.md, Lists": a group of repeated groups of one element.
  const element = stored.children[0]?.children[0];
  if (element === undefined) return type;
  return { ...type, element: typeIn(element, type.element, ids['element']?.inner ?? {}) };
}
