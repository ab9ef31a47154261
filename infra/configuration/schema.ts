import * as z from 'zod';
import { keys } from './configuration.ts';
import { provider } from './provider.ts';

type Schema = z.core.JSONSchema.BaseSchema;

const generated = (schema: z.ZodType) =>
  z.toJSONSchema(schema, {
    // What the program gets is the parsed value: a list, where Pulumi passes text.
    io: 'output',
    unrepresentable: 'any',
    override({ jsonSchema }) {
      // Everything but the region has a default, which may be set in another place.
      delete jsonSchema.required;
      delete jsonSchema.$schema;
      if (typeof jsonSchema.default === 'number' && !Number.isFinite(jsonSchema.default))
        delete jsonSchema.default;
    },
  });

/**
 * The JSON schema of `Pulumi.<stack>.yaml`, so that editors complete and check it.
 *
 * @param documentation the text of docs/infrastructure.md, whose table of keys has the descriptions
 */
export function stackSchema(documentation: string): object {
  const own = described(generated(keys), 'sluice:', meanings(documentation));
  const ofAws = described(generated(provider), 'aws:', meanings(documentation));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Pulumi.<stack>.yaml of Sluice',
    type: 'object',
    properties: {
      config: {
        type: 'object',
        properties: { ...own, ...ofAws },
        patternProperties: { '^pulumi:': {} },
        additionalProperties: false,
      },
    },
  };
}

/** A declaration in the `config:` block of Pulumi.yaml (Pulumi docs, project file reference). */
interface Declaration {
  readonly type: 'string' | 'integer' | 'boolean';
  readonly default: unknown;
  readonly description: string;
}

/**
 * The block's declarations. Pulumi asks for a value of each key without a default, and has no type for
 * objects; so it has the plain keys with a default.
 */
export function declarations(documentation: string): Record<string, Declaration> {
  const schemas = described(generated(keys), '', meanings(documentation), 'sluice:');
  return Object.fromEntries(
    Object.entries(schemas).flatMap(([name, { type, default: value, description = '' }]) =>
      (type === 'string' || type === 'integer' || type === 'boolean') && value !== undefined
        ? [[name, { type, default: value, description }]]
        : [],
    ),
  );
}

/** The properties of a schema under names with a prefix, with the meaning of each. */
function described(
  { properties = {} }: Schema,
  prefix: string,
  known: ReadonlyMap<string, string>,
  documentedAs = prefix,
): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      if (typeof schema === 'boolean') return [prefix + name, {}];
      const path = documentedAs + name;
      const description = known.get(path);
      const within = schema.properties && described(schema, '', known, `${path}.`);
      return [
        prefix + name,
        { ...schema, ...(within && { properties: within }), ...(description && { description }) },
      ];
    }),
  );
}

/**
 * The meaning of each key in the table of docs/infrastructure.md. A key that begins with a dot is one of the
 * object above.
 */
function meanings(documentation: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let objects: string[] = [];
  for (const [, names = '', meaning = ''] of documentation.matchAll(/^\| (`[^|]+`) \|[^|]*\| (.*) \|$/gm)) {
    const each = [...names.matchAll(/`([a-z]+:\w+|\.\w+)`/g)].map(([, name = '']) => name);
    if (each.some((name) => !name.startsWith('.'))) objects = each;
    for (const name of each)
      for (const path of name.startsWith('.') ? objects.map((object) => object + name) : [name])
        found.set(path, plain(meaning));
  }
  return found;
}

/** Without the marks of Markdown. */
const plain = (text: string) => text.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1').replaceAll('`', '');
