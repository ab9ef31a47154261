import {
  atMost,
  type Check,
  json,
  matches,
  oneOf,
  physicalName,
  policy,
  range,
  refersTo,
  required,
} from './checks.ts';
import { functionType, keyType, roleType } from './types.ts';

const vpcType = 'aws:ec2/vpc:Vpc';
const subnetType = 'aws:ec2/subnet:Subnet';
const routeTableType = 'aws:ec2/routeTable:RouteTable';
const securityGroupType = 'aws:ec2/securityGroup:SecurityGroup';
const endpointType = 'aws:ec2/vpcEndpoint:VpcEndpoint';
const subnetGroupType = 'aws:rds/subnetGroup:SubnetGroup';
const parameterGroupType = 'aws:rds/parameterGroup:ParameterGroup';
const instanceType = 'aws:rds/instance:Instance';
const proxyType = 'aws:rds/proxy:Proxy';

const ofVpc = [required('vpcId'), refersTo('vpcId', [vpcType, 'id'])];
const identifier = /^[a-z](?!.*--)[a-z0-9-]*[a-z0-9]$/;
const identifierWords = 'lower-case letters, digits and single hyphens, a letter first';

const instanceName = (path: string, most: number) => [
  matches(path, identifier, identifierWords),
  atMost(path, most),
];

/** A rule names its own group and exactly one peer. */
const securityGroupRule: readonly Check[] = [
  required('securityGroupId'),
  refersTo('securityGroupId', [securityGroupType, 'id']),
  refersTo('referencedSecurityGroupId', [securityGroupType, 'id']),
  refersTo('prefixListId', [endpointType, 'prefixListId']),
  oneOf('ipProtocol', ['tcp', 'udp', 'icmp', 'icmpv6', '-1']),
  range('fromPort', 0, 65_535),
  range('toPort', 0, 65_535),
  function* onePeer({ inputs }) {
    const peers = ['referencedSecurityGroupId', 'prefixListId', 'cidrIpv4', 'cidrIpv6'];
    if (peers.filter((peer) => inputs[peer] !== undefined).length !== 1)
      yield ['referencedSecurityGroupId', `must have exactly one of ${peers.join(', ')}`];
  },
];

/** A function's network settings (Lambda guide, configuration-vpc). */
export const placement: readonly Check[] = [
  refersTo('vpcConfig.subnetIds', [subnetType, 'id']),
  refersTo('vpcConfig.securityGroupIds', [securityGroupType, 'id']),
];

