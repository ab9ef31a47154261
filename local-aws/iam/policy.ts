import * as z from 'zod';
import type { Caller } from '../core/call.ts';
import {
  type Condition,
  type Context,
  compileConditions,
  InvalidPolicy,
  refuseVariables,
} from './conditions.ts';
import { account } from './credentials.ts';
import { arnGlob, glob } from './pattern.ts';

/** The question that policies answer. */
export interface AccessRequest {
  readonly caller: Caller;
  readonly action: string;
  readonly resource: string;
  readonly context: Context;
}

/** The part of a policy that decided. */
export interface Match {
  readonly statement: Statement;
  readonly action: string;
  readonly resource: string;
}

export type Decision =
  | { readonly effect: 'allowed'; readonly by: readonly Match[] }
  | { readonly effect: 'denied'; readonly by: Match }
  /** No statement allows it, in the kind of policy that would have to. */
  | { readonly effect: 'unmentioned'; readonly in: 'identity-based' | 'resource-based' };

/**
 * `exact`: it names the caller or everybody. `account`: it leaves the decision to the account's identity
 * policies.
 */
type PrincipalMatch = 'exact' | 'account' | undefined;

interface Pattern {
  readonly text: string;
  readonly matches: (value: string) => boolean;
}

export interface Statement {
  /** Name of the policy, e.g. `policy of arn:aws:s3:::raw`. */
  readonly policy: string;
  readonly kind: 'identity' | 'resource';
  /** `Sid`, or its number. */
  readonly id: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Selection;
  readonly resources: Selection;
  readonly principal: (caller: Caller) => PrincipalMatch;
  readonly condition: Condition;
}

interface Selection {
  readonly patterns: readonly Pattern[];
  /** NotAction, NotResource: everything except these. */
  readonly negated: boolean;
}

const text = z.string().min(1);
const texts = z.union([text, z.array(text).min(1)]).transform((value) => [value].flat());
const principals = z.union([z.literal('*').transform(() => ({ AWS: ['*'] })), z.record(z.string(), texts)]);
const scalar = z.union([z.string(), z.boolean(), z.number()]);
const statementShape = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: principals.optional(),
  NotPrincipal: principals.optional(),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Resource: texts.optional(),
  NotResource: texts.optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.union([scalar, z.array(z.string())]))).optional(),
});
/** A policy by IAM's grammar, of which `parsePolicy` supports a part. */
export const policyDocument = z.strictObject({
  Version: z.literal('2012-10-17'),
  Id: z.string().optional(),
  Statement: z.preprocess((value) => [value].flat(), z.array(statementShape)),
});
type StatementDocument = z.output<typeof statementShape>;

/**
 * Reads a policy document ("IAM JSON policy elements reference").
 *
 * @throws InvalidPolicy if it is not a policy, or if `evaluate` could not decide about it
 */
export function parsePolicy(name: string, json: string, kind: 'identity' | 'resource'): readonly Statement[] {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (cause) {
    throw new InvalidPolicy(`${name} is not JSON: ${cause}`);
  }
  const parsed = policyDocument.safeParse(content);
  if (!parsed.success) throw new InvalidPolicy(`${name} is not a policy: ${z.prettifyError(parsed.error)}`);
  return parsed.data.Statement.map((document, index) => {
    const id = document.Sid ?? `${index + 1}`;
    try {
      return compile(name, id, kind, document);
    } catch (cause) {
      if (!(cause instanceof InvalidPolicy)) throw cause;
      throw new InvalidPolicy(`Statement ${id} of ${name}: ${cause.message}`);
    }
  });
}

function compile(
  policy: string,
  id: string,
  kind: 'identity' | 'resource',
  document: StatementDocument,
): Statement {
  const { Effect: effect, Principal, NotPrincipal, Condition = {} } = document;
  const named = Principal ?? NotPrincipal;
  if (kind === 'identity' && named) throw new InvalidPolicy('an identity-based policy has no principal.');
  if (kind === 'resource' && (!named || (Principal && NotPrincipal)))
    throw new InvalidPolicy('it needs either Principal or NotPrincipal.');
  if (NotPrincipal && effect === 'Allow') throw new InvalidPolicy('NotPrincipal is for Deny only.');
  const actions = selection('Action', document.Action, document.NotAction, (text) => {
    if (!/^(\*|[a-z0-9-]+:[a-z0-9*?]+)$/i.test(text)) throw new InvalidPolicy(`${text} is not an action.`);
    return glob(text, 'i');
  });
  // A trust policy applies to the role that it is attached to.
  const own = actions.patterns.every(({ text }) => text.startsWith('sts:')) ? ['*'] : undefined;
  const resources = selection(
    'Resource',
    document.Resource ?? (document.NotResource ? undefined : own),
    document.NotResource,
    (text) => {
      if (text !== '*' && !text.startsWith('arn:')) throw new InvalidPolicy(`${text} is not an ARN.`);
      refuseVariables(text);
      return arnGlob(text);
    },
  );
  const principal = named ? principalTest(named) : () => 'exact' as const;
  return {
    policy,
    kind,
    id,
    effect,
    actions,
    resources,
    principal: NotPrincipal ? (caller) => (principal(caller) ? undefined : 'exact') : principal,
    condition: compileConditions(Condition),
  };
}

