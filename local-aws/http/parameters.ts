import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { unsupported } from '../core/service-error.ts';

/**
 * The input of an operation, by parameter name. The schema lists every parameter of AWS's API: each is read,
 * or `harmless`, or takes `only` some values, or is `notServed`; local-aws/test/http/parameters.test.ts
 * compares it with the SDK's model. Parameters that AWS doesn't know are ignored, as on AWS.
 */
export type Input = z.ZodType;

/** A parameter for which the local cloud supports only these values. */
export function only<const Value>(...values: Value[]) {
  const served = (value: unknown) => value === null || values.some((each) => isDeepStrictEqual(value, each));
  const error = values.length === 0 ? '' : ` other than ${values.map(textOf).join(' or ')}`;
  return z.custom<Value>(served, { error, params: { notServed: true } }).optional();
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** A parameter that has an effect on AWS and none here, so it is refused. */
export const notServed = only<never>();

/** A parameter without effect here, for this reason. */
export const harmless = (_reason: string) => z.unknown().optional();

/** Several parameters of the same kind. */
export const all = <Name extends string, Value>(names: readonly Name[], value: Value) =>
  Object.fromEntries(names.map((name) => [name, value])) as Record<Name, Value>;

/**
 * Reads an operation's input.
 * @throws ServiceError NotImplemented, with its name, for a parameter that is not served
 * @throws ZodError for invalid input
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
