import type { Authorize, Call } from '../core/call.ts';
import type { Context } from './conditions.ts';
import { account, person } from './credentials.ts';
import { denied } from './denied.ts';
import { type Decision, describe, evaluate, type Match, parsePolicy, type Statement } from './policy.ts';

interface NamedPolicy {
  readonly name: string;
  /** JSON text. */
  readonly document: string;
}

export interface PolicyEngineOptions {
  readonly roles: readonly { readonly arn: string; readonly policies: readonly NamedPolicy[] }[];
  /** Users besides the local user, who may do everything. */
  readonly users?: readonly { readonly arn: string; readonly policies: readonly NamedPolicy[] }[];
  /** JSON text by the ARN of a bucket, queue, key, or role (its trust policy). */
  readonly resourcePolicies: ReadonlyMap<string, string>;
  /** The KMS key's ARN by the ARN of the bucket or queue that it encrypts. */
  readonly keys?: ReadonlyMap<string, string>;
}

/** How often a role used a statement's permission. */
export interface StatementUse {
  readonly policy: string;
  readonly statement: string;
  readonly actions: readonly { readonly pattern: string; readonly uses: number }[];
  readonly resources: readonly { readonly pattern: string; readonly uses: number }[];
}

export interface RoleUse {
  readonly role: string;
  readonly statements: readonly StatementUse[];
}

/** Refused calls of the same kind and their number. All objects of a bucket count as the same kind. */
export interface Denial {
  readonly principal: string;
  readonly action: string;
  /** That of the first call. */
  readonly resource: string;
  readonly reason: string;
  readonly times: number;
}

export interface PolicyEngine {
  readonly authorize: Authorize;
  /**
   * Each role's statements, with the number of uses since the start. Statements with 0 uses were never
   * needed.
   */
  uses(): readonly RoleUse[];
  denials(): readonly Denial[];
}

const everything: NamedPolicy = {
  name: 'AdministratorAccess',
  document: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
};

/**
 * Decides about every call by the policies of the program.
 *
 * @throws InvalidPolicy if one of them can't be read
 */
export function createPolicyEngine(options: PolicyEngineOptions): PolicyEngine {
  const identities = new Map<string, readonly Statement[]>();
  for (const { arn, policies } of [
    ...options.roles,
    ...(options.users ?? []),
    { arn: person.principal, policies: [everything] },
  ])
    identities.set(
      arn,
      policies.flatMap(({ name, document }) => parsePolicy(name, document, 'identity')),
    );
  const resources = new Map(
    [...options.resourcePolicies].map(([arn, document]) => [
      arn,
      parsePolicy(`the policy of ${arn}`, document, 'resource'),
    ]),
  );
  const uses = new Map<Statement, Map<string, number>>();
  const denials = new Map<string, Denial>();

  function check(call: Call): void {
    const { caller, action, resource } = call;
    const statements = [
      ...(identities.get(caller.principal) ?? []),
      ...(resources.get(policyHolder(resource)) ?? []),
    ];
    const decision = evaluate({ caller, action, resource, context: contextOf(call) }, statements);
    if (decision.effect === 'allowed') {
      for (const match of decision.by) count(uses, match);
      return;
    }
    const reason = because(decision, action);
    const key = [caller.principal, action, policyHolder(resource), reason].join('\n');
    const { resource: first, times } = denials.get(key) ?? { resource, times: 0 };
    denials.set(key, { principal: caller.principal, action, resource: first, reason, times: times + 1 });
    throw denied(call, reason);
  }

  return {
    async authorize(call) {
      check(call);
      const key = options.keys?.get(policyHolder(call.resource));
      if (key === undefined) return;
      for (const action of keyActions(call))
        check({
          ...call,
          action,
          resource: key,
          context: { 'kms:viaservice': viaService(call.action, key) },
        });
    },
    uses: () =>
      options.roles.map(({ arn }) => ({
        role: arn,
        statements: (identities.get(arn) ?? [])
          .filter(({ effect }) => effect === 'Allow')
          .map((statement) => use(statement, uses.get(statement))),
      })),
    denials: () => [...denials.values()],
  };
}

function count(uses: Map<Statement, Map<string, number>>, { statement, action, resource }: Match): void {
  const counts = uses.get(statement) ?? new Map<string, number>();
  uses.set(statement, counts);
  for (const key of [`action ${action}`, `resource ${resource}`]) counts.set(key, (counts.get(key) ?? 0) + 1);
}

function use(statement: Statement, counts: ReadonlyMap<string, number> = new Map()): StatementUse {
  const list = (kind: 'action' | 'resource', selection: Statement['actions']) =>
    (selection.negated ? [describe(selection)] : selection.patterns.map(({ text }) => text)).map(
      (pattern) => ({ pattern, uses: counts.get(`${kind} ${pattern}`) ?? 0 }),
    );
  return {
    policy: statement.policy,
    statement: statement.id,
    actions: list('action', statement.actions),
    resources: list('resource', statement.resources),
  };
}

/** The resource that has the policy: for an object, its bucket. */
function policyHolder(resource: string): string {
  return resource.startsWith('arn:aws:s3:::') ? (resource.split('/')[0] ?? resource) : resource;
}

function contextOf({ caller, context }: Call): Context {
  const { kind, principal, sourceArn } = caller;
  return {
    ...context,
    // The loopback counts as TLS: on AWS the same call would use TLS, and here it does not leave the machine.
    'aws:securetransport': 'true',
    'aws:principalisawsservice': `${kind === 'service'}`,
    ...(kind !== 'service' && {
      'aws:principalarn': principal,
      'aws:principalaccount': accountIdOf(principal),
      'kms:calleraccount': accountIdOf(principal),
    }),
    ...(sourceArn !== undefined && {
      'aws:sourcearn': sourceArn,
      'aws:sourceaccount': accountIdOf(sourceArn),
    }),
  };
}

/** A bucket's ARN has no account; here there is only one. */
function accountIdOf(arn: string): string {
  return arn.split(':')[4] || account;
}

/**
 * The permissions on the key that a call on an encrypted bucket or queue needs: "Protecting data with
 * server-side encryption with KMS keys, Permissions", "Multipart upload and permissions" and "HeadObject,
 * ChecksumMode" (S3), "Amazon SQS Key management, Configuring KMS permissions".
 */
function keyActions({ action, operation, wantsChecksum }: Call): readonly string[] {
  switch (action) {
    case 's3:GetObject':
    case 's3:GetObjectVersion':
      // A delete compares the ETag, which is not encrypted.
      if (operation === 'HeadObject') return wantsChecksum ? ['kms:Decrypt'] : [];
      return operation.startsWith('Delete') ? [] : ['kms:Decrypt'];
    case 's3:PutObject':
      return operation.includes('Part') || operation.includes('Multipart')
        ? ['kms:GenerateDataKey', 'kms:Decrypt']
        : ['kms:GenerateDataKey'];
    case 'sqs:SendMessage':
      return ['kms:GenerateDataKey', 'kms:Decrypt'];
    case 'sqs:ReceiveMessage':
      return ['kms:Decrypt'];
    default:
      return [];
  }
}

function viaService(action: string, key: string): string {
  return `${action.split(':')[0]}.${key.split(':')[3]}.amazonaws.com`;
}

function because(decision: Exclude<Decision, { effect: 'allowed' }>, action: string): string {
  if (decision.effect === 'unmentioned')
    return `because no ${decision.in} policy allows the ${action} action`;
  const { kind, id, policy } = decision.by.statement;
  return `with an explicit deny in a${kind === 'identity' ? 'n identity' : ' resource'}-based policy (statement ${id} of ${policy})`;
}
