import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { unsupported } from '../core/service-error.ts';

/**
 * The input of an operation, by the names of its parameters. The schema is the whole account of them: each that AWS's API
 * has is read, or `harmless`, or takes `only` some values, or is `notServed`; local-aws/test/http/parameters.test.ts holds it against
 * the SDK's own model. What AWS doesn't know either is passed over, as AWS does.
 */
export type Input = z.ZodType;

/** A parameter of which the local cloud has these values and no others. */
export function only<const Value>(...values: Value[]) {
  const served = (value: unknown) => value === null || values.some((each) => isDeepStrictEqual(value, each));
  const error = values.length === 0 ? '' : ` other than ${values.map(textOf).join(' or ')}`;
  return z.custom<Value>(served, { error, params: { notServed: true } }).optional();
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** A parameter that would do something on AWS and nothing here. */
export const notServed = only<never>();

/** A parameter that makes no difference here, for this reason. */
export const harmless = (_reason: string) => z.unknown().optional();

/**
 * Reads an operation's input.
 * @throws ServiceError NotImplemented, with its name, for a parameter that is not served
 * @throws ZodError for input that doesn't fit
 */
export function parseInput<Schema extends Input>(
  operation: string,
  schema: Schema,
  input: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const refused = parsed.error.issues.find((issue) => issue.code === 'custom' && issue.params?.['notServed']);
  if (!refused) throw parsed.error;
  const name = refused.path.join('.');
  throw unsupported(`${name} of ${operation}${refused.message}`, { Parameter: name });
}
