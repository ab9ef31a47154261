import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { allow, policyDocument, trust } from '../iam/documents.ts';

export interface FlowLogArgs {
  readonly vpcId: pulumi.Output<string>;
  /** Days. */
  readonly logRetention: number;
}

/** A log group with a line for each connection in a network, accepted or refused. */
export class FlowLog extends pulumi.ComponentResource {
  constructor(name: string, args: FlowLogArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:FlowLog', name, {}, options);
    const logs = new aws.cloudwatch.LogGroup(
      name,
      { namePrefix: `/aws/vpc/${name}-`, retentionInDays: args.logRetention },
      { parent: this },
    );
    // VPC guide, flow-logs-iam-role.
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const role = new aws.iam.Role(
      name,
      { assumeRolePolicy: trust('vpc-flow-logs.amazonaws.com', { 'aws:SourceAccount': accountId }) },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyDocument([
          allow(
            'WriteLogs',
            ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
            pulumi.interpolate`${logs.arn}:*`,
          ),
          // Takes no resource that is narrower (Service authorization reference, CloudWatch Logs).
          allow('FindLogs', ['logs:DescribeLogGroups'], '*'),
        ]),
      },
      { parent: this },
    );
    new aws.ec2.FlowLog(
      name,
      {
        vpcId: args.vpcId,
        trafficType: 'ALL',
        logDestinationType: 'cloud-watch-logs',
        logDestination: logs.arn,
        iamRoleArn: role.arn,
        tags: { Name: name },
      },
      { parent: this, dependsOn: [policy] },
    );
    this.registerOutputs();
  }
}
