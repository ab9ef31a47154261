import type { Long } from '../../../domain/long.ts';
import { type AvroSchema, isKind } from './schema.ts';

/** Bytes that grow. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  /** Room for `size` bytes that the caller fills. @returns the whole buffer, and where the room begins */
  reserve(size: number): { readonly bytes: Buffer; readonly at: number } {
    const at = this.#length;
    if (at + size > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, at + size));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#length = at + size;
    return { bytes: this.#bytes, at };
  }

  byte(value: number): void {
    const { bytes, at } = this.reserve(1);
    bytes[at] = value;
  }

  raw(value: Uint8Array): void {
    const { bytes, at } = this.reserve(value.length);
    bytes.set(value, at);
  }

  /** An int or a long: zigzag, then seven bits a byte, the lowest first. */
  long(value: Long): void {
    if (typeof value === 'number' && value >= -(2 ** 30) && value < 2 ** 30) {
      let rest = (value << 1) ^ (value >> 31);
      for (; rest > 0x7f; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
      this.byte(rest);
      return;
    }
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
    for (; rest > 0x7fn; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest));
  }

  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }
}

export type Encode = (value: unknown, out: ByteWriter) => void;

const primitives: Readonly<Record<string, Encode>> = {
  null: () => {},
  boolean: (value, out) => out.byte(expect(value, typeof value === 'boolean', 'boolean') ? 1 : 0),
  int: (value, out) => out.long(expect<number>(value, value === (Number(value) | 0), 'int')),
  long: (value, out) =>
    out.long(expect<Long>(value, Number.isSafeInteger(value) || typeof value === 'bigint', 'long')),
  float: (value, out) => {
    const { bytes, at } = out.reserve(4);
    bytes.writeFloatLE(expect<number>(value, typeof value === 'number', 'float'), at);
  },
  double: (value, out) => {
    const { bytes, at } = out.reserve(8);
    bytes.writeDoubleLE(expect<number>(value, typeof value === 'number', 'double'), at);
  },
  string: (value, out) => out.bytes(Buffer.from(expect<string>(value, typeof value === 'string', 'string'))),
  bytes: (value, out) => out.bytes(expect<Uint8Array>(value, value instanceof Uint8Array, 'bytes')),
};

/**
 * The encoder of a schema of ours ("Binary Encoding"). Unions are those of null and one other type; a named
 * type is defined where it is used.
 *
 * A record is an object, an array with the logical type map is a `Map`, a map is a `Map` with texts as keys,
 * bytes and fixed are a `Buffer`, a long is a `Long`.
 *
 * @throws {Error} if the schema has another union or a name
 */
export function encoderOf(schema: AvroSchema): Encode {
  if (typeof schema === 'string') {
    const primitive = primitives[schema];
    if (primitive === undefined) throw new Error(`Avro type ${schema} can't be written.`);
    return primitive;
  }
  if (Array.isArray(schema)) return optional(schema);
  if (isKind(schema, 'record')) {
    const fields = schema.fields.map(({ name, type }) => [name, encoderOf(type)] as const);
    return (value, out) => {
      const record = expect<Readonly<Record<string, unknown>>>(value, isObject(value), schema.name);
      for (const [name, encode] of fields) {
        try {
          encode(record[name], out);
        } catch (error) {
          throw new TypeError(`${name}: ${(error as Error).message}`, { cause: error });
        }
      }
    };
  }
  if (isKind(schema, 'array')) {
    const item = encoderOf(schema.items);
    if (schema.logicalType !== 'map')
      return (value, out) => blocks(expect<unknown[]>(value, Array.isArray(value), 'array'), item, out);
    const pair: Encode = (entry, out) =>
      item({ key: (entry as unknown[])[0], value: (entry as unknown[])[1] }, out);
    return (value, out) =>
      blocks([...expect<Map<unknown, unknown>>(value, value instanceof Map, 'map')], pair, out);
  }
  if (isKind(schema, 'map')) {
    const encode = encoderOf(schema.values);
    const pair: Encode = (entry, out) => {
      primitives['string']?.((entry as unknown[])[0], out);
      encode((entry as unknown[])[1], out);
    };
    return (value, out) =>
      blocks([...expect<Map<unknown, unknown>>(value, value instanceof Map, 'map')], pair, out);
  }
  const { type, size } = schema as { readonly type: AvroSchema; readonly size?: number };
  if (type !== 'fixed') return encoderOf(type);
  return (value, out) =>
    out.raw(
      expect<Uint8Array>(value, value instanceof Uint8Array && value.length === size, `fixed[${size}]`),
    );
}

function optional(branches: readonly AvroSchema[]): Encode {
  const nothing = branches.indexOf('null');
  const other = branches[1 - nothing];
  if (branches.length !== 2 || nothing === -1 || other === undefined)
    throw new Error('A union that is written must be one of null and one other type.');
  const encode = encoderOf(other);
  return (value, out) => {
    if (value === null || value === undefined) out.long(nothing);
    else {
      out.long(1 - nothing);
      encode(value, out);
    }
  };
}

function blocks(items: readonly unknown[], encode: Encode, out: ByteWriter): void {
  if (items.length > 0) {
    out.long(items.length);
    for (const item of items) encode(item, out);
  }
  out.long(0);
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

function expect<Type>(value: unknown, is: boolean, type: string): Type {
  if (!is)
    throw new TypeError(`${String(value).slice(0, 100)} (${typeof value}) can't be written as ${type}.`);
  return value as Type;
}
