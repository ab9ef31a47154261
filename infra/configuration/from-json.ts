import * as z from 'zod';

/** Numbers, booleans, lists and objects arrive from Pulumi as JSON. */
export const fromJson = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return value;
    }
  }, schema);
