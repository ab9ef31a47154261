import * as z from 'zod';

/** An Avro schema (Avro 1.11's specification, "Schema Declaration"), with Iceberg's ids. */
export type AvroSchema = string | readonly AvroSchema[] | AvroRecord | AvroArray | AvroMap | AvroNamed;

export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly 'field-id'?: number;
  readonly [other: string]: unknown;
}

export interface AvroRecord {
  readonly type: 'record';
  readonly name: string;
  readonly fields: readonly AvroField[];
  readonly [other: string]: unknown;
}

export interface AvroArray {
  readonly type: 'array';
  readonly items: AvroSchema;
  /** `map`: the items are records of a key and a value. */
  readonly logicalType?: string;
  readonly [other: string]: unknown;
}

export interface AvroMap {
  readonly type: 'map';
  readonly values: AvroSchema;
  readonly [other: string]: unknown;
}

/** A primitive type with attributes, a fixed or an enum; or another schema in a further pair of braces. */
export interface AvroNamed {
  readonly type: AvroSchema;
  readonly name?: string;
  readonly size?: number;
  readonly symbols?: readonly string[];
  readonly [other: string]: unknown;
}

const avroSchema: z.ZodType<AvroSchema> = z.lazy(() =>
  z.union([
    z.string(),
    z.array(avroSchema),
    z.looseObject({
      type: z.literal('record'),
      name: z.string(),
      fields: z.array(
        z.looseObject({ name: z.string(), type: avroSchema, 'field-id': z.int().exactOptional() }),
      ),
    }),
    z.looseObject({
      type: z.literal('array'),
      items: avroSchema,
      logicalType: z.string().exactOptional(),
    }),
    z.looseObject({ type: z.literal('map'), values: avroSchema }),
    z.looseObject({
      type: avroSchema,
      name: z.string().exactOptional(),
      size: z.int().nonnegative().exactOptional(),
      symbols: z.array(z.string()).exactOptional(),
    }),
  ]),
);

/** @throws {Error} if the text is no Avro schema */
export function parseAvroSchema(json: string): AvroSchema {
  return avroSchema.parse(JSON.parse(json));
}

/** Whether an object is the schema of a record, an array or a map. */
export function isKind<Kind extends 'record' | 'array' | 'map'>(
  schema: AvroSchema,
  kind: Kind,
): schema is Extract<AvroRecord | AvroArray | AvroMap, { type: Kind }> {
  return typeof schema === 'object' && 'type' in schema && schema.type === kind;
}

/** Definitions of named types, which a schema may use again by their names. */
export class Names<Definition> {
  readonly #definitions = new Map<string, Definition>();

  /** @param namespace that of the surrounding definition @returns the namespace within the definition */
  define(
    schema: { readonly [attribute: string]: unknown },
    namespace: string,
    definition: Definition,
  ): string {
    const { name } = schema;
    if (typeof name !== 'string') return namespace;
    const own = name.includes('.')
      ? name.slice(0, name.lastIndexOf('.'))
      : typeof schema['namespace'] === 'string'
        ? schema['namespace']
        : namespace;
    this.#definitions.set(name.includes('.') || own === '' ? name : `${own}.${name}`, definition);
    return own;
  }

  /** @throws {Error} if nothing has the name */
  find(name: string, namespace: string): Definition {
    const found = this.#definitions.get(`${namespace}.${name}`) ?? this.#definitions.get(name);
    if (found === undefined) throw new Error(`The Avro schema has no type ${JSON.stringify(name)}.`);
    return found;
  }
}
