import type * as z from 'zod';
import { readerWithin } from '../../schema-input.ts';

/**
 * The helpers that convert text to a type exactly. `z.coerce` does not: it takes "false" for true and a blank
 * for 0.
 */
const helpers: Readonly<Record<string, string>> = {
  number: 'double() or int32()',
  int: 'int32()',
  boolean: 'flag()',
};

/**
 * Why a schema never accepts the text of a CSV field, and what to use instead: the end of a sentence, from
 * the verb on. `undefined` if it may accept text.
 */
export function whyNoText(schema: z.core.$ZodType): string | undefined {
  const inner = readerWithin(schema);
  if (inner !== undefined) return whyNoText(inner);
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'union': {
      const reasons = def.options.map(whyNoText);
      return reasons.includes(undefined) ? undefined : reasons[0];
    }
    case 'intersection':
      return whyNoText(def.left) ?? whyNoText(def.right);
    case 'enum':
      return hasText(Object.values(def.entries)) ? undefined : refusal('an enum without text values');
    case 'literal':
      return hasText(def.values) ? undefined : refusal('a literal that is not text');
    case 'number': {
      const isWhole = 'format' in def && /int/.test(String(def.format));
      return refusal('a number', helpers[isWhole ? 'int' : 'number']);
    }
    case 'boolean':
      return refusal('a boolean', helpers['boolean']);
    case 'bigint':
    case 'date':
      return 'coerce' in def && def.coerce ? undefined : refusal(`a ${def.type}`);
    case 'array':
    case 'object':
    case 'tuple':
    case 'record':
    case 'map':
    case 'set':
    case 'null':
    case 'undefined':
    case 'void':
    case 'nan':
    case 'never':
    case 'symbol':
    case 'function':
    case 'file':
    case 'promise':
      return refusal(`of zod's type ${def.type}`);
    default:
      return undefined;
  }
}

const hasText = (values: readonly unknown[]) => values.some((value) => typeof value === 'string');

const refusal = (what: string, instead = 'text()') =>
  `is ${what}, and a field of CSV is text. Use ${instead} of domain/fields.ts.`;
