/** The buckets, in the order in which data meets them. */
export const bucketPurposes = ['raw', 'temp', 'failed', 'processed', 'archive', 'ledger'] as const;
export type BucketPurpose = (typeof bucketPurposes)[number];

/**
 * The longest stack name that leaves room for the longest name of a resource: Pulumi adds `-` and seven characters,
 * buckets allow 63 characters, IAM roles and EventBridge rules 64.
 */
const longestStackName = 24;

/**
 * Names for one stack's resources: `naming('sluice', 'dev')('raw')` is `sluice-dev-raw`. Pulumi's suffix makes them
 * unique in the account and, for buckets, in the world.
 *
 * @throws when the stack's name would make a bucket name that S3 refuses (S3 User Guide, bucketnamingrules).
 */
export function naming(project: string, stack: string): (...parts: string[]) => string {
  if (!/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(stack) || stack.length > longestStackName) {
    throw new Error(
      `The stack name "${stack}" does not fit into bucket names. Use at most ${longestStackName} lower-case letters, ` +
        'digits and hyphens, a letter first: pulumi stack rename <name>',
    );
  }
  return (...parts) => [project, stack, ...parts].join('-');
}
