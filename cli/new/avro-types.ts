import { avroSchema } from '../../domain/records/decoding/avro/avro.ts';
import { filesIn } from '../../domain/records/decoding/compressed/files.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import { type FieldType, NANOSECONDS, nested, orNull, plain, structOf } from './field-type.ts';

type Attributes = Readonly<Record<string, unknown>>;

/**
 * The types of the fields of an Avro file, as its schema says. Of those that it leaves open, such as a union
 * of several types, the values must tell. @throws {PermanentError}
 */
export async function avroTypes(open: Source): Promise<ReadonlyMap<string, FieldType>> {
  for await (const { content } of filesIn(open)) {
    const schema = (await avroSchema(content)) as Attributes;
    const found = new Map<string, FieldType>();
    for (const { name, type } of fieldsOf(schema)) {
      const of = typeOf(type);
      if (of !== undefined) found.set(name, of);
    }
    return found;
  }
  return new Map();
}

function fieldsOf({ fields }: Attributes): readonly { readonly name: string; readonly type: unknown }[] {
  return Array.isArray(fields) ? fields : [];
}

/** The type of a value that may be null, which its records say. */
function typeOf(schema: unknown): FieldType | undefined {
  if (Array.isArray(schema)) {
    const [only, ...others] = schema.filter((branch) => branch !== 'null');
    return others.length === 0 ? typeOf(only) : undefined;
  }
  if (typeof schema === 'string') return leafType(schema, {});
  const of = schema as Attributes;
  switch (of['type']) {
    case 'record':
      return recordType(of);
    case 'array':
      return around(of['items'], (item) => `z.array(${item})`);
    case 'map':
      return around(of['values'], (value) => `z.record(z.string(), ${value})`);
    case 'enum':
      return plain('z.string()');
    default:
      return typeof of['type'] === 'string' ? leafType(of['type'], of) : typeOf(of['type']);
  }
}

const mayBeNull = (schema: unknown) => Array.isArray(schema) && schema.includes('null');

function around(schema: unknown, write: (type: string) => string): FieldType | undefined {
  const type = typeOf(schema);
  return type && nested(mayBeNull(schema) ? orNull(type) : type, write);
}

function recordType(schema: Attributes): FieldType | undefined {
  const fields: (readonly [string, FieldType])[] = [];
  for (const { name, type } of fieldsOf(schema)) {
    const of = typeOf(type);
    if (of === undefined) return undefined;
    fields.push([name, mayBeNull(type) ? orNull(of) : of]);
  }
  return structOf(fields);
}

function leafType(
  name: string,
  { logicalType: logical, precision, scale = 0 }: Attributes,
): FieldType | undefined {
  switch (logical) {
    case 'decimal':
      return plain(`decimal(${precision}, ${scale})`);
    case 'date':
      return plain('date()');
    case 'time-millis':
    case 'time-micros':
      return plain('time()');
    case 'timestamp-millis':
    case 'timestamp-micros':
      return plain('timestamp()');
    case 'timestamp-nanos':
      return plain('timestamp()', NANOSECONDS);
    case 'local-timestamp-millis':
    case 'local-timestamp-micros':
    case 'local-timestamp-nanos':
      return {
        ...plain('timestamp()', 'no value has a zone: say where the clocks stand'),
        record: "timestamp({ zone: 'UTC' })",
      };
    case 'uuid':
      return plain('z.string()');
  }
  return leaves[name];
}

const leaves: Readonly<Record<string, FieldType>> = {
  boolean: plain('z.boolean()'),
  int: plain('int32()'),
  long: plain('int64()'),
  float: plain('double()'),
  double: plain('double()'),
  string: plain('z.string()'),
  bytes: { ...plain('binary()'), isPlain: false },
  fixed: { ...plain('binary()'), isPlain: false },
};
