import { expect, test } from 'vitest';
import { validate } from '../../local-aws/program/validation/validation.ts';
import { everything, set } from './the-program.ts';

const vpc = 'aws:ec2/vpc:Vpc';
const subnet = 'aws:ec2/subnet:Subnet';
const association = 'aws:ec2/routeTableAssociation:RouteTableAssociation';
const group = 'aws:ec2/securityGroup:SecurityGroup';
const ingress = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule';
const endpoint = 'aws:ec2/vpcEndpoint:VpcEndpoint';
const subnetGroup = 'aws:rds/subnetGroup:SubnetGroup';
const parameterGroup = 'aws:rds/parameterGroup:ParameterGroup';
const instance = 'aws:rds/instance:Instance';
const proxy = 'aws:rds/proxy:Proxy';
const proxyGroup = 'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup';
const proxyTarget = 'aws:rds/proxyTarget:ProxyTarget';
const invocation = 'aws:lambda/invocation:Invocation';

/** One property of the first resource of a type, set to what AWS refuses, and what is said of it. */
const wrong: readonly (readonly [
  type: string,
  path: string,
  value: unknown,
  rule: RegExp,
  property?: string,
])[] = [
  [vpc, 'cidrBlock', '10.0.0.0/8', /from 16 to 28 bits/],
  [subnet, 'vpcId', 'vpc-other', /id of a Vpc/],
  [subnet, 'availabilityZone', undefined, /is required/],
  [subnet, 'cidrBlock', '10.24.0.128/25', /no other subnet's/],
  [association, 'routeTableId', 'rtb-other', /id of a RouteTable/],
  [group, 'name', 'sg-mine', /not sg- first/],
  [ingress, 'securityGroupId', 'sg-other', /id of a SecurityGroup/],
  [ingress, 'ipProtocol', 'TCP', /one of tcp/],
  [ingress, 'toPort', 65_536, /from 0 to 65535/],
  [ingress, 'cidrIpv4', '10.0.0.0/8', /exactly one of/, 'referencedSecurityGroupId'],
  [endpoint, 'vpcEndpointType', 'gateway', /one of Gateway/],
  [endpoint, 'policy', '{', /must be JSON/],
  [endpoint, 'subnetIds', ['subnet-other'], /subnet-other/],
  [subnetGroup, 'subnetIds', [], /two availability zones/],
  [parameterGroup, 'family', undefined, /is required/],
  [parameterGroup, 'name', 'Mine', /lower-case/],
  [instance, 'identifier', 'a--b', /single hyphens/],
  [instance, 'identifier', 'a'.repeat(64), /at most 63/],
  [instance, 'finalSnapshotIdentifier', undefined, /is required unless skipFinalSnapshot/],
  [instance, 'dbSubnetGroupName', 'other', /name of a SubnetGroup/],
  [instance, 'engineVersion', '8.0', /family mysql8\.0, not mysql8\.4/, 'parameterGroupName'],
  [instance, 'password', 'secret', /RDS manages it/],
  [instance, 'allocatedStorage', 10, /from 20/],
  [instance, 'maxAllocatedStorage', 10, /not be below allocatedStorage/],
  [instance, 'backupRetentionPeriod', 36, /from 0 to 35/],
  [instance, 'enabledCloudwatchLogsExports', ['slow'], /one of audit/],
  [instance, 'kmsKeyId', 'alias/aws/rds', /arn of a Key/],
  [proxy, 'name', 'a'.repeat(64), /at most 63/],
  [proxy, 'defaultAuthScheme', undefined, /is required without/, 'auths'],
  [proxy, 'roleArn', 'arn:aws:iam::000000000000:role/none', /arn of a Role/],
  [proxyGroup, 'connectionPoolConfig.maxConnectionsPercent', 0, /from 1 to 100/],
  [proxyTarget, 'dbInstanceIdentifier', 'other', /identifier of an Instance/],
  [invocation, 'functionName', 'other', /name of a Function/],
  [invocation, 'input', '{', /must be JSON/],
];

test('the program with every feature enabled is valid on AWS', () => {
  expect(validate(everything.resources)).toEqual([]);
});

const cases = wrong.map(([type, path, value, rule, property = path]) => ({
  type,
  path,
  value,
  rule,
  property,
}));

test.each(cases)('$type with $path = $value is refused', ({ type, path, value, rule, property }) => {
  const changed = structuredClone(everything.resources);
  const one = changed.find((resource) => resource.type === type);
  if (one === undefined) throw new Error(`The program has no ${type}.`);
  set(one.inputs, path, value);
  expect(validate(changed)).toContainEqual({
    urn: one.urn,
    property,
    rule: expect.stringMatching(rule),
  });
});

test('a function with an unknown subnet or security group is refused', () => {
  const changed = structuredClone(everything.resources);
  const one = changed.find(({ inputs }) => inputs['vpcConfig'] !== undefined);
  set(one?.inputs ?? {}, 'vpcConfig', { subnetIds: ['subnet-other'], securityGroupIds: ['sg-other'] });
  expect(validate(changed)).toMatchObject([
    { urn: one?.urn, property: 'vpcConfig.subnetIds' },
    { urn: one?.urn, property: 'vpcConfig.securityGroupIds' },
  ]);
});
