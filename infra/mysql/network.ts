import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Bucket } from '../base/bucket.ts';
import { policyDocument } from '../iam/documents.ts';
import { SecurityGroup } from './security-group.ts';

export interface NetworkArgs {
  /** A private /24, as `10.24.0.0/24`. */
  readonly cidr: string;
  /** The only buckets that can be reached from inside. */
  readonly buckets: readonly Bucket[];
}

/**
 * Two private subnets without a way to the Internet: no gateway, no NAT, no public addresses. S3 is reached through a
 * gateway endpoint, which costs nothing.
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** In two availability zones. */
  readonly subnetIds: readonly pulumi.Output<string>[];
  /** The addresses of S3, for the rule of a security group. */
  readonly s3PrefixListId: pulumi.Output<string>;
  readonly #name: string;

  constructor(name: string, args: NetworkArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Network', name, {}, options);
    this.#name = name;
    const tags = { Name: name };
    const vpc = new aws.ec2.Vpc(
      name,
      // Private names of endpoints need both (VPC guide, vpc-dns).
      { cidrBlock: args.cidr, enableDnsSupport: true, enableDnsHostnames: true, tags },
      { parent: this },
    );
    const vpcId = vpc.id;
    // Whatever names no group of its own gets this one, which allows nothing (Security Hub EC2.2).
    new aws.ec2.DefaultSecurityGroup(name, { vpcId, ingress: [], egress: [], tags }, { parent: this });
    const routes = new aws.ec2.RouteTable(name, { vpcId, tags }, { parent: this });
    const zones = aws.getAvailabilityZonesOutput(
      // Local and Wavelength Zones are opted into, and have no RDS.
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
        // A zone that is new in the region moves no subnet, and with it the database.
        { parent: this, ignoreChanges: ['availabilityZone'] },
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
        // Whoever reads or writes from inside, by whatever credentials, does it in the stack's buckets.
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

    this.vpcId = vpcId;
    this.s3PrefixListId = s3.prefixListId;
    this.registerOutputs({ vpcId });
  }

  /** A group that allows nothing yet. */
  securityGroup(purpose: string, description: string): SecurityGroup {
    return new SecurityGroup(
      `${this.#name}-${purpose}`,
      { vpcId: this.vpcId, description },
      { parent: this },
    );
  }
}

/** What a function in the network must be told. */
export interface Placement {
  readonly network: Network;
  readonly securityGroup: SecurityGroup;
}

/** `com.amazonaws.eu-central-1.s3` (VPC guide, aws-services-privatelink-support). */
export function serviceName(service: string, parent: pulumi.Resource): pulumi.Output<string> {
  return pulumi.interpolate`com.amazonaws.${aws.getRegionOutput({}, { parent }).region}.${service}`;
}

function halves(cidr: string): [string, string] {
  const base = cidr.slice(0, cidr.lastIndexOf('.'));
  return [`${base}.0/25`, `${base}.128/25`];
}
