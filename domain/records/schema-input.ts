import type * as z from 'zod';

/**
 * The schema that gets the input of another one first: that within `.optional()` and its like, or the first
 * one of a pipe; `undefined` of a schema that reads its input itself.
 */
export function readerWithin(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'catch':
    case 'readonly':
      return def.innerType;
    case 'pipe':
      return def.in;
    default:
      return undefined;
  }
}
