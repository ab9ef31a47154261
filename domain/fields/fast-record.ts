import type * as z from 'zod';
import { fieldTypeOf, type Refuse } from './field.ts';

type ReadRecord = (record: unknown) => Record<string, unknown> | undefined;

const readers = new WeakMap<z.core.$ZodType, ReadRecord>();

/**
 * The schema's result for a record of our fields and of plain texts. `undefined` tells nothing: then the
 * schema itself must be asked, which takes several times as long.
 */
export function parseFast(schema: z.core.$ZodType, record: unknown): Record<string, unknown> | undefined {
  let reader = readers.get(schema);
  if (reader === undefined) {
    reader = readerOf(schema);
    readers.set(schema, reader);
  }
  return reader(record);
}

const REFUSED = Symbol('refused');
const refuse = (() => REFUSED) as () => never;
const never: ReadRecord = () => undefined;

interface Field {
  readonly name: string;
  readonly read: (input: unknown, refuse: Refuse) => unknown;
  readonly optional: boolean;
}

function readerOf(schema: z.core.$ZodType): ReadRecord {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object' || def.catchall !== undefined || (def.checks?.length ?? 0) > 0) return never;
  const fields: Field[] = [];
  for (const [name, declared] of Object.entries(def.shape)) {
    const inner = innerOf(declared);
    const read = readOf(inner);
    if (read === undefined) return never;
    fields.push({ name, read, optional: inner !== declared });
  }
  return (record) => {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return undefined;
    const found: Record<string, unknown> = {};
    for (const { name, read, optional } of fields) {
      const content = (record as Record<string, unknown>)[name];
      if (content === null || (content === undefined && !optional)) return undefined;
      const value = content === undefined ? undefined : read(content, refuse);
      if (value === REFUSED) return undefined;
      found[name] = value;
    }
    return found;
  };
}

/** The schema of an optional field's value. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'optional' && (def.checks?.length ?? 0) === 0 ? def.innerType : schema;
}

function readOf(schema: z.core.$ZodType): Field['read'] | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if ((def.checks?.length ?? 0) > 0) return undefined;
  const isPlainText = def.type === 'string' && !('format' in def);
  return isPlainText ? textAsItIs : fieldTypeOf(schema)?.read;
}

const textAsItIs: Field['read'] = (input, otherwise) =>
  typeof input === 'string' ? input : otherwise({ code: 'invalid_type', expected: 'string', input });
