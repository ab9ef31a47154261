import * as z from 'zod';
import { errorText } from '../../core/service-error.ts';
import { policyDocument } from '../../iam/policy.ts';
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

/** The values at a path in which `*` stands for each element of a list, with the path of each. */
function* valuesAt(value: unknown, path: string): Iterable<readonly [path: string, value: unknown]> {
  const [list = '', ...rest] = path.split('.*');
  if (rest.length === 0) return yield [path, valueAt(value, path)];
  for (const [index, each] of [valueAt(value, list) ?? []].flat().entries())
    for (const [within, found] of valuesAt(each, rest.join('.*').slice(1)))
      yield [`${list}.${index}.${within}`, found];
}

/** A check of one property, or of each at a path with `*`, that passes if the property is missing. */
export const property = (
  path: string,
  wrong: (value: unknown, resource: Resource, ofType: OfType) => string | undefined,
): Check =>
  function* (resource, ofType) {
    for (const [at, value] of valuesAt(resource.inputs, path)) {
      const rule = value === undefined ? undefined : wrong(value, resource, ofType);
      if (rule !== undefined) yield [at, rule];
    }
  };

const given = (value: unknown) => `, not ${JSON.stringify(value)}`;

/** Whether a resource of the program has this value as its output. */
export const isOutput = (ofType: OfType, type: string, output: string, value: unknown) =>
  ofType(type).some(({ outputs }) => outputs[output] === value);

export const required = (path: string): Check =>
  function* (resource) {
    if (valueAt(resource.inputs, path) === undefined) yield [path, 'is required'];
  };

export const range = (path: string, least: number, most = Number.POSITIVE_INFINITY): Check =>
  property(path, (value) => {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return undefined;
    const limits = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`;
    return `must be a whole number ${limits}${given(value)}`;
  });

/** Requires that each element of a list, or the value itself, is one of these. */
export const oneOf = (path: string, allowed: readonly unknown[]): Check =>
  property(path, (value) => {
    const wrong = [value].flat().filter((each) => !allowed.includes(each));
    return wrong.length === 0 ? undefined : `must be one of ${allowed.join(', ')}${given(wrong[0])}`;
  });

/** Requires a text of this form. */
export const matches = (path: string, pattern: RegExp, allowed: string): Check =>
  property(path, (value) => (pattern.test(String(value)) ? undefined : `must be ${allowed}${given(value)}`));

/** Requires a text that `parse` accepts. */
export const parses = (path: string, parse: (text: string) => unknown, allowed: string): Check =>
  property(path, (value) => {
    try {
      parse(String(value));
      return undefined;
    } catch (error) {
      return `must be ${allowed}: ${errorText(error)}`;
    }
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

/**
 * Requires that the value, or each element of a list, is an output of a resource of one of these types, given
 * as pairs of type and output.
 */
export const refersTo = (
  path: string,
  ...kinds: readonly (readonly [type: string, output: string])[]
): Check =>
  property(path, (value, _resource, ofType) => {
    const wrong = [value]
      .flat()
      .filter((each) => !kinds.some(([type, output]) => isOutput(ofType, type, output, each)));
    const words = kinds.map(([type, output]) => `${output} of ${a(type)}`).join(' or the ');
    return wrong.length === 0 ? undefined : `must be the ${words} of this program${given(wrong[0])}`;
  });

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

/**
 * A policy document (IAM guide, reference_policies_elements): a resource's policy must name a principal, an
 * identity's must not, and a role's trust policy must not name a resource.
 */
export const policy = (path: string, kind: 'identity' | 'resource' | 'trust', most: number): Check =>
  json(path, (value, { inputs }) => {
    const parsed = policyDocument.safeParse(value);
    if (!parsed.success) return `must be a policy document: ${z.prettifyError(parsed.error)}`;
    if (parsed.data.Statement.length === 0) return 'must be a policy document with a statement';
    const size = String(valueAt(inputs, path)).replace(/\s/g, '').length;
    if (size > most) return `must have at most ${most} characters without white space, not ${size}`;
    for (const [index, each] of parsed.data.Statement.entries()) {
      const principal = each.Principal ?? each.NotPrincipal;
      const resource = each.Resource ?? each.NotResource;
      const of = `statement ${each.Sid ?? index}`;
      if ((each.Action === undefined) === (each.NotAction === undefined))
        return `${of} needs either Action or NotAction`;
      if (kind === 'identity' && principal !== undefined) return `${of} must not name a Principal`;
      if (kind !== 'identity' && principal === undefined) return `${of} must name a Principal`;
      if (kind === 'trust' && resource !== undefined) return `${of} must not name a Resource`;
      if (kind !== 'trust' && resource === undefined) return `${of} must name a Resource`;
    }
    return undefined;
  });
