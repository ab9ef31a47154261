import type * as z from 'zod';
import { fieldTypeOf } from '../fields/field.ts';

const known = new WeakMap<z.core.$ZodType, boolean>();

/**
 * Whether every text in a schema's result is one of its input's, and nothing in it is deeper than the schema
 * itself, so that the result need not be searched for what can't be stored. `false` tells nothing.
 */
export function keepsTexts(schema: z.core.$ZodType): boolean {
  let keeps = known.get(schema);
  if (keeps === undefined) {
    keeps = doesKeep(schema);
    known.set(schema, keeps);
  }
  return keeps;
}

function doesKeep(schema: z.core.$ZodType): boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.checks?.some((check) => check._zod.def.check === 'overwrite')) return false;
  switch (def.type) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'enum':
    case 'literal':
    // What it lets through is up to its checks.
    case 'custom':
      return true;
    case 'transform':
      return fieldTypeOf(schema) !== undefined;
    case 'nullable':
    case 'optional':
    case 'nonoptional':
    case 'readonly':
    case 'default':
    case 'prefault':
      return doesKeep(def.innerType);
    case 'array':
      return doesKeep(def.element);
    case 'union':
      return def.options.every(doesKeep);
    case 'object':
      return def.catchall === undefined && Object.values(def.shape).every(doesKeep);
    default:
      return false;
  }
}