/** The rules of the provider and AWS for networks and databases. */
export const networkChecks: Readonly<Record<string, readonly Check[]>> = {
  // VPC guide: vpc-cidr-blocks, subnet-sizing; EC2 API reference: CreateSecurityGroup, CreateVpcEndpoint.
  [vpcType]: [
    required('cidrBlock'),
    function* blockSize({ inputs }) {
      const bits = Number(String(inputs['cidrBlock']).split('/')[1]);
      if (!(bits >= 16 && bits <= 28)) yield ['cidrBlock', `must have from 16 to 28 bits, not ${bits}`];
    },
  ],
  [subnetType]: [
    ...ofVpc,
    required('cidrBlock'),
    required('availabilityZone'),
    function* ownBlock({ urn, inputs }, ofType) {
      const { cidrBlock, vpcId } = inputs;
      const twins = ofType(subnetType).filter(
        (other) => other.inputs['vpcId'] === vpcId && other.inputs['cidrBlock'] === cidrBlock,
      );
      if (twins.some((other) => other.urn !== urn))
        yield ['cidrBlock', `must be no other subnet's, as ${cidrBlock} is`];
    },
  ],
  [routeTableType]: ofVpc,
  'aws:ec2/routeTableAssociation:RouteTableAssociation': [
    refersTo('subnetId', [subnetType, 'id']),
    refersTo('routeTableId', [routeTableType, 'id']),
  ],
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': ofVpc,
  [securityGroupType]: [
    ...ofVpc,
    physicalName(
      'name',
      /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]+$/,
      255,
      'letters, digits and some signs, not sg- first',
    ),
  ],
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': securityGroupRule,
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': securityGroupRule,
  [endpointType]: [
    ...ofVpc,
    required('serviceName'),
    oneOf('vpcEndpointType', ['Gateway', 'Interface', 'GatewayLoadBalancer', 'Resource', 'ServiceNetwork']),
    policy('policy', 'resource', 20_480),
    refersTo('subnetIds', [subnetType, 'id']),
    refersTo('securityGroupIds', [securityGroupType, 'id']),
    refersTo('routeTableIds', [routeTableType, 'id']),
  ],

  // RDS API reference: CreateDBSubnetGroup, CreateDBParameterGroup, CreateDBInstance, CreateDBProxy.
  [subnetGroupType]: [
    physicalName('name', /^[a-z0-9 ._-]+$/, 255, 'lower-case letters, digits and ._-'),
    refersTo('subnetIds', [subnetType, 'id']),
    function* twoZones({ inputs }, ofType) {
      const ids: unknown[] = [inputs['subnetIds'] ?? []].flat();
      const zones = ofType(subnetType)
        .filter(({ outputs }) => ids.includes(outputs['id']))
        .map((subnet) => subnet.inputs['availabilityZone']);
      if (new Set(zones).size < 2) yield ['subnetIds', `must lie in two availability zones, not in ${zones}`];
    },
  ],
  [parameterGroupType]: [physicalName('name', identifier, 255, identifierWords), required('family')],
  [instanceType]: [
    required('instanceClass'),
    refersTo('dbSubnetGroupName', [subnetGroupType, 'name']),
    refersTo('parameterGroupName', [parameterGroupType, 'name']),
    refersTo('kmsKeyId', [keyType, 'arn']),
    refersTo('masterUserSecretKmsKeyId', [keyType, 'arn']),
    refersTo('vpcSecurityGroupIds', [securityGroupType, 'id']),
    range('backupRetentionPeriod', 0, 35),
    range('allocatedStorage', 20, 65_536),
    range('port', 1_150, 65_535),
    oneOf('enabledCloudwatchLogsExports', ['audit', 'error', 'general', 'slowquery', 'iam-db-auth-error']),
    ...instanceName('identifier', 63),
    ...instanceName('finalSnapshotIdentifier', 255),
    onePassword,
    function* lastSnapshot({ inputs }) {
      if (inputs['skipFinalSnapshot'] !== true && inputs['finalSnapshotIdentifier'] === undefined)
        yield ['finalSnapshotIdentifier', 'is required unless skipFinalSnapshot'];
    },
    function* roomToGrow({ inputs }) {
      const { allocatedStorage, maxAllocatedStorage } = inputs;
      if (maxAllocatedStorage !== undefined && Number(maxAllocatedStorage) < Number(allocatedStorage))
        yield ['maxAllocatedStorage', `must not be below allocatedStorage, ${allocatedStorage}`];
    },
    function* sameFamily({ inputs }, ofType) {
      const family = ofType(parameterGroupType).find(
        ({ outputs }) => outputs['name'] === inputs['parameterGroupName'],
      )?.inputs['family'];
      const own = `${inputs['engine']}${/^\d+\.\d+/.exec(String(inputs['engineVersion']))?.[0]}`;
      if (family !== undefined && family !== own)
        yield ['parameterGroupName', `must be of the family ${own}, not ${family}`];
    },
  ],
  [proxyType]: [
    physicalName('name', identifier, 63, identifierWords),
    oneOf('engineFamily', ['MYSQL', 'POSTGRESQL', 'SQLSERVER']),
    oneOf('defaultAuthScheme', ['NONE', 'IAM_AUTH']),
    refersTo('roleArn', [roleType, 'arn']),
    refersTo('vpcSubnetIds', [subnetType, 'id']),
    refersTo('vpcSecurityGroupIds', [securityGroupType, 'id']),
    function* someAuthentication({ inputs }) {
      if (inputs['auths'] === undefined && inputs['defaultAuthScheme'] !== 'IAM_AUTH')
        yield ['auths', 'is required without the defaultAuthScheme IAM_AUTH'];
    },
  ],
  'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup': [
    refersTo('dbProxyName', [proxyType, 'name']),
    range('connectionPoolConfig.maxConnectionsPercent', 1, 100),
    range('connectionPoolConfig.connectionBorrowTimeout', 0, 3_600),
  ],
  'aws:rds/proxyTarget:ProxyTarget': [
    refersTo('dbProxyName', [proxyType, 'name']),
    refersTo('dbInstanceIdentifier', [instanceType, 'identifier']),
  ],

  // Lambda API reference: Invoke.
  'aws:lambda/invocation:Invocation': [
    required('input'),
    json('input'),
    refersTo('functionName', [functionType, 'name']),
  ],
};

function* onePassword({ inputs }: Parameters<Check>[0]): ReturnType<Check> {
  if (inputs['manageMasterUserPassword'] === true && inputs['password'] !== undefined)
    yield ['password', 'must not be given where RDS manages it'];
}
