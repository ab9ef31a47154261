import type { ByteReader } from '../../../domain/records/decoding/avro/byte-reader.ts';
import { type AvroField, type AvroSchema, isKind, Names } from './schema.ts';

export type Decode = (from: ByteReader) => unknown;

/** The name under which a reader gets a field. Iceberg's readers find fields by their ids. */
export type NameOf = (field: AvroField) => string;

const primitives: Readonly<Record<string, Decode>> = {
  null: () => null,
  boolean: (from) => from.byte() !== 0,
  int: (from) => from.int(),
  long: (from) => from.long(),
  float: (from) => from.raw(4).readFloatLE(),
  double: (from) => from.raw(8).readDoubleLE(),
  string: (from) => from.bytes().toString('utf8'),
  bytes: (from) => Buffer.from(from.bytes()),
};

/**
 * The decoder of any schema; its values are those of `encoderOf`, and an enum's is its symbol.
 *
 * @throws {Error} if the schema names an unknown type
 */
export function decoderOf(
  schema: AvroSchema,
  nameOf: NameOf = ({ name }) => name,
  names = new Names<Decode>(),
  namespace = '',
): Decode {
  const inner = (each: AvroSchema, within = namespace) => decoderOf(each, nameOf, names, within);
  if (typeof schema === 'string') return primitives[schema] ?? names.find(schema, namespace);
  if (Array.isArray(schema)) {
    const branches = schema.map((each: AvroSchema) => inner(each));
    return (from) => {
      const index = from.int();
      const branch = branches[index];
      if (branch === undefined) throw new Error(`The Avro file is damaged: a union has no branch ${index}.`);
      return branch(from);
    };
  }
  if (isKind(schema, 'record')) {
    const fields: [string, Decode][] = [];
    // Defined before its fields are, since these may use it.
    const decode: Decode = (from) => {
      const record: Record<string, unknown> = {};
      for (const [name, field] of fields) record[name] = field(from);
      return record;
    };
    const within = names.define(schema, namespace, decode);
    for (const field of schema.fields) fields.push([nameOf(field), inner(field.type, within)]);
    return decode;
  }
  if (isKind(schema, 'array')) {
    if (schema.logicalType === 'map' && isKind(schema.items, 'record'))
      return mapOfPairs(schema.items.fields, inner);
    const item = inner(schema.items);
    return (from) => blocks(from, item);
  }
  if (isKind(schema, 'map')) {
    const value = inner(schema.values);
    return (from) => new Map(blocks(from, () => [from.bytes().toString('utf8'), value(from)] as const));
  }
  return named(schema as Named, names, namespace, inner);
}

interface Named {
  readonly type: AvroSchema;
  readonly size?: number;
  readonly symbols?: readonly string[];
  readonly [other: string]: unknown;
}

function named(
  schema: Named,
  names: Names<Decode>,
  namespace: string,
  inner: (schema: AvroSchema) => Decode,
): Decode {
  const { type, size, symbols } = schema;
  if (type !== 'fixed' && type !== 'enum') return inner(type);
  const decode: Decode =
    type === 'fixed'
      ? (from) => Buffer.from(from.raw(size ?? -1))
      : (from) => {
          const symbol = symbols?.[from.int()];
          if (symbol === undefined) throw new Error('The Avro file is damaged: an enum has no such symbol.');
          return symbol;
        };
  names.define(schema, namespace, decode);
  return decode;
}

/**
 * The fields of the pairs keep their own names: a map's key and value have ids that differ from map to map.
 */
function mapOfPairs(fields: readonly AvroField[], inner: (schema: AvroSchema) => Decode): Decode {
  const decoders = fields.map(({ name, type }) => [name, inner(type)] as const);
  const pair = (from: ByteReader): readonly [unknown, unknown] => {
    let key: unknown;
    let value: unknown;
    for (const [name, decode] of decoders) {
      if (name === 'key') key = decode(from);
      else if (name === 'value') value = decode(from);
      else decode(from);
    }
    return [key, value];
  };
  return (from) => new Map(blocks(from, pair));
}

/** Items come in blocks; a negative count is followed by the block's size in bytes. Zero ends them. */
function blocks<Item>(from: ByteReader, decode: (from: ByteReader) => Item): Item[] {
  const items: Item[] = [];
  for (let count = from.int(); count !== 0; count = from.int()) {
    if (count < 0) from.int();
    const wanted = Math.abs(count);
    // An item has a byte at least: no type of Iceberg's is empty.
    if (wanted > from.left)
      throw new Error(`The Avro file is damaged: ${wanted} items can't be in ${from.left} bytes.`);
    for (let i = 0; i < wanted; i += 1) items.push(decode(from));
  }
  return items;
}
