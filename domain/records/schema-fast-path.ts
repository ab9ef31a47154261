import type * as z from 'zod';
import { fieldTypeOf } from '../fields/field.ts';

type Check = (value: unknown) => boolean;

const checks = new WeakMap<z.core.$ZodType, Check>();

/**
 * Whether the value matches the schema, as far as types alone can tell. `false` tells nothing: then the
 * schema itself must be asked, which takes several times as long.
 */
export function matchesFast(schema: z.core.$ZodType, value: unknown): boolean {
  let check = checks.get(schema);
  if (check === undefined) {
    check = checkOf(schema);
    checks.set(schema, check);
  }
  return check(value);
}

const never: Check = () => false;

function checkOf(schema: z.core.$ZodType): Check {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if ((def.checks?.length ?? 0) > 0) return never;
  switch (def.type) {
    case 'nullable': {
      const inner = checkOf(def.innerType);
      return (value) => value === null || inner(value);
    }
    case 'optional': {
      const inner = checkOf(def.innerType);
      return (value) => value === undefined || inner(value);
    }
    case 'string':
      return 'format' in def ? never : (value) => typeof value === 'string';
    case 'enum': {
      const values: ReadonlySet<unknown> = (schema as z.core.$ZodEnum)._zod.values;
      return (value) => values.has(value);
    }
    case 'number':
      if (!('format' in def)) return Number.isFinite;
      return def.format === 'int32' ? (value) => typeof value === 'number' && value === (value | 0) : never;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'transform':
      return fieldTypeOf(schema)?.isRead ?? never;
    case 'array': {
      const element = checkOf(def.element);
      return (value) => {
        if (!Array.isArray(value)) return false;
        for (let i = 0; i < value.length; i += 1) if (!element(value[i])) return false;
        return true;
      };
    }
    case 'object': {
      if (def.catchall !== undefined) return never;
      const fields = Object.entries(def.shape).map(([name, field]) => ({ name, check: checkOf(field) }));
      return (value) => {
        if (typeof value !== 'object' || value === null) return false;
        for (let i = 0; i < fields.length; i += 1) {
          const { name, check } = fields[i] as (typeof fields)[number];
          if (!check((value as Record<string, unknown>)[name])) return false;
        }
        return true;
      };
    }
    default:
      return never;
  }
}
