import * as z from 'zod';
import type { NestedKind } from '../../column-type.ts';
import { type Column, type ColumnType, revisionColumns } from '../../columns.ts';
import { decimalName } from '../../decimal.ts';
import { decimalDigits, promotable, typeText } from './promotion.ts';
import {
  type ListType,
  type MapType,
  type NestedField,
  type PrimitiveType,
  type Schema,
  type StructType,
  schema,
  type Type,
} from './types.ts';

/** Old names of columns by the paths of the new ones: `{ 'details.height': 'size' }`. */
export type Renames = Readonly<Record<string, string | undefined>>;

export const schemaState = z.object({
  schema,
  /** The highest id that any column ever had. */
  lastColumnId: z.int().nonnegative(),
});
export type SchemaState = Readonly<z.infer<typeof schemaState>>;

const primitives = {
  string: 'string',
  int32: 'int',
  int64: 'long',
  double: 'double',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamptz',
  binary: 'binary',
} as const satisfies Record<Exclude<ColumnType['kind'], NestedKind | 'decimal'>, PrimitiveType>;

/**
 * A table's schema after its columns changed (specification, "Schema Evolution"). A column keeps its id by
 * its name, or by the old name that `renames` tells; a new one gets the next id; one that is gone leaves the
 * schema. So a reader finds in every file, old or new, the values of the column that it means.
 *
 * What was optional stays so, and a column that comes later is optional: the rows before it have no value.
 *
 * @param state `undefined` for a new table
 * @throws {Error} that names the column whose change would make old files unreadable, and the cure
 */
export function schemaAfter(
  state: SchemaState | undefined,
  columns: readonly Column[],
  renames: Renames = {},
): SchemaState {
  let last = state?.lastColumnId ?? 0;
  const next = () => {
    last += 1;
    return last;
  };
  const fields = fieldsAfter(state?.schema.fields, columns, '', { next, renames });
  const after: Schema = { type: 'struct', 'schema-id': (state?.schema['schema-id'] ?? -1) + 1, fields };
  return { schema: after, lastColumnId: last };
}

interface Change {
  readonly next: () => number;
  readonly renames: Renames;
}

/** @param old of the same struct in the schema before; `undefined` if the whole struct is new */
function fieldsAfter(
  old: readonly NestedField[] | undefined,
  columns: readonly Column[],
  parent: string,
  change: Change,
): NestedField[] {
  const before = new Map(old?.map((field) => [field.name, field]));
  const found = columns.map((column) => {
    const path = `${parent}${column.name}`;
    const was = before.get(column.name) ?? before.get(change.renames[path] ?? '');
    return { column, path, was, id: was?.id ?? change.next() };
  });
  const twice = found.find(({ was }, i) => was && found.findIndex((each) => each.was === was) < i);
  if (twice !== undefined)
    throw new Error(
      `Column ${twice.path} can't be renamed from ${twice.was?.name}, which is another column's name or old name: name each old column once.`,
    );
  // Ids of a level come before those of the levels below it, as other writers give them.
  return found.map(({ column, path, was, id }) => ({
    ...was,
    id,
    name: column.name,
    required: !column.nullable && (old === undefined || was?.required === true),
    type: typeAfter(was?.type, column.type, path, change),
  }));
}

function typeAfter(old: Type | undefined, type: ColumnType, path: string, change: Change): Type {
  switch (type.kind) {
    case 'list': {
      const was = structured<ListType>(old, 'list', type, path);
      const id = was?.['element-id'] ?? change.next();
      return {
        ...was,
        type: 'list',
        'element-id': id,
        'element-required': !type.nullable && was?.['element-required'] !== false,
        element: typeAfter(was?.element, type.element, `${path}[]`, change),
      };
    }
    case 'map': {
      const was = structured<MapType>(old, 'map', type, path);
      const [key, value] = [was?.['key-id'] ?? change.next(), was?.['value-id'] ?? change.next()];
      return {
        ...was,
        type: 'map',
        'key-id': key,
        key: 'string',
        'value-id': value,
        'value-required': !type.nullable && was?.['value-required'] !== false,
        value: typeAfter(was?.value, type.value, `${path}{}`, change),
      };
    }
    case 'struct': {
      const was = structured<StructType>(old, 'struct', type, path);
      return { ...was, type: 'struct', fields: fieldsAfter(was?.fields, type.fields, `${path}.`, change) };
    }
    default: {
      const wanted = type.kind === 'decimal' ? decimalName(type) : primitives[type.kind];
      if (old === undefined || old === wanted || (typeof old === 'string' && promotable(old, wanted)))
        return wanted;
      throw incompatible(path, old, wanted);
    }
  }
}

function structured<Kind extends ListType | MapType | StructType>(
  old: Type | undefined,
  kind: Kind['type'],
  wanted: ColumnType,
  path: string,
): Kind | undefined {
  if (old === undefined) return undefined;
  if (typeof old === 'object' && old.type === kind) return old as Kind;
  throw incompatible(path, old, wanted.kind);
}

function incompatible(path: string, old: Type, wanted: string): Error {
  return new Error(
    `Column ${path} is ${typeText(old)} in the table's files and can't become ${wanted}: give the new column another name. ` +
      'The old one then leaves the table, and older snapshots keep its values.',
  );
}

/**
 * The columns of a table with this schema, whatever its dataset says by now: a column that the table may miss
 * in a row is nullable. @throws {Error} that names the column whose type no dataset of ours has
 */
export function columnsOfSchema({ fields }: StructType): Column[] {
  return fields.map(({ name, required, type }) => {
    const inRuns = revisionColumns.some((column) => column.name === name);
    return { name, type: columnType(name, type), nullable: !required, ...(inRuns && { inRuns }) };
  });
}

const kinds = new Map<string, keyof typeof primitives>(
  (Object.keys(primitives) as (keyof typeof primitives)[]).map((kind) => [primitives[kind], kind]),
);

function columnType(path: string, type: Type): ColumnType {
  if (typeof type === 'object' && type.type === 'struct')
    return { kind: 'struct', fields: columnsOfSchema(type) };
  if (typeof type === 'object' && type.type === 'list') {
    const element = columnType(`${path}[]`, type.element);
    return { kind: 'list', element, nullable: !type['element-required'] };
  }
  if (typeof type === 'object' && type.type === 'map')
    return { kind: 'map', value: columnType(`${path}{}`, type.value), nullable: !type['value-required'] };
  const decimal = typeof type === 'string' ? decimalDigits(type) : undefined;
  if (decimal !== undefined) return { kind: 'decimal', ...decimal };
  const kind = typeof type === 'string' ? kinds.get(type) : undefined;
  if (kind === undefined)
    throw new Error(`Column ${path} is ${typeText(type)}, which Sluice does not write.`);
  return { kind };
}

/** Whether two schemas have the same fields, whatever their ids are. */
export function sameFields(one: StructType, other: StructType): boolean {
  return JSON.stringify(one.fields) === JSON.stringify(other.fields);
}
