import type { ProviderArgs } from '@pulumi/aws';
import * as z from 'zod';
import { fromJson } from './from-json.ts';

const text = z.string().min(1).optional();
const flag = fromJson(z.boolean().optional());
const whole = fromJson(z.int().min(0).optional());
/** `pulumi config set --path` stores an account's number as a number. */
const texts = fromJson(z.array(z.union([z.string(), z.number()]).transform(String)).optional());
/** The provider itself checks what is within. */
const fields = fromJson(z.record(z.string(), z.unknown()).optional());
const listOfFields = fromJson(z.array(z.record(z.string(), z.unknown())).optional());

/** Regions whose ARNs do not begin with `arn:aws:` (IAM guide, reference-arns). */
const otherPartition = /^(us-gov|cn|us-iso[a-z]*|eu-isoe|eusc)-/;

/**
 * All settings of the provider, which pass through to it. Typed by its own arguments, so that a setting that
 * is new or gone does not compile.
 */
export const provider = z.strictObject({
  region: z
    .string({ error: 'is missing' })
    .regex(/^[a-z]{2,4}(-[a-z]+)+-\d$/, 'must be a region such as eu-central-1')
    .refine(
      (region) => !otherPartition.test(region),
      'is in another partition than aws, such as GovCloud or China. The state machines, schedules and policies name ARNs and endpoints of aws only',
    ),
  /** A profile of the AWS configuration file. */
  profile: text,
  allowedAccountIds: texts,
  forbiddenAccountIds: texts,
  assumeRoles: listOfFields,
  assumeRoleWithWebIdentity: fields,
  /** Added to those that every resource has. */
  defaultTags: fromJson(z.strictObject({ tags: z.record(z.string(), z.string()) }).optional()),
  ignoreTags: fields,
  accessKey: text,
  secretKey: text,
  token: text,
  sharedConfigFiles: texts,
  sharedCredentialsFiles: texts,
  customCaBundle: text,
  ec2MetadataServiceEndpoint: text,
  ec2MetadataServiceEndpointMode: text,
  endpoints: listOfFields,
  httpProxy: text,
  httpsProxy: text,
  noProxy: text,
  insecure: flag,
  maxRetries: whole,
  retryMode: text,
  s3UsEast1RegionalEndpoint: text,
  s3UsePathStyle: flag,
  skipCredentialsValidation: flag,
  skipMetadataApiCheck: flag,
  skipRegionValidation: flag,
  skipRequestingAccountId: flag,
  stsRegion: text,
  tagPolicyCompliance: text,
  tokenBucketRateLimiterCapacity: whole,
  useDualstackEndpoint: flag,
  useFipsEndpoint: flag,
  userAgents: texts,
} satisfies Readonly<Record<keyof ProviderArgs, z.ZodType>>);

/** The provider's own arguments, with these tags besides the configured ones. */
export function providerArgs(
  { defaultTags, ...settings }: z.infer<typeof provider>,
  tags: Readonly<Record<string, string>>,
): ProviderArgs {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { ...given, defaultTags: { tags: { ...defaultTags?.tags, ...tags } } };
}
