import * as z from 'zod';
import { type FieldType, fieldTypeOf } from './field.ts';

/** A field whose value can be read without the schema. */
type FastField = Pick<FieldType<unknown>, 'read' | 'readBytes'> & {
  readonly name: string;
  readonly optional: boolean;
};

/** A schema of our fields and of texts. */
interface FastRecord {
  /** In the schema's order. */
  readonly fields: readonly FastField[];
  /** Makes the record of the values of all fields. */
  readonly make: (values: readonly unknown[]) => Record<string, unknown>;
}

const known = new WeakMap<z.core.$ZodType, FastRecord | 'none'>();

/** What a field that is wrong is read as; the schema itself finds out what is wrong about it. */
export const REFUSED = Symbol('refused');
export const refuse = (() => REFUSED) as () => never;

/** `undefined` tells nothing: then the schema itself must be asked, which takes several times as long. */
export function fastRecord(schema: z.core.$ZodType): FastRecord | undefined {
  let fast = known.get(schema);
  if (fast === undefined) {
    const fields = fieldsOf(schema);
    fast = fields === undefined ? 'none' : { fields, make: objectMaker(fields.map(({ name }) => name)) };
    known.set(schema, fast);
  }
  return fast === 'none' ? undefined : fast;
}

/** The schema's result for a record; `undefined` tells nothing, as above. */
export function parseFast(schema: z.core.$ZodType, record: unknown): Record<string, unknown> | undefined {
  const fast = fastRecord(schema);
  if (fast === undefined || typeof record !== 'object' || record === null || Array.isArray(record))
    return undefined;
  const values: unknown[] = [];
  for (const { name, read, optional } of fast.fields) {
    const content = (record as Record<string, unknown>)[name];
    if (content === null || (content === undefined && !optional)) return undefined;
    const value = content === undefined ? undefined : read(content, refuse);
    if (value === REFUSED) return undefined;
    values.push(value);
  }
  return fast.make(values);
}

/**
 * Code for one shape of objects, none of whose names is one of every object's: V8 makes such an object at
 * once, and one that gets its fields by their names several times as slowly.
 */
function objectMaker(names: readonly string[]): FastRecord['make'] {
  const fields = names.map((name, i) => `${JSON.stringify(name)}: values[${i}]`);
  return new Function('values', `return { ${fields} };`) as FastRecord['make'];
}

function fieldsOf(schema: z.core.$ZodType): readonly FastField[] | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object' || def.catchall !== undefined || (def.checks?.length ?? 0) > 0) return undefined;
  const fields: FastField[] = [];
  for (const [name, declared] of Object.entries(def.shape)) {
    const type = typeOf(innerOf(declared));
    // Every object has some names of its own, such as `constructor`.
    if (type === undefined || name in Object.prototype) return undefined;
    const { read, readBytes } = type;
    fields.push({ name, read, readBytes, optional: z.safeParse(declared, undefined).success });
  }
  return fields;
}

/** The schema of a value that is there. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if ((def.type !== 'optional' && def.type !== 'nullable') || def.checks?.length) return schema;
  return innerOf(def.innerType);
}

type Reader = Pick<FastField, 'read' | 'readBytes'>;

function typeOf(schema: z.core.$ZodType): Reader | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const reader = plainReader(schema);
  // A format such as `z.email()` is the first of its own checks.
  const ofFormat = 'check' in def ? [schema as z.core.$ZodType & z.core.$ZodCheck] : [];
  const checks = [...ofFormat, ...(def.checks ?? [])];
  if (reader === undefined || !checks.every(isPure)) return undefined;
  return checks.length === 0 ? reader : withChecks(reader, checks);
}

function plainReader(schema: z.core.$ZodType): Reader | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'string') return readerOf((input) => typeof input === 'string');
  if (def.type !== 'enum' && def.type !== 'literal') return fieldTypeOf(schema);
  const { values }: { values: ReadonlySet<unknown> } = (schema as z.core.$ZodEnum | z.core.$ZodLiteral)._zod;
  return readerOf((input) => typeof input === 'string' && values.has(input));
}

/** Reads values as they are. */
function readerOf(isRight: (input: unknown) => boolean): Reader {
  return {
    read: (input, otherwise) =>
      isRight(input) ? input : otherwise({ code: 'invalid_type', expected: 'string', input }),
    readBytes: undefined,
  };
}

/** Zod's checks that look at nothing but the value. */
const PURE: ReadonlySet<string> = new Set([
  'min_length',
  'max_length',
  'length_equals',
  'string_format',
  'greater_than',
  'less_than',
  'multiple_of',
]);

/** Whether a check has no code of a dataset, which might throw, or be asynchronous. */
function isPure({ _zod: { def } }: z.core.$ZodCheck): boolean {
  return PURE.has(def.check) && !('fn' in def);
}

function withChecks({ read, readBytes }: Reader, checks: readonly z.core.$ZodCheck[]): Reader {
  const passes = (value: unknown) => {
    const payload: z.core.ParsePayload = { value, issues: [] };
    for (const check of checks) void check._zod.check(payload as z.core.ParsePayload<never>);
    // Some change the value.
    return payload.issues.length === 0 && payload.value === value;
  };
  return {
    read(input, otherwise) {
      const value = read(input, otherwise);
      return value === REFUSED || passes(value)
        ? value
        : otherwise({ code: 'custom', input, message: 'does not pass a check' });
    },
    readBytes:
      readBytes &&
      ((bytes, start, end) => {
        const value = readBytes(bytes, start, end);
        return value !== undefined && passes(value) ? value : undefined;
      }),
  };
}
