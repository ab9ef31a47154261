import { basename } from 'node:path';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { type FunctionName, liveAlias, type Variable, type VariableOf } from '../../domain/environment.ts';
import type { Bundle } from '../build/bundle.ts';
import { allow, lambdaTrust, policyDocument, type Statement } from '../iam/documents.ts';
import type { Placement } from '../mysql/network.ts';

/** A function's variables, without `CODE_VERSION`, which is added here. */
export type FunctionEnvironment = Readonly<Partial<Record<Variable, pulumi.Input<string>>>>;

/** The variables that only this function needs. */
export type OwnEnvironment<Name extends FunctionName> = Readonly<
  Record<VariableOf<Name>, pulumi.Input<string>>
>;

export interface FunctionArgs {
  readonly bundle: pulumi.Output<Bundle>;
  /** MB. */
  readonly memory: number;
  /** Seconds. */
  readonly timeout: number;
  /** Days. */
  readonly logRetention: number;
  readonly environment: FunctionEnvironment;
  /** The function's permissions besides writing its logs and traces. */
  readonly permissions: readonly Statement[];
  /** The function's place in the private network. Without it, the function runs outside of any network. */
  readonly placement?: Placement | undefined;
  /** Resources that must be created or updated before calls run a new version. */
  readonly after?: readonly pulumi.Resource[] | undefined;
}

/**
 * A Lambda function with a role and a log group of its own, called by an alias. Lambda changes a function's
 * variables in one call and its code in the next. So each deployment publishes a version, which has both, and
 * then points the alias to it: no call runs the old code under the new `CODE_VERSION` (Lambda guide,
 * configuration-versions and configuration-aliases).
 */
export class LambdaFunction extends pulumi.ComponentResource {
  readonly name: pulumi.Output<string>;
  /** Seconds. */
  readonly timeout: number;
  /** The function's own, without a version. */
  readonly functionArn: pulumi.Output<string>;
  /** The alias, by which it is called. */
  readonly live: aws.lambda.Alias;
  readonly roleArn: pulumi.Output<string>;
  /** Once this exists, the function has all its permissions. */
  readonly policy: aws.iam.RolePolicy;

  constructor(name: string, args: FunctionArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Function', name, {}, options);
    const logs = new aws.cloudwatch.LogGroup(
      name,
      { namePrefix: `/aws/lambda/${name}-`, retentionInDays: args.logRetention },
      { parent: this },
    );
    const role = new aws.iam.Role(name, { assumeRolePolicy: lambdaTrust }, { parent: this });
    this.policy = new aws.iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyDocument([
          ...args.permissions,
          allow(
            'WriteLogs',
            ['logs:CreateLogStream', 'logs:PutLogEvents'],
            pulumi.interpolate`${logs.arn}:*`,
          ),
          // X-Ray's actions take no resources (Service authorization reference, AWS X-Ray).
          allow('WriteTraces', ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*'),
          ...(args.placement === undefined ? [] : networkInterfaces(name)),
        ]),
      },
      { parent: this },
    );
    const lambda = new aws.lambda.Function(
      name,
      {
        runtime: 'nodejs24.x',
        architectures: ['arm64'],
        handler: 'index.handler',
        code: args.bundle.apply(({ files }) => archiveOf(files)),
        role: role.arn,
        memorySize: args.memory,
        timeout: args.timeout,
        tracingConfig: { mode: 'Active' },
        // The functions write JSON themselves; Lambda's JSON format would wrap it and hide the embedded
        // metrics.
        loggingConfig: { logFormat: 'Text', logGroup: logs.name },
        ...(args.placement && {
          vpcConfig: {
            subnetIds: [...args.placement.network.subnetIds],
            securityGroupIds: [args.placement.securityGroup.id],
          },
        }),
        environment: { variables: { ...args.environment, CODE_VERSION: args.bundle.version } },
        publish: true,
      },
      { parent: this, dependsOn: [this.policy] },
    );
    this.live = new aws.lambda.Alias(
      name,
      { name: liveAlias, functionName: lambda.name, functionVersion: lambda.version },
      { parent: this, dependsOn: [...(args.after ?? [])] },
    );

    this.name = lambda.name;
    this.timeout = args.timeout;
    this.functionArn = lambda.arn;
    this.roleArn = role.arn;
    this.registerOutputs({ name: this.name });
  }
}

/** All of them in its root, where they import each other. */
function archiveOf(files: readonly string[]): pulumi.asset.AssetArchive {
  return new pulumi.asset.AssetArchive(
    Object.fromEntries(files.map((file) => [basename(file), new pulumi.asset.FileAsset(file)])),
  );
}

const interfaceActions = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/**
 * Lambda creates network interfaces with the function's role; the function's own code may not (Lambda guide,
 * configuration-vpc).
 */
const networkInterfaces = (name: string): readonly Statement[] => [
  allow('UseNetwork', interfaceActions, '*'),
  {
    Sid: 'OnlyLambdaUsesNetwork',
    Effect: 'Deny',
    Action: interfaceActions,
    Resource: '*',
    Condition: { ArnLike: { 'lambda:SourceFunctionArn': `arn:*:lambda:*:*:function:${name}-*` } },
  },
];
