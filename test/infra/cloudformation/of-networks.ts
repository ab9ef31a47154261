import type { Conversion, Whole } from './conversion.ts';

const ec2 = (type: `AWS::EC2::${string}`, operation: string): Whole => ({
  type,
  api: [{ operation: `ec2.${operation}` }],
});

export const ofNetworks: Readonly<Record<string, Conversion>> = {
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': {
    nothing: 'the VPC brings it; the provider takes its rules away',
  },
  'aws:ec2/flowLog:FlowLog': {
    type: 'AWS::EC2::FlowLog',
    renamed: { iamRoleArn: 'DeliverLogsPermissionArn' },
    shape: ({ VpcId, ...rest }) => ({ ResourceType: 'VPC', ResourceId: VpcId, ...rest }),
    api: [{ operation: 'ec2.CreateFlowLogs' }],
  },
  'aws:ec2/routeTable:RouteTable': ec2('AWS::EC2::RouteTable', 'CreateRouteTable'),
  'aws:ec2/routeTableAssociation:RouteTableAssociation': ec2(
    'AWS::EC2::SubnetRouteTableAssociation',
    'AssociateRouteTable',
  ),
  'aws:ec2/securityGroup:SecurityGroup': {
    type: 'AWS::EC2::SecurityGroup',
    named: ['name', 'GroupName'],
    renamed: { description: 'GroupDescription' },
    api: [{ operation: 'ec2.CreateSecurityGroup', renamed: { GroupDescription: 'Description' } }],
  },
  'aws:ec2/subnet:Subnet': ec2('AWS::EC2::Subnet', 'CreateSubnet'),
  'aws:ec2/vpc:Vpc': ec2('AWS::EC2::VPC', 'CreateVpc'),
  'aws:ec2/vpcEndpoint:VpcEndpoint': {
    type: 'AWS::EC2::VPCEndpoint',
    renamed: { policy: 'PolicyDocument' },
    api: [{ operation: 'ec2.CreateVpcEndpoint' }],
  },
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': {
    type: 'AWS::EC2::SecurityGroupEgress',
    renamed: {
      securityGroupId: 'GroupId',
      prefixListId: 'DestinationPrefixListId',
      referencedSecurityGroupId: 'DestinationSecurityGroupId',
    },
  },
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': {
    type: 'AWS::EC2::SecurityGroupIngress',
    renamed: { securityGroupId: 'GroupId', referencedSecurityGroupId: 'SourceSecurityGroupId' },
  },
};
