/** A statement of a policy that a person attaches, in the order in which people read it. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** A policy of docs/policies/, in which STACK, REGION, ACCOUNT and KEY stand for those of a stack. */
export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly PolicyStatement[];
}

export const policyOf = (Statement: readonly PolicyStatement[]): Policy => ({
  Version: '2012-10-17',
  Statement,
});

/** The files' text. */
export const textOf = (policy: Policy) => `${JSON.stringify(policy, null, 2)}\n`;

/** The resources of a stack whose names begin with its own. */
export const named = (service: string, path: string) => `arn:aws:${service}:REGION:ACCOUNT:${path}`;

/** The stack's KMS key. */
export const key = named('kms', 'key/KEY');