function selection(
  element: string,
  included: readonly string[] | undefined,
  excluded: readonly string[] | undefined,
  compilePattern: (text: string) => (value: string) => boolean,
): Selection {
  const listed = included ?? excluded;
  if (!listed || (included && excluded))
    throw new InvalidPolicy(`it needs either ${element} or Not${element}.`);
  const patterns = listed.map((text) => ({ text, matches: compilePattern(text) }));
  return { patterns, negated: included === undefined };
}

/** "AWS JSON policy elements: Principal". */
function principalTest(named: z.output<typeof principals>): (caller: Caller) => PrincipalMatch {
  const { AWS: aws = [], Service: services = [], ...others } = named as Readonly<Record<string, string[]>>;
  for (const kind of Object.keys(others)) throw new InvalidPolicy(`the principal ${kind} is not supported.`);
  for (const text of aws)
    if (!/^(\*|\d{12}|arn:aws:iam::\d{12}:(root|(role|user)\/[^*?]+))$/.test(text))
      throw new InvalidPolicy(`the principal ${text} is not supported.`);
  for (const text of services)
    if (!/^[a-z0-9.-]+\.amazonaws\.com$/.test(text)) throw new InvalidPolicy(`${text} is not a service.`);
  return (caller) => {
    if (aws.includes('*')) return 'exact';
    if (caller.kind === 'service') return services.includes(caller.principal) ? 'exact' : undefined;
    if (aws.includes(caller.principal)) return 'exact';
    const own = caller.principal.split(':')[4] ?? '';
    return aws.includes(own) || aws.includes(`arn:aws:iam::${own}:root`) ? 'account' : undefined;
  };
}

/**
 * Decides by "Policy evaluation logic": an explicit deny wins; a service needs the resource's policy; a role
 * or user needs either its own policies or a resource policy that names it, and one of another account both
 * ("Cross-account policy evaluation logic"). A KMS key's policy must allow the call in any case, by name or
 * by delegating to the account ("Key policies in AWS KMS").
 */
export function evaluate(request: AccessRequest, statements: readonly Statement[]): Decision {
  const matches: { match: Match; principal: PrincipalMatch }[] = [];
  for (const statement of statements) {
    const principal = statement.principal(request.caller);
    const action = principal && select(statement.actions, request.action);
    const resource = action && select(statement.resources, request.resource);
    if (!resource || !statement.condition(request.context)) continue;
    const match = { statement, action, resource };
    if (statement.effect === 'Deny') return { effect: 'denied', by: match };
    matches.push({ match, principal });
  }
  const pick = (kind: Statement['kind'], wanted: PrincipalMatch) =>
    matches
      .filter(({ match, principal }) => match.statement.kind === kind && principal === wanted)
      .map(({ match }) => match);
  const byIdentity = pick('identity', 'exact');
  const byResource = pick('resource', 'exact');
  const byAccount = pick('resource', 'account');

  if (request.caller.kind === 'service') return decide(byResource, 'resource-based');
  const keyForbids =
    request.resource.startsWith('arn:aws:kms:') && byResource.length === 0 && byAccount.length === 0;
  if (keyForbids) return { effect: 'unmentioned', in: 'resource-based' };
  if (request.caller.principal.split(':')[4] !== account) {
    const named = [...byResource, ...byAccount];
    if (named.length === 0) return { effect: 'unmentioned', in: 'resource-based' };
    return byIdentity.length === 0
      ? { effect: 'unmentioned', in: 'identity-based' }
      : { effect: 'allowed', by: [...byIdentity, ...named] };
  }
  return decide([...byIdentity, ...byResource], 'identity-based');
}

function decide(by: readonly Match[], missing: 'identity-based' | 'resource-based'): Decision {
  return by.length > 0 ? { effect: 'allowed', by } : { effect: 'unmentioned', in: missing };
}

/** The pattern that selects a value; for a negated selection, the list of excluded patterns. */
function select({ patterns, negated }: Selection, value: string): string | undefined {
  const found = patterns.find(({ matches }) => matches(value));
  if (!negated) return found?.text;
  return found ? undefined : describe({ patterns, negated });
}

/** Formats a selection for reports. */
export function describe({ patterns, negated }: Selection): string {
  const list = patterns.map(({ text }) => text).join(', ');
  return negated ? `all but ${list}` : list;
}
