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

type Schema = z.core.$ZodType;

const known = new WeakMap<Schema, Named>();

/** The fields that a schema names: in its input, before any schema of a pipe changes it. */
export function namedIn(schema: Schema): Named {
  let named = known.get(schema);
  if (named === undefined) {
    named = new Places().of([schema]);
    known.set(schema, named);
  }
  return named;
}

/**
 * In so many places of a record are unknown fields looked for. A schema has more only if it contains itself,
 * and is made anew each time.
 */
const MOST_PLACES = 1000;
/** And so many of them within each other: each takes some of the stack. */
const MOST_WITHIN = 100;

const NOTHING: Named = {};
const ANYTHING: Named = { object: { fields: new Map(), isOpen: true, order: [] } };

/** The places where a record may have a value, each by the schemas that the value may match. */
class Places {
  readonly #numbers = new Map<Schema, number>();
  readonly #known = new Map<string, Named>();
  /** Those that contain what is looked into: a schema may contain itself. */
  readonly #pending = new Set<Named>();

  /** What schemas name together: each of them may take the value. */
  of(schemas: readonly Schema[]): Named {
    const readers = readersIn(schemas);
    if (readers.length === 0) return NOTHING;
    const place = readers.map((each) => this.#numberOf(each)).join();
    const before = this.#known.get(place);
    if (before !== undefined) return before;
    if (this.#known.size === MOST_PLACES || this.#pending.size === MOST_WITHIN) return ANYTHING;
    const named: Named = {};
    this.#known.set(place, named);
    this.#pending.add(named);
    Object.assign(named, this.#fieldsOf(readers));
    this.#pending.delete(named);
    return named;
  }

  #fieldsOf(readers: readonly Schema[]): Named {
    const fields = new Map<string, Schema[]>();
    const values: Schema[] = [];
    const items: Schema[] = [];
    let isOpen = false;
    for (const reader of readers) {
      const { def } = (reader as z.core.$ZodTypes)._zod;
      if (def.type === 'array') items.push(def.element);
      else if (def.type === 'tuple') items.push(...def.items, ...(def.rest ? [def.rest] : []));
      else if (def.type === 'object') {
        isOpen ||= def.catchall !== undefined;
        for (const [name, field] of Object.entries(def.shape))
          fields.set(name, [...(fields.get(name) ?? []), field]);
      } else {
        isOpen = true;
        if (def.type === 'record') values.push(def.valueType);
      }
    }
    const [ofValues, ofItems] = [this.#usefulIn(values), this.#usefulIn(items)];
    return {
      ...((isOpen || readers.some(isObject)) && {
        object: {
          fields: new Map([...fields].map(([name, all]) => [name, this.#usefulIn(all)])),
          isOpen,
          ...(ofValues && { values: ofValues }),
          order: [],
        },
      }),
      ...(ofItems && { items: ofItems }),
    };
  }

  /** `undefined` if no value can have an unknown field there. */
  #usefulIn(schemas: readonly Schema[]): Named | undefined {
    const named = this.of(schemas);
    if (this.#pending.has(named)) return named;
    const { object, items } = named;
    const isUseful =
      items !== undefined ||
      (object !== undefined &&
        (!object.isOpen ||
          object.values !== undefined ||
          [...object.fields.values()].some((each) => each !== undefined)));
    return isUseful ? named : undefined;
  }

  #numberOf(schema: Schema): number {
    const number = this.#numbers.get(schema) ?? this.#numbers.size;
    this.#numbers.set(schema, number);
    return number;
  }
}

const isObject = ({ _zod: { def } }: Schema) => def.type === 'object';

/** The schemas of objects and lists that the input of some schemas may have. */
function readersIn(schemas: readonly Schema[]): readonly Schema[] {
  const all = new Set(schemas);
  // What is added meanwhile is visited too.
  for (const schema of all) for (const each of alternativesIn(schema)) all.add(each);
  return [...all].filter(({ _zod: { def } }) => READERS.has(def.type));
}

const READERS: ReadonlySet<string> = new Set([
  ...['object', 'record', 'array', 'tuple'],
  // These read anything.
  ...['any', 'unknown', 'custom', 'transform'],
]);

/** The schemas that get the input of one that reads none itself. */
function alternativesIn(schema: Schema): readonly Schema[] {
  const inner = readerWithin(schema);
  if (inner !== undefined) return [inner];
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'union') return def.options;
  if (def.type === 'intersection') return [def.left, def.right];
  return def.type === 'lazy' ? [def.getter()] : [];
}
