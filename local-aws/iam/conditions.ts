import { arnGlob, glob } from './pattern.ts';

/** Condition keys of a call, lower-case, with their values. A missing key is not in the request. */
export type Context = Readonly<Record<string, string>>;

/** Whether a call meets a `Condition` block. */
export type Condition = (context: Context) => boolean;

/** A policy that AWS would refuse, or that the local cloud can't evaluate. It never allows a call. */
export class InvalidPolicy extends Error {
  override readonly name = 'InvalidPolicy';
}

type Comparison = (wanted: string) => (value: string) => boolean;

const equals: Comparison = (wanted) => (value) => value === wanted;
const equalsIgnoringCase: Comparison = (wanted) => (value) => value.toLowerCase() === wanted.toLowerCase();
const numeric =
  (compare: (value: number, wanted: number) => boolean): Comparison =>
  (wanted) =>
  (value) =>
    value.trim() !== '' && compare(Number(value), Number(wanted));
const not = (comparison: Comparison) => ({ comparison, negated: true });
const is = (comparison: Comparison) => ({ comparison, negated: false });

/** "IAM JSON policy elements: Condition operators". Others are refused. */
const operators: Readonly<Record<string, { readonly comparison: Comparison; readonly negated: boolean }>> = {
  StringEquals: is(equals),
  StringNotEquals: not(equals),
  StringEqualsIgnoreCase: is(equalsIgnoringCase),
  StringNotEqualsIgnoreCase: not(equalsIgnoringCase),
  StringLike: is((wanted) => glob(wanted)),
  StringNotLike: not((wanted) => glob(wanted)),
  // Both allow wildcards: "ArnEquals and ArnLike behave identically".
  ArnEquals: is(arnGlob),
  ArnLike: is(arnGlob),
  ArnNotEquals: not(arnGlob),
  ArnNotLike: not(arnGlob),
  Bool: is(equalsIgnoringCase),
  NumericEquals: is(numeric((value, wanted) => value === wanted)),
  NumericNotEquals: not(numeric((value, wanted) => value === wanted)),
  NumericLessThan: is(numeric((value, wanted) => value < wanted)),
  NumericLessThanEquals: is(numeric((value, wanted) => value <= wanted)),
  NumericGreaterThan: is(numeric((value, wanted) => value > wanted)),
  NumericGreaterThanEquals: is(numeric((value, wanted) => value >= wanted)),
};

/** Keys that the local cloud knows: if a call lacks one here, it lacks it on AWS too. */
const knownKeys = new Set([
  'aws:principalaccount',
  'aws:principalarn',
  'aws:principalisawsservice',
  'aws:securetransport',
  'aws:sourceaccount',
  'aws:sourcearn',
  'events:source',
  'kms:calleraccount',
  'kms:encryptioncontext:aws:cloudtrail:arn',
  'kms:encryptioncontext:aws:logs:arn',
  'kms:viaservice',
  'lambda:sourcefunctionarn',
  's3:delimiter',
  's3:if-match',
  's3:if-none-match',
  's3:max-keys',
  's3:objectcreationoperation',
  's3:prefix',
  's3:versionid',
  's3:x-amz-acl',
  's3:x-amz-server-side-encryption',
  's3:x-amz-server-side-encryption-aws-kms-key-id',
  's3:x-amz-server-side-encryption-customer-algorithm',
]);

/**
 * Compiles a `Condition` block: all operators and keys must hold, each key with one of its values (with a
 * negated operator: with none).
 *
 * @throws InvalidPolicy for an unknown operator or key
 */
export function compileConditions(
  block: Readonly<Record<string, Readonly<Record<string, string | boolean | number | readonly string[]>>>>,
): Condition {
  const tests = Object.entries(block).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => {
      const name = key.toLowerCase();
      if (!knownKeys.has(name)) throw new InvalidPolicy(`The condition key ${key} is not known.`);
      return compile(operator, name, [values].flat().map(String));
    }),
  );
  return (context) => tests.every((holds) => holds(context));
}

function compile(operator: string, key: string, values: readonly string[]): Condition {
  if (values.length === 0) throw new InvalidPolicy(`The condition on ${key} has no value.`);
  for (const value of values) refuseVariables(value);
  if (operator === 'Null') {
    const absent = values.includes('true');
    if (values.length !== 1 || (!absent && values[0] !== 'false'))
      throw new InvalidPolicy(`Null of ${key} is neither "true" nor "false".`);
    return (context) => (context[key] === undefined) === absent;
  }
  const [, base = '', ifExists] = /^(.*?)(IfExists)?$/.exec(operator) ?? [];
  const known = Object.hasOwn(operators, base) ? operators[base] : undefined;
  if (!known) throw new InvalidPolicy(`The condition operator ${operator} is not known.`);
  const matches = values.map(known.comparison);
  return (context) => {
    const value = context[key];
    // A negated operator holds for a missing key.
    if (value === undefined) return known.negated || ifExists !== undefined;
    return matches.some((matches) => matches(value)) !== known.negated;
  };
}

/**
 * Policy variables are not supported; taken literally they would mean something else, so they are refused.
 */
export function refuseVariables(text: string): void {
  if (text.includes('${')) throw new InvalidPolicy(`The policy variable in ${text} is not supported.`);
}
