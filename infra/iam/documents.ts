import * as pulumi from '@pulumi/pulumi';
import * as z from 'zod';

/** A list may be one thing without brackets (IAM guide, reference_policies_grammar). */
const oneOrMany = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([schema.transform((one) => [one]), z.array(schema)]);
const words = oneOrMany(z.string());
const principals = z.union([
  z.literal('*').transform((all): string[] => [all]),
  z.record(z.string(), words).transform((by) => Object.values(by).flat()),
]);
const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** One statement of a policy document (IAM guide, reference_policies_grammar). Parsing makes lists of single words. */
const statement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  /** All that are named, of whatever kind; nobody when there is none. */
  Principal: principals.default([]),
  NotPrincipal: principals.optional(),
  Action: words.default([]),
  NotAction: words.optional(),
  Resource: words.default([]),
  NotResource: words.optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.union([scalar, z.array(scalar)]))).default({}),
});

const document = z.strictObject({
  Version: z.string().optional(),
  Id: z.string().optional(),
  Statement: oneOrMany(statement),
});

/** A statement as it is read: with lists where the text has single words, and nothing left out. */
export type ParsedStatement = z.output<typeof statement>;

/** The same with texts that are known only once resources exist. */
type Unresolved<Value> = Value extends string
  ? pulumi.Input<string>
  : Value extends object
    ? { readonly [Key in keyof Value]: Unresolved<Value[Key]> }
    : Value;

type Written = z.input<typeof statement>;

/** A statement as the program writes it. Each has a name, and says what it does to which actions. */
export type Statement = Unresolved<Omit<Written, 'Sid' | 'Effect' | 'Action'>> &
  Readonly<Pick<Written, 'Effect'>> & { readonly Sid: string; readonly Action: readonly string[] };

/** A policy document as JSON. */
export function policyDocument(statements: readonly Statement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements });
}

/** The statements of a policy document's parsed JSON; undefined when it is none. */
export function parseStatements(policy: unknown): readonly ParsedStatement[] | undefined {
  return document.safeParse(policy).data?.Statement;
}

export function allow(
  Sid: string,
  Action: readonly string[],
  Resource: pulumi.Input<string> | readonly pulumi.Input<string>[],
): Statement {
  return { Sid, Effect: 'Allow', Action, Resource };
}

/** Refuses every call that does not come over TLS (Security Hub S3.5; SQS guide, security best practices). */
export function denyWithoutTls(
  service: 's3' | 'sqs',
  Resource: pulumi.Input<string> | readonly pulumi.Input<string>[],
): Statement {
  return {
    Sid: 'DenyWithoutTls',
    Effect: 'Deny',
    Principal: '*',
    Action: [`${service}:*`],
    Resource,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}

/**
 * Refuses to write over an object under a prefix, whoever asks: what is there was created once (S3 guide, conditional-writes-enforce).
 * To put one right by hand, delete it, and create it.
 */
export function denyOverwriting(prefix: string, bucketArn: pulumi.Input<string>): Statement {
  return {
    Sid: 'DenyOverwriting',
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:PutObject'],
    Resource: pulumi.interpolate`${bucketArn}/${prefix}*`,
    Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
  };
}

/** Using the stack's key, through the services alone that encrypt under it (KMS guide, conditions-kms, kms:ViaService). */
export function usesKey(
  arn: pulumi.Input<string>,
  actions: readonly ('Decrypt' | 'GenerateDataKey')[],
  services: readonly ('s3' | 'sqs' | 'secretsmanager')[],
): Statement {
  return {
    ...allow(
      'UseKey',
      actions.map((action) => `kms:${action}`),
      arn,
    ),
    Condition: { StringLike: { 'kms:ViaService': services.map((service) => `${service}.*.amazonaws.com`) } },
  };
}

/** Lets a function be a Lambda function's role. */
export const lambdaTrust = policyDocument([
  {
    Sid: 'Lambda',
    Effect: 'Allow',
    Principal: { Service: 'lambda.amazonaws.com' },
    Action: ['sts:AssumeRole'],
  },
]);

/**
 * Lets services take a role on, for the resource or the account that the condition names alone (IAM guide, confused-deputy).
 *
 * @param ifTold for a service whose guide does not say that it tells on whose behalf it calls: refused only when it names another
 */
export function trust(
  Service: string | readonly string[],
  condition: Readonly<Record<string, pulumi.Input<string>>>,
  { ifTold = false } = {},
): pulumi.Output<string> {
  return policyDocument([
    {
      Sid: 'Trust',
      Effect: 'Allow',
      Principal: { Service },
      Action: ['sts:AssumeRole'],
      Condition: { [ifTold ? 'StringEqualsIfExists' : 'StringEquals']: condition },
    },
  ]);
}
