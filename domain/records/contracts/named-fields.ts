import type * as z from 'zod';
import { readerWithin } from '../schema-input.ts';

/** The fields that a schema names, wherever a value may have any. */
export interface Named {
  /** If the value is an object. */
  readonly object?: {
    readonly fields: ReadonlyMap<string, Named | undefined>;
    /** Whether the schema takes fields of other names too: then none is unknown. */
    readonly isOpen: boolean;
    /** In the value of any field that is not in `fields`. */
    readonly values?: Named;
    /** Known fields of the value that was looked at last, in its order. */
    readonly order: { readonly name: string; readonly inner: Named | undefined }[];
  };
  /** If the value is a list: in each of its items. */
  readonly items?: Named;
}

const known = new WeakMap<z.core.$ZodType, Named>();
/** Those that contain what is looked into: a schema may contain itself. */
const pending = new Set<z.core.$ZodType>();

/** The fields that a schema names: in its input, before any schema of a pipe changes it. */
export function namedIn(schema: z.core.$ZodType): Named {
  let named = known.get(schema);
  if (named === undefined) {
    named = {};
    known.set(schema, named);
    pending.add(schema);
    Object.assign(named, fieldsOf(schema));
    pending.delete(schema);
  }
  return named;
}

const ANY: Named = { object: { fields: new Map(), isOpen: true, order: [] } };

function fieldsOf(schema: z.core.$ZodType): Named {
  const inner = readerWithin(schema);
  if (inner !== undefined) return namedIn(inner);
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const fields = Object.entries(def.shape).map(([name, field]) => [name, usefulIn(field)] as const);
      return { object: { fields: new Map(fields), isOpen: def.catchall !== undefined, order: [] } };
    }
    case 'record': {
      const values = usefulIn(def.valueType);
      return { object: { fields: new Map(), isOpen: true, ...(values && { values }), order: [] } };
    }
    case 'array': {
      const items = usefulIn(def.element);
      return { ...(items && { items }) };
    }
    case 'union':
      return def.options.map(namedIn).reduce(merged, {});
    case 'intersection':
      return merged(namedIn(def.left), namedIn(def.right));
    case 'lazy':
      return namedIn(def.getter());
    case 'any':
    case 'unknown':
    case 'custom':
    case 'transform':
      return ANY;
    default:
      return {};
  }
}

/** `undefined` if no value can have an unknown field there. */
function usefulIn(schema: z.core.$ZodType): Named | undefined {
  const named = namedIn(schema);
  if (pending.has(schema)) return named;
  const { object, items } = named;
  const isUseful =
    items !== undefined ||
    (object !== undefined &&
      (!object.isOpen ||
        object.values !== undefined ||
        [...object.fields.values()].some((each) => each !== undefined)));
  return isUseful ? named : undefined;
}

/** What one of two schemas names, or both: each may take the value. */
function merged(a: Named, b: Named): Named {
  const items = either(a.items, b.items);
  const object = a.object && b.object ? mergedObjects(a.object, b.object) : (a.object ?? b.object);
  return { ...(object && { object }), ...(items && { items }) };
}

function mergedObjects(
  a: NonNullable<Named['object']>,
  b: NonNullable<Named['object']>,
): NonNullable<Named['object']> {
  const names = new Set([...a.fields.keys(), ...b.fields.keys()]);
  const values = either(a.values, b.values);
  return {
    fields: new Map([...names].map((name) => [name, either(a.fields.get(name), b.fields.get(name))])),
    isOpen: a.isOpen || b.isOpen,
    ...(values && { values }),
    order: [],
  };
}

const either = (a: Named | undefined, b: Named | undefined) => (a && b ? merged(a, b) : (a ?? b));
