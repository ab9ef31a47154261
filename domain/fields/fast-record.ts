import type * as z from 'zod';
import { type FieldType, fieldTypeOf } from './field.ts';

/** A field whose value can be read without the schema. */
type FastField = Pick<FieldType<unknown>, 'read' | 'readBytes'> & {
  readonly name: string;
  readonly optional: boolean;
};

const known = new WeakMap<z.core.$ZodType, readonly FastField[] | 'none'>();

/** What a field that is wrong is read as; the schema itself finds out what is wrong about it. */
export const REFUSED = Symbol('refused');
export const refuse = (() => REFUSED) as () => never;

/**
 * The fields of a schema of our fields and of plain texts, in its order. `undefined` tells nothing: then the
 * schema itself must be asked, which takes several times as long.
 */
export function fastFields(schema: z.core.$ZodType): readonly FastField[] | undefined {
  let fields = known.get(schema);
  if (fields === undefined) {
    fields = fieldsOf(schema) ?? 'none';
    known.set(schema, fields);
  }
  return fields === 'none' ? undefined : fields;
}

/** The schema's result for a record; `undefined` tells nothing, as above. */
export function parseFast(schema: z.core.$ZodType, record: unknown): Record<string, unknown> | undefined {
  const fields = fastFields(schema);
  if (fields === undefined || typeof record !== 'object' || record === null || Array.isArray(record))
    return undefined;
  const found: Record<string, unknown> = {};
  for (const { name, read, optional } of fields) {
    const content = (record as Record<string, unknown>)[name];
    if (content === null || (content === undefined && !optional)) return undefined;
    const value = content === undefined ? undefined : read(content, refuse);
    if (value === REFUSED) return undefined;
    found[name] = value;
  }
  return found;
}

function fieldsOf(schema: z.core.$ZodType): readonly FastField[] | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object' || def.catchall !== undefined || (def.checks?.length ?? 0) > 0) return undefined;
  const fields: FastField[] = [];
  for (const [name, declared] of Object.entries(def.shape)) {
    const inner = innerOf(declared);
    const type = typeOf(inner);
    // Every object has some names of its own, such as `constructor`.
    if (type === undefined || name in Object.prototype) return undefined;
    const { read, readBytes } = type;
    fields.push({ name, read, readBytes, optional: inner !== declared });
  }
  return fields;
}

/** The schema of an optional field's value. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'optional' && (def.checks?.length ?? 0) === 0 ? def.innerType : schema;
}

function typeOf(schema: z.core.$ZodType): Pick<FastField, 'read' | 'readBytes'> | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if ((def.checks?.length ?? 0) > 0) return undefined;
  const isPlainText = def.type === 'string' && !('format' in def);
  return isPlainText ? textAsItIs : fieldTypeOf(schema);
}

const textAsItIs: Pick<FastField, 'read' | 'readBytes'> = {
  read: (input, otherwise) =>
    typeof input === 'string' ? input : otherwise({ code: 'invalid_type', expected: 'string', input }),
  readBytes: undefined,
};
