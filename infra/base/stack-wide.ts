import type * as aws from '@pulumi/aws';
import type * as pulumi from '@pulumi/pulumi';

export interface StackWide {
  /** The ARN of a policy that limits every role. */
  readonly permissionsBoundary: string | undefined;
  /** The ARN of the key that encrypts every log group. */
  readonly logKey: pulumi.Output<string> | undefined;
}

/**
 * What a team demands of all resources of a type, as transformations of the components that hold them: so no
 * component can forget it.
 */
export function stackWide({ permissionsBoundary, logKey }: StackWide): pulumi.ResourceTransformation[] {
  const more: Readonly<Record<string, object>> = {
    'aws:iam/role:Role': { permissionsBoundary } satisfies Partial<aws.iam.RoleArgs>,
    'aws:cloudwatch/logGroup:LogGroup': { kmsKeyId: logKey } satisfies Partial<aws.cloudwatch.LogGroupArgs>,
  };
  return [
    ({ type, props, opts }) =>
      Object.hasOwn(more, type) ? { props: { ...props, ...more[type] }, opts } : undefined,
  ];
}
