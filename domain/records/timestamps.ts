import type * as z from 'zod';
import { type Column, type ColumnType, columnsOf } from '../columns.ts';
import { renderPath } from './validation.ts';

type Path = readonly PropertyKey[];
/** Finds the path of the first timestamp in a value that its column can't hold. */
type Find = (value: unknown, path: Path) => Path | undefined;

/** A table's timestamp has microseconds; zeros after them do not matter. */
const BELOW_MICROSECONDS = /\.\d{6}\d*[1-9]/;

const finders = new WeakMap<z.ZodObject, Find>();

/**
 * The path of a timestamp in a valid row with digits below the microsecond, which would be cut; `undefined`
 * if there is none.
 */
export function timestampTooFine(schema: z.ZodObject, row: unknown): string | undefined {
  let find = finders.get(schema);
  if (find === undefined) {
    find = inFields(columnsOf(schema)) ?? (() => undefined);
    finders.set(schema, find);
  }
  const path = find(row, []);
  return path && renderPath(path);
}

/** `undefined` if the type has no timestamps. */
function finderOf(type: ColumnType): Find | undefined {
  switch (type.kind) {
    case 'timestamp':
      return (value, path) =>
        typeof value === 'string' && BELOW_MICROSECONDS.test(value) ? path : undefined;
    case 'list': {
      const find = finderOf(type.element);
      return (
        find && ((value, path) => firstOf((value ?? []) as unknown[], (each, i) => find(each, [...path, i])))
      );
    }
    case 'map': {
      const find = finderOf(type.value);
      return (
        find &&
        ((value, path) =>
          firstOf(Object.entries((value ?? {}) as object), ([name, each]) => find(each, [...path, name])))
      );
    }
    case 'struct':
      return inFields(type.fields);
    default:
      return undefined;
  }
}

function inFields(columns: readonly Column[]): Find | undefined {
  const fields = columns.flatMap(({ name, type }) => {
    const find = finderOf(type);
    return find === undefined ? [] : [{ name, find }];
  });
  if (fields.length === 0) return undefined;
  return (value, path) =>
    firstOf(fields, ({ name, find }) =>
      find((value as Record<string, unknown> | null)?.[name], [...path, name]),
    );
}

function firstOf<Item>(items: readonly Item[], find: (item: Item, index: number) => Path | undefined) {
  for (let i = 0; i < items.length; i += 1) {
    const found = find(items[i] as Item, i);
    if (found !== undefined) return found;
  }
  return undefined;
}
