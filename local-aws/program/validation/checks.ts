import * as z from 'zod';
import type { Resource } from '../program.ts';

/** A resource that `pulumi up` would refuse. */
export interface Finding {
  readonly urn: string;
  /** Path of the property within the resource's inputs. */
  readonly property: string;
  /** The rule, and the given value. */
  readonly rule: string;
}

/** The resources of the program, by type. */
export type OfType = (type: string) => readonly Resource[];

/** Reports a resource's violations: `[property, rule]` pairs. */
export type Check = (
  resource: Resource,
  ofType: OfType,
) => Iterable<readonly [property: string, rule: string]>;

/** The value at a path such as `retryPolicy.maximumRetryAttempts`; undefined if a step is missing. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, step) => {
    return typeof at === 'object' && at !== null
      ? (at as Readonly<Record<string, unknown>>)[step]
      : undefined;
  }, value);
}

/** A check of one property that passes if the property is missing. */
function property(
  path: string,
  wrong: (value: unknown, resource: Resource, ofType: OfType) => string | undefined,
): Check {
  return function* (resource, ofType) {
    const value = valueAt(resource.inputs, path);
    const rule = value === undefined ? undefined : wrong(value, resource, ofType);
    if (rule !== undefined) yield [path, rule];
  };
}

const given = (value: unknown) => `, not ${JSON.stringify(value)}`;

export const required = (path: string): Check =>
  function* (resource) {
    if (valueAt(resource.inputs, path) === undefined) yield [path, 'is required'];
  };

export const range = (path: string, least: number, most: number): Check =>
  property(path, (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `must be a whole number from ${least} to ${most}${given(value)}`,
  );

/** Requires that each element of a list, or the value itself, is one of these. */
export const oneOf = (path: string, allowed: readonly unknown[]): Check =>
  property(path, (value) => {
    const wrong = [value].flat().filter((each) => !allowed.includes(each));
    return wrong.length === 0 ? undefined : `must be one of ${allowed.join(', ')}${given(wrong[0])}`;
  });

/** Limits the length of a text. */
export const atMost = (path: string, characters: number): Check =>
  property(path, (value) =>
    String(value).length <= characters
      ? undefined
      : `must have at most ${characters} characters, not ${String(value).length}`,
  );

/**
 * Checks the physical name: the given one, or the logical name with the hyphen and seven digits that Pulumi
 * adds.
 */
export const physicalName = (path: string, pattern: RegExp, most: number, allowed: string): Check =>
  function* ({ name, inputs }) {
    const { [path]: asked, [`${path}Prefix`]: prefix } = inputs;
    const physical = String(
      asked ?? (prefix === undefined ? `${name}-0123456` : `${prefix}${'0'.repeat(26)}`),
    );
    if (physical.length > most)
      yield [path, `must have at most ${most} characters, not ${physical.length}: ${physical}`];
    if (!pattern.test(physical)) yield [path, `must be ${allowed}${given(physical)}`];
  };

/** Requires an output of a resource of one of these types, given as pairs of type and output. */
export const refersTo = (
  path: string,
  ...kinds: readonly (readonly [type: string, output: string])[]
): Check =>
  property(path, (value, _resource, ofType) =>
    kinds.some(([type, output]) => ofType(type).some(({ outputs }) => outputs[output] === value))
      ? undefined
      : `must be the ${kinds.map(([type, output]) => `${output} of ${a(type)}`).join(' or the ')} of this program${given(value)}`,
  );

function a(type: string): string {
  const noun = type.split(':').at(-1) ?? type;
  return `${/^[AEIOU]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** A property that holds JSON; `check` checks the parsed value. */
export const json = (
  path: string,
  check: (value: unknown, resource: Resource, ofType: OfType) => string | undefined = () => undefined,
): Check =>
  property(path, (text, resource, ofType) => {
    if (typeof text !== 'string') return `must be JSON text${given(text)}`;
    try {
      return check(JSON.parse(text), resource, ofType);
    } catch {
      return `must be JSON${given(text)}`;
    }
  });

const words = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const statement = z
  .strictObject({
    Sid: z.string().optional(),
    Effect: z.enum(['Allow', 'Deny']),
    Principal: z.union([z.literal('*'), z.record(z.string(), words)]).optional(),
    NotPrincipal: z.record(z.string(), words).optional(),
    Action: words.optional(),
    NotAction: words.optional(),
    Resource: words.optional(),
    NotResource: words.optional(),
    Condition: z
      .record(
        z.string(),
        z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
      )
      .optional(),
  })
  .refine(
    (each) => (each.Action === undefined) !== (each.NotAction === undefined),
    'needs either Action or NotAction',
  );
const document = z.strictObject({
  Version: z.literal('2012-10-17'),
  Id: z.string().optional(),
  Statement: z.array(statement).min(1),
});

/**
 * A policy document (IAM guide, reference_policies_elements): a resource's policy must name a principal, an
 * identity's must not, and a role's trust policy must not name a resource.
 */
export const policy = (path: string, kind: 'identity' | 'resource' | 'trust', most: number): Check =>
  json(path, (value, { inputs }) => {
    const parsed = document.safeParse(value);
    if (!parsed.success) return `must be a policy document: ${z.prettifyError(parsed.error)}`;
    const size = String(valueAt(inputs, path)).replace(/\s/g, '').length;
    if (size > most) return `must have at most ${most} characters without white space, not ${size}`;
    for (const [index, each] of parsed.data.Statement.entries()) {
      const principal = each.Principal ?? each.NotPrincipal;
      const resource = each.Resource ?? each.NotResource;
      const of = `statement ${each.Sid ?? index}`;
      if (kind === 'identity' && principal !== undefined) return `${of} must not name a Principal`;
      if (kind !== 'identity' && principal === undefined) return `${of} must name a Principal`;
      if (kind === 'trust' && resource !== undefined) return `${of} must not name a Resource`;
      if (kind !== 'trust' && resource === undefined) return `${of} must name a Resource`;
    }
    return undefined;
  });
