import type { Dataset } from '../../dataset.ts';
import { CsvRecord } from '../decoding/csv/record.ts';
import type { InputRecord } from '../decoding/decode.ts';
import { Scanner } from '../decoding/json/scanner.ts';
import type { Reading } from '../decoding/reading.ts';
import type { Problem } from '../reject.ts';
import { MAX_PROBLEMS, renderPath } from '../validation.ts';
import { type Named, namedIn } from './named-fields.ts';

/** How much of a path a problem shows: the input may have a name of any length. Characters. */
const SHOWN_CHARACTERS = 200;

/** What a record has that the dataset's schema does not name. */
export interface UnknownFields {
  /** The places as they are counted, each once, such as `items[*].colour`. */
  readonly names: ReadonlySet<string>;
  /** The first of them as the problems of a reject. */
  problems(): readonly Problem[];
  /**
   * An object of JSON with the fields: the record less what the dataset names. Values are as they are in the
   * input, character by character; those of CSV are texts.
   */
  text(): string;
}

/**
 * What a record has that the dataset's schema does not name; `undefined` if there is nothing of the kind.
 *
 * @param reading of a record of JSON
 */
export function unknownFields(
  { name, record: schema }: Pick<Dataset, 'name' | 'record'>,
  record: InputRecord,
  reading?: Extract<Reading, { value: unknown }>,
): UnknownFields | undefined {
  if (record instanceof CsvRecord) {
    const columns = record.unknownFields();
    if (columns.length === 0) return undefined;
    return {
      names: new Set(columns.map(([column]) => renderPath([column]))),
      problems: () => columns.slice(0, MAX_PROBLEMS).map(([column]) => problemAt([column], 'column', name)),
      text: () =>
        `{${columns.map(([column, text]) => `${JSON.stringify(column)}:${JSON.stringify(text)}`).join()}}`,
    };
  }
  if (reading === undefined) return undefined;
  const named = namedIn(schema);
  const { value, json } = reading;
  try {
    if (!hasUnknown(named, value)) return undefined;
    const names = new Set<string>();
    const first: (readonly PropertyKey[])[] = [];
    visitUnknown(named, value, [], (path) => {
      names.add(rendered(path));
      if (first.length < MAX_PROBLEMS) first.push(path);
    });
    return {
      names,
      problems: () => first.map((path) => problemAt(path, 'field', name)),
      text: () => restOf(json(), named),
    };
  } catch (error) {
    // It is nested too deeply, which validation finds too.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** How many fields of a record are remembered for the next one. */
const MOST_IN_ORDER = 1000;

/** Every record is asked. */
function hasUnknown({ object, items }: Named, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) {
    if (items === undefined) return false;
    for (const each of value) if (hasUnknown(items, each)) return true;
    return false;
  }
  if (object === undefined) return false;
  const { fields, isOpen, values, order } = object;
  let i = 0;
  for (const name in value) {
    // Most records have the fields of the one before, in its order: to compare takes less than to look up.
    let next = order[i];
    if (next?.name !== name) {
      const isNamed = fields.has(name);
      const inner = fields.get(name) ?? values;
      if (inner === undefined && !isOpen && !isNamed) return true;
      next = { name, inner };
      if (isNamed && i < MOST_IN_ORDER) order[i] = next;
    }
    if (next.inner !== undefined && hasUnknown(next.inner, (value as Record<string, unknown>)[name]))
      return true;
    i += 1;
  }
  return false;
}

function visitUnknown(
  { object, items }: Named,
  value: unknown,
  path: readonly PropertyKey[],
  found: (path: readonly PropertyKey[]) => void,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    if (items !== undefined)
      for (const [i, each] of value.entries()) visitUnknown(items, each, [...path, i], found);
    return;
  }
  if (object === undefined) return;
  for (const [name, each] of Object.entries(value)) {
    const inner = object.fields.get(name) ?? object.values;
    if (inner !== undefined) visitUnknown(inner, each, [...path, name], found);
    else if (!object.isOpen && !object.fields.has(name)) found([...path, name]);
  }
}

/** `items[*].colour` */
function rendered(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    const name = typeof step === 'number' ? '[*]' : renderPath([step]);
    text += text === '' || name.startsWith('[') ? name : `.${name}`;
  }
  return text;
}

function problemAt(path: readonly PropertyKey[], kind: 'field' | 'column', dataset: string): Problem {
  const place = renderPath(path);
  const shown = place.length > SHOWN_CHARACTERS ? `${place.slice(0, SHOWN_CHARACTERS)}…` : place;
  const message = `is a ${kind} that the ${dataset} record does not name. Leave it out, add it to the record’s schema, or declare unknown: 'count'.`;
  return { path: shown, code: 'unknown_field', message };
}

function restOf(json: string, named: Named): string {
  try {
    return new Rest(json).of(json.search(/\S/), named).rest ?? '{}';
  } catch (error) {
    // Nested too deeply: then nothing is left out.
    if (error instanceof RangeError) return json;
    throw error;
  }
}

interface Found {
  /** `undefined` if there is nothing unknown. */
  readonly rest: string | undefined;
  readonly end: number;
}

/** Finds in a text of JSON what a schema does not name, without changing a character of it. */
class Rest {
  readonly #scanner: Scanner;

  constructor(json: string) {
    this.#scanner = new Scanner(json);
  }

  of(start: number, named: Named | undefined): Found {
    const opening = this.#scanner.json[start];
    if (opening === '{' && named?.object !== undefined) return this.#ofObject(start, named.object);
    if (opening === '[' && named?.items !== undefined) return this.#ofList(start, named.items);
    return { rest: undefined, end: this.#scanner.endOf(start) };
  }

  #ofObject(start: number, { fields, isOpen, values }: NonNullable<Named['object']>): Found {
    // A name may be there twice: the last one counts.
    const members = new Map<string, string>();
    const end = this.#scanner.each(start, (text = '', _, at) => {
      const name = JSON.parse(text) as string;
      const isKnown = isOpen || fields.has(name);
      const inner = this.of(at, fields.get(name) ?? values);
      const rest = isKnown || inner.rest !== undefined ? inner.rest : this.#scanner.json.slice(at, inner.end);
      if (rest === undefined) members.delete(name);
      else members.set(name, `${text}:${rest}`);
      return inner.end;
    });
    return { rest: members.size === 0 ? undefined : `{${[...members.values()].join()}}`, end };
  }

  /** The items before the last with something unknown keep their places. */
  #ofList(start: number, named: Named): Found {
    const items: string[] = [];
    let length = 0;
    const end = this.#scanner.each(start, (_, index, at) => {
      const { rest, end: itemEnd } = this.of(at, named);
      items.push(rest ?? (this.#scanner.json[at] === '{' ? '{}' : 'null'));
      if (rest !== undefined) length = index + 1;
      return itemEnd;
    });
    return { rest: length === 0 ? undefined : `[${items.slice(0, length).join()}]`, end };
  }
}
