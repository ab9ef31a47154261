import { named } from './document.ts';
import { type Need, on, passRole } from './need.ts';

const rds = (...paths: readonly string[]) => paths.map((path) => named('rds', path));
/** EC2 names by numbers, so the region is what limits them. */
const here = { StringEquals: { 'aws:RequestedRegion': 'REGION' } };
const ec2 = (actions: string) => on('*', 'ec2', actions, here);
const tags = 'AddTagsToResource ListTagsForResource RemoveTagsFromResource';
const groupRules = 'DescribeSecurityGroupRules ModifySecurityGroupRules';

/** What a stack with `sluice:mysql` needs besides. */
export const networkNeeds: Readonly<Record<string, readonly Need[]>> = {
  'aws:ec2/vpc:Vpc': [
    ec2(
      `CreateTags CreateVpc DeleteTags DeleteVpc DescribeAvailabilityZones DescribeNetworkAcls DescribeRouteTables
      DescribeSecurityGroups DescribeVpcAttribute DescribeVpcs ModifyVpcAttribute`,
    ),
  ],
  'aws:ec2/subnet:Subnet': [
    ec2('CreateSubnet DeleteSubnet DescribeNetworkInterfaces DescribeSubnets ModifySubnetAttribute'),
  ],
  'aws:ec2/routeTable:RouteTable': [ec2('CreateRouteTable DeleteRouteTable DescribeRouteTables')],
  'aws:ec2/routeTableAssociation:RouteTableAssociation': [
    ec2('AssociateRouteTable DescribeRouteTables DisassociateRouteTable ReplaceRouteTableAssociation'),
  ],
  'aws:ec2/vpcEndpoint:VpcEndpoint': [
    ec2('CreateVpcEndpoint DeleteVpcEndpoints DescribePrefixLists DescribeVpcEndpoints ModifyVpcEndpoint'),
  ],
  'aws:ec2/flowLog:FlowLog': [
    ec2('CreateFlowLogs DeleteFlowLogs DescribeFlowLogs'),
    passRole('vpc-flow-logs'),
  ],
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': [
    ec2('DescribeSecurityGroups RevokeSecurityGroupEgress RevokeSecurityGroupIngress'),
  ],
  // AWS lets a new group send anything, which the provider revokes.
  'aws:ec2/securityGroup:SecurityGroup': [
    ec2(
      'CreateSecurityGroup DeleteSecurityGroup DescribeNetworkInterfaces DescribeSecurityGroups RevokeSecurityGroupEgress',
    ),
  ],
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': [
    ec2(`AuthorizeSecurityGroupEgress RevokeSecurityGroupEgress ${groupRules}`),
  ],
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': [
    ec2(`AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress ${groupRules}`),
  ],

  'aws:rds/subnetGroup:SubnetGroup': [
    on(
      rds('subgrp:sluice-STACK-*'),
      'rds',
      `CreateDBSubnetGroup DeleteDBSubnetGroup DescribeDBSubnetGroups ModifyDBSubnetGroup ${tags}`,
    ),
  ],
  'aws:rds/parameterGroup:ParameterGroup': [
    on(
      rds('pg:sluice-STACK-*'),
      'rds',
      `CreateDBParameterGroup DeleteDBParameterGroup DescribeDBParameterGroups DescribeDBParameters
      ModifyDBParameterGroup ResetDBParameterGroup ${tags}`,
    ),
  ],
  'aws:rds/instance:Instance': [
    on(
      rds(
        'db:sluice-STACK-*',
        'pg:sluice-STACK-*',
        'subgrp:sluice-STACK-*',
        'snapshot:sluice-STACK-*',
        'og:default*',
      ),
      'rds',
      `CreateDBInstance CreateDBSnapshot DeleteDBInstance DescribeDBInstances ModifyDBInstance RebootDBInstance
      ${tags}`,
    ),
    // RDS keeps the administrator's password there in the caller's name (RDS guide, rds-secrets-manager).
    on(named('secretsmanager', 'secret:rds!*'), 'secretsmanager', 'CreateSecret TagResource'),
    on('arn:aws:iam::ACCOUNT:role/aws-service-role/*', 'iam', 'CreateServiceLinkedRole'),
  ],
  // RDS names a proxy by a number.
  'aws:rds/proxy:Proxy': [
    on(rds('db-proxy:*'), 'rds', `DeleteDBProxy DescribeDBProxies ModifyDBProxy ${tags}`),
    on('*', 'rds', 'CreateDBProxy'),
    passRole('rds'),
  ],
  'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup': [
    on(rds('db-proxy:*', 'target-group:*'), 'rds', 'DescribeDBProxyTargetGroups ModifyDBProxyTargetGroup'),
  ],
  'aws:rds/proxyTarget:ProxyTarget': [
    on(
      rds('db-proxy:*', 'target-group:*', 'db:sluice-STACK-*'),
      'rds',
      'DeregisterDBProxyTargets DescribeDBProxyTargets RegisterDBProxyTargets',
    ),
  ],
  'aws:lambda/invocation:Invocation': [
    on(named('lambda', 'function:sluice-STACK-*'), 'lambda', 'InvokeFunction'),
  ],
};
