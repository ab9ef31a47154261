import type { Check } from '../check.ts';
import { list, statements } from '../resource.ts';

const securityGroup = 'aws:ec2/securityGroup:SecurityGroup';
const ingress = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule';
const egress = 'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule';

/** The database's network and its security groups. */
export const networkChecks: readonly Check[] = [
  {
    name: 'no-internet',
    rule: 'There is no Internet gateway, no NAT gateway, and no public address.',
    reason:
      'A network without Internet access can’t be attacked from outside, and gateways are billed by the hour.',
    source: 'RDS guide, USER_VPC.WorkingWithRDSInstanceinaVPC',
    type: [
      'aws:ec2/internetGateway:InternetGateway',
      'aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway',
      'aws:ec2/natGateway:NatGateway',
      'aws:ec2/eip:Eip',
      'aws:ec2/subnet:Subnet',
    ],
    passes: ({ type, inputs }) => type === 'aws:ec2/subnet:Subnet' && inputs['mapPublicIpOnLaunch'] === false,
  },
  {
    name: 'default-group-closed',
    rule: 'The default security group of a VPC allows nothing.',
    reason: 'Resources without a group get this one, and by default its members may connect to each other.',
    source: 'Security Hub EC2.2',
    type: 'aws:ec2/vpc:Vpc',
    passes: ({ outputs }, all) =>
      all.some(
        ({ type, inputs }) =>
          type === 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup' &&
          inputs['vpcId'] === outputs['id'] &&
          [inputs['ingress'], inputs['egress']].every((rules) => list(rules).length === 0),
      ),
  },
  {
    name: 'groups-name-each-other',
    rule: 'A security group’s rules are separate resources, for one TCP port, and name another group or a service’s prefix list.',
    reason: 'A group identifies the caller, while any resource could get an address.',
    source: 'VPC guide, security-group-rules',
    type: [securityGroup, ingress, egress],
    passes: ({ type, inputs }) =>
      type === securityGroup
        ? inputs['ingress'] === undefined && inputs['egress'] === undefined
        : inputs['cidrIpv4'] === undefined &&
          inputs['cidrIpv6'] === undefined &&
          inputs['ipProtocol'] === 'tcp' &&
          inputs['fromPort'] === inputs['toPort'] &&
          (inputs['referencedSecurityGroupId'] ?? (type === egress && inputs['prefixListId'])) !== undefined,
  },
  {
    name: 'endpoint-policy',
    rule: 'An endpoint’s policy allows only the resources that it names.',
    reason: 'By default it allows the buckets and secrets of every account, so data could be copied out.',
    source: 'VPC guide, vpc-endpoints-access',
    type: 'aws:ec2/vpcEndpoint:VpcEndpoint',
    passes: ({ inputs }) => {
      const allowed = statements(inputs['policy'])?.filter(({ Effect }) => Effect === 'Allow') ?? [];
      return (
        allowed.length > 0 &&
        allowed.every(
          ({ Resource, NotResource }) =>
            NotResource === undefined && Resource.length > 0 && !Resource.some(isOpen),
        )
      );
    },
  },
];

/** `*`, or a name that ends in a wildcard. Everything within one bucket or secret is allowed. */
const isOpen = (resource: string) => /[*?]/.test(resource.replace(/\/\*$/, ''));
