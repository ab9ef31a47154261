import type * as z from 'zod';
import { CsvRecord } from '../../domain/records/decoding/csv/record.ts';
import type { InputRecord } from '../../domain/records/decoding/decode.ts';
import { renderPath } from '../../domain/records/validation.ts';
import { BoundedCounts } from './bounded-counts.ts';

/** A step of a path: all elements of a list, which count as one. */
const EACH = Symbol('each');

type Visit = (value: unknown, path: readonly PropertyKey[], found: Set<string>) => void;

/** Counts the fields that a dataset's schema does not name: validation drops them without a word. */
export class UnknownFields {
  /** In how many records each one is. */
  readonly counts = new BoundedCounts();
  readonly #visit: Visit | undefined;

  constructor(record: z.core.$ZodType) {
    this.#visit = visitorOf(record);
  }

  /** @param value of the record, as it was read */
  add(record: InputRecord, value: unknown): void {
    const found = new Set<string>();
    if (record instanceof CsvRecord) for (const name of record.unknownFields()) found.add(renderPath([name]));
    else this.#visit?.(value, [], found);
    for (const path of found) this.counts.add(path);
  }
}

/** `undefined` where a schema has no objects, whose fields it could name. */
function visitorOf(schema: z.core.$ZodType, seen: readonly z.core.$ZodType[] = []): Visit | undefined {
  // A schema that contains itself is looked into once.
  if (seen.includes(schema)) return undefined;
  const within = [...seen, schema];
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'nullable':
    case 'optional':
    case 'default':
    case 'prefault':
    case 'readonly':
      return visitorOf(def.innerType, within);
    case 'pipe':
      return visitorOf(def.in, within);
    case 'array': {
      const element = visitorOf(def.element, within);
      return (
        element &&
        ((value, path, found) => {
          if (!Array.isArray(value)) return;
          const inner = [...path, EACH];
          for (const each of value) element(each, inner, found);
        })
      );
    }
    case 'object': {
      const fields = new Map(
        Object.entries(def.shape).map(([name, field]) => [name, visitorOf(field, within)] as const),
      );
      // With a catchall, other fields are kept or refused.
      const isOpen = def.catchall !== undefined;
      return (value, path, found) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
        for (const name of Object.keys(value)) {
          const visit = fields.get(name);
          if (visit !== undefined) visit((value as Record<string, unknown>)[name], [...path, name], found);
          else if (!isOpen && !fields.has(name)) found.add(rendered([...path, name]));
        }
      };
    }
    default:
      return undefined;
  }
}

/** `items[*].colour` */
function rendered(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    const name = step === EACH ? '[*]' : renderPath([step]);
    text += text === '' || name.startsWith('[') ? name : `.${name}`;
  }
  return text;
}
