import type * as z from 'zod';

/**
 * The path of a `z.coerce.number()` in a record's schema, which rounds a text to the nearest number;
 * `undefined` if there is none.
 */
export function coercedNumber(
  schema: z.core.$ZodType,
  path = '',
  seen = new Set<unknown>(),
): string | undefined {
  if (seen.has(schema)) return undefined;
  seen.add(schema);
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'number' && def.coerce) return path;
  for (const [name, part] of Object.entries(def.type === 'object' ? def.shape : def)) {
    const inner = def.type === 'object' ? `${path}${path === '' ? '' : '.'}${name}` : path;
    for (const each of Array.isArray(part) ? part : [part]) {
      const found = isSchema(each) ? coercedNumber(each, inner, seen) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function isSchema(value: unknown): value is z.core.$ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value && 'def' in (value._zod as object);
}
