import type * as z from 'zod';
import { fieldTypeOf } from '../fields/field.ts';
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
  new Texts(json).read(json.search(/\S/), places, root, 'record');
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

/** All that ends a number or a word. */
const END = /[,\]}\s]|$/g;
const NO_SPACE = /\S/g;
const QUOTE_OR_BRACKET = /["[\]{}]/g;

/** Finds values in a text of JSON, which must be valid. */
class Texts {
  readonly #json: string;

  constructor(json: string) {
    this.#json = json;
  }

  /**
   * Replaces the values within the one that begins at `start`, and gives back where that ends.
   *
   * @param holder has the parsed value under `name`
   */
  read(start: number, places: Places | undefined, holder: object, name: string | number): number {
    const json = this.#json;
    const of = holder as Record<string | number, unknown>;
    const opening = json[start];
    const value = places === undefined ? undefined : of[name];
    if (places === undefined || places.isText || typeof value !== 'object' || value === null) {
      const end = this.#endOf(start);
      if (places?.isText && value !== null && value !== undefined) of[name] = json.slice(start, end);
      return end;
    }
    let at = this.#next(start + 1);
    for (let i = 0; json[at] !== '}' && json[at] !== ']'; i += 1) {
      let key: string | number = i;
      if (opening === '{') {
        const end = this.#endOf(at);
        key = JSON.parse(json.slice(at, end)) as string;
        at = this.#next(this.#next(end) + 1);
      }
      // A name may be there twice: the last one counts, and the text of the one before is replaced by it.
      at = this.#next(this.read(at, places.fields?.get(String(key)) ?? places.all, value, key));
      if (json[at] === ',') at = this.#next(at + 1);
    }
    return at + 1;
  }

  #next(from: number): number {
    return this.#find(NO_SPACE, from);
  }

  #endOf(start: number): number {
    const opening = this.#json[start];
    if (opening === '"') return this.#endOfText(start);
    if (opening !== '{' && opening !== '[') return this.#find(END, start);
    let depth = 0;
    let at = start;
    do {
      at = this.#find(QUOTE_OR_BRACKET, at);
      const character = this.#json[at];
      if (character === '"') at = this.#endOfText(at);
      else {
        depth += character === '{' || character === '[' ? 1 : -1;
        at += 1;
      }
    } while (depth > 0);
    return at;
  }

  #endOfText(start: number): number {
    let at = this.#json.indexOf('"', start + 1);
    while (this.#isEscaped(at)) at = this.#json.indexOf('"', at + 1);
    return at + 1;
  }

  #isEscaped(at: number): boolean {
    let start = at;
    while (this.#json[start - 1] === '\\') start -= 1;
    return (at - start) % 2 === 1;
  }

  #find(wanted: RegExp, from: number): number {
    wanted.lastIndex = from;
    return wanted.exec(this.#json)?.index ?? this.#json.length;
  }
}
