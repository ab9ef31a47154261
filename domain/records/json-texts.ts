import type * as z from 'zod';
import { fieldTypeOf } from '../fields/field.ts';
import { Scanner } from './decoding/json/scanner.ts';
import { readerWithin } from './schema-input.ts';

/** Where the values are whose text a record is to have: those of `json()`. */
interface Places {
  /** Whether it is the value itself. */
  readonly isText?: true;
  readonly fields?: ReadonlyMap<string, Places>;
  /** Of every element of a list, or every value of an object with any names. */
  readonly all?: Places;
}

/** The fields of a dataset that decide it. */
interface Texted {
  readonly source: { readonly format: string };
  readonly record: z.core.$ZodType;
}

const known = new WeakMap<z.core.$ZodType, Places | null>();

/**
 * A record of JSON, with the text of each value for which the schema has a `json()`, exactly as it is in the
 * input, in place of the value. A null stays null.
 *
 * @param text of the record, from which `record` was parsed
 */
export function withJsonTexts(
  { source, record: schema }: Texted,
  record: unknown,
  text: () => string,
): unknown {
  let places = known.get(schema);
  if (places === undefined) {
    places = placesOf(schema) ?? null;
    known.set(schema, places);
  }
  if (places === null || source.format === 'csv') return record;
  const root = { record };
  const json = text();
  replace(new Scanner(json), json.search(/\S/), places, root, 'record');
  return root.record;
}

/** `undefined` if there are none. */
function placesOf(schema: z.core.$ZodType): Places | undefined {
  const inner = readerWithin(schema);
  if (inner !== undefined) return placesOf(inner);
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'array':
      return within(placesOf(def.element));
    case 'record':
      return within(placesOf(def.valueType));
    case 'object': {
      const fields = Object.entries(def.shape).flatMap(([name, field]) => {
        const places = placesOf(field);
        return places === undefined ? [] : [[name, places] as const];
      });
      return fields.length === 0 ? undefined : { fields: new Map(fields) };
    }
    default: {
      const column = fieldTypeOf(schema)?.column;
      return column?.kind === 'string' && column.json ? { isText: true } : undefined;
    }
  }
}

const within = (places: Places | undefined): Places | undefined => places && { all: places };

/**
 * Replaces the values within the one that begins at `start`, and gives back where that ends.
 *
 * @param holder has the parsed value under `name`
 */
function replace(
  scanner: Scanner,
  start: number,
  places: Places | undefined,
  holder: object,
  name: string | number,
): number {
  const of = holder as Record<string | number, unknown>;
  const value = places === undefined ? undefined : of[name];
  if (places === undefined || places.isText || typeof value !== 'object' || value === null) {
    const end = scanner.endOf(start);
    if (places?.isText && value !== null && value !== undefined) of[name] = scanner.json.slice(start, end);
    return end;
  }
  // A name may be there twice: the last one counts, and the text of the one before is replaced by it.
  return scanner.each(start, (text, index, at) => {
    const key = text === undefined ? index : (JSON.parse(text) as string);
    return replace(scanner, at, places.fields?.get(String(key)) ?? places.all, value, key);
  });
}
