import * as pulumi from '@pulumi/pulumi';

/**
 * The longest stack name for which every resource name fits: Pulumi adds `-` and seven characters; bucket
 * names have at most 63 characters, names of IAM roles and EventBridge rules 64.
 */
const longestStackName = 24;

/**
 * Names for one stack's resources: `naming('sluice', 'dev')('raw')` is `sluice-dev-raw`. Pulumi's suffix
 * makes them unique in the account and, for buckets, in the world.
 *
 * @throws {pulumi.RunError} if the stack's name would make a bucket name that S3 rejects (S3 User Guide,
 * bucketnamingrules)
 */
export function naming(project: string, stack: string): (...parts: string[]) => string {
  if (!/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(stack) || stack.length > longestStackName) {
    throw new pulumi.RunError(
      `The stack name "${stack}" does not fit into bucket names. Use at most ${longestStackName} lower-case letters, ` +
        'digits and hyphens, a letter first: pulumi stack rename <name>',
    );
  }
  return (...parts) => [project, stack, ...parts].join('-');
}
