import * as pulumi from '@pulumi/pulumi';
import * as z from 'zod';

/** A list with one element may omit the brackets (IAM guide, reference_policies_grammar). */
const oneOrMany = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([schema.transform((one) => [one]), z.array(schema)]);
const words = oneOrMany(z.string());
const principals = z.union([
  z.literal('*').transform((all): string[] => [all]),
  z.record(z.string(), words).transform((by) => Object.values(by).flat()),
]);
const scalar = z.union([z.string(), z.number(), z.boolean()]);

/**
 * One statement of a policy document (IAM guide, reference_policies_grammar). Parsing turns single words into
 * lists.
 */
const statement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  /** All principals, of any kind; empty if there are none. */
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

/** A parsed statement: single words are lists, and missing fields have their defaults. */
export type ParsedStatement = z.output<typeof statement>;

/** The same type, with strings that may be known only once resources exist. */
type Unresolved<Value> = Value extends string
  ? pulumi.Input<string>
  : Value extends object
    ? { readonly [Key in keyof Value]: Unresolved<Value[Key]> }
    : Value;

type Written = z.input<typeof statement>;

/** A statement as the program writes it, with a name, an effect and actions. */
export type Statement = Unresolved<Omit<Written, 'Sid' | 'Effect' | 'Action'>> &
  Readonly<Pick<Written, 'Effect'>> & { readonly Sid: string; readonly Action: readonly string[] };

/** A policy document as JSON. */
export function policyDocument(statements: readonly Statement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements });
}

/** The statements of a policy document given as parsed JSON; undefined if it is not one. */
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

/** Denies every call without TLS (Security Hub S3.5; SQS guide, security best practices). */
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
 * Allows using the stack's key, only through the services that encrypt with it (KMS guide, conditions-kms,
 * kms:ViaService).
 */
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

/** Lets a service assume a role, for whatever resource a person with `iam:PassRole` hands it to. */
const plainTrust = (Sid: string, Service: string) =>
  policyDocument([{ Sid, Effect: 'Allow', Principal: { Service }, Action: ['sts:AssumeRole'] }]);

/** Lets Lambda assume a role for a function. */
export const lambdaTrust = plainTrust('Lambda', 'lambda.amazonaws.com');

/**
 * Lets Glue assume a role for a crawler. Glue's pages show it without a condition (Glue guide,
 * create-an-iam-role), and none says that a crawler names its account. A condition on a key that Glue does
 * not send would refuse every crawler, and with it the stack.
 */
export const crawlerTrust = plainTrust('Glue', 'glue.amazonaws.com');

/**
 * Lets services assume a role, only for the resource or account in the condition (IAM guide,
 * confused-deputy).
 *
 * @param ifTold for services whose guide does not promise that they name the resource or account they act
 * for: denies only calls that name a different one
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
