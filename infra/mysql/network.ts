import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Bucket } from '../base/bucket.ts';
import { policyDocument } from '../iam/documents.ts';
import { FlowLog } from './flow-log.ts';
import { SecurityGroup } from './security-group.ts';

export interface NetworkArgs {
  /** A private /24, as `10.24.0.0/24`. */
  readonly cidr: string;
  /** The only buckets that can be reached from inside. */
  readonly buckets: readonly Bucket[];
  /** Whether a log group gets a line for each connection. */
  readonly flowLogs: boolean;
  /** Days. */
  readonly logRetention: number;
}

/**
 * Two private subnets without Internet access: no gateway, no NAT, no public addresses. S3 is reached through
 * a gateway endpoint, which is free.
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** One in each of two availability zones. */
  readonly subnetIds: readonly pulumi.Output<string>[];
  /** S3's addresses, for a security group's rule. */
  readonly s3PrefixListId: pulumi.Output<string>;
  readonly #name: string;

  constructor(name: string, args: NetworkArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Network', name, {}, options);
    this.#name = name;
    const tags = { Name: name };
    const vpc = new aws.ec2.Vpc(
      name,
      // Private DNS names of endpoints need both settings (VPC guide, vpc-dns).
      { cidrBlock: args.cidr, enableDnsSupport: true, enableDnsHostnames: true, tags },
      { parent: this, ignoreChanges: ['cidrBlock'] },
    );
    vpc.cidrBlock.apply((deployed) => refuseToMove(deployed, args.cidr));
    const vpcId = vpc.id;
    // Resources without a group get this one, so it allows nothing (Security Hub EC2.2).
    new aws.ec2.DefaultSecurityGroup(name, { vpcId, ingress: [], egress: [], tags }, { parent: this });
    const routes = new aws.ec2.RouteTable(name, { vpcId, tags }, { parent: this });
    const zones = aws.getAvailabilityZonesOutput(
      // Local and Wavelength Zones are opt-in and have no RDS.
      { state: 'available', filters: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }] },
      { parent: this },
    );
    this.subnetIds = halves(args.cidr).map((cidrBlock, index) => {
      const subnet = new aws.ec2.Subnet(
        `${name}-${index + 1}`,
        {
          vpcId,
          cidrBlock,
          availabilityZone: zones.names.apply((names) => names[index] ?? ''),
          mapPublicIpOnLaunch: false,
          tags: { Name: `${name}-${index + 1}` },
        },
        // A new zone in the region must not move a subnet, and the database with it.
        { parent: this, ignoreChanges: ['availabilityZone', 'cidrBlock'] },
      );
      new aws.ec2.RouteTableAssociation(
        `${name}-${index + 1}`,
        { subnetId: subnet.id, routeTableId: routes.id },
        { parent: this },
      );
      return subnet.id;
    });
    const s3 = new aws.ec2.VpcEndpoint(
      `${name}-s3`,
      {
        vpcId,
        serviceName: serviceName('s3', this),
        vpcEndpointType: 'Gateway',
        routeTableIds: [routes.id],
        // Any caller inside, with any credentials, can reach only the stack's buckets.
        policy: policyDocument([
          {
            Sid: 'OwnBuckets',
            Effect: 'Allow',
            Principal: '*',
            Action: ['s3:*'],
            Resource: args.buckets.flatMap(({ arn }) => [arn, pulumi.interpolate`${arn}/*`]),
          },
        ]),
        tags,
      },
      { parent: this },
    );

    if (args.flowLogs)
      new FlowLog(`${name}-flow`, { vpcId, logRetention: args.logRetention }, { parent: this });
    this.vpcId = vpcId;
    this.s3PrefixListId = s3.prefixListId;
    this.registerOutputs({ vpcId });
  }

  /** Creates a group without rules. */
  securityGroup(purpose: string, description: string): SecurityGroup {
    return new SecurityGroup(
      `${this.#name}-${purpose}`,
      { vpcId: this.vpcId, description },
      { parent: this },
    );
  }
}

/** The settings of a function in the network. */
export interface Placement {
  readonly network: Network;
  readonly securityGroup: SecurityGroup;
}

/** `com.amazonaws.eu-central-1.s3` (VPC guide, aws-services-privatelink-support). */
export function serviceName(service: string, parent: pulumi.Resource): pulumi.Output<string> {
  return pulumi.interpolate`com.amazonaws.${aws.getRegionOutput({}, { parent }).region}.${service}`;
}

/**
 * RDS refuses subnets of another VPC for a subnet group in use (terraform-provider-aws issue 27459), so a
 * changed range would stop a deployment halfway, with two networks.
 *
 * @throws {pulumi.RunError} if the range of the deployed network is not the configured one
 */
export function refuseToMove(deployed: string, configured: string): void {
  if (deployed === configured) return;
  throw new pulumi.RunError(
    `The database is in the network ${deployed} and can't move to another one, but sluice:database.network is ${configured}. ` +
      `Set it back: pulumi config set --path sluice:database.network ${deployed} --stack ${pulumi.getStack()}`,
  );
}

function halves(cidr: string): [string, string] {
  const base = cidr.slice(0, cidr.lastIndexOf('.'));
  return [`${base}.0/25`, `${base}.128/25`];
}
