import { createHash } from 'node:crypto';
import { account as accountId, person } from '../iam/credentials.ts';
import type { ProgramRequest } from './program-process.ts';

interface Physical {
  readonly id: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

type Make = (given: {
  /** The physical name: the program's own, or the logical name with a suffix in Pulumi's form. */
  readonly named: (property: string) => string;
  readonly arn: (service: string, path: string) => string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly request: ProgramRequest;
}) => Physical;

/** Names, ARNs and URLs in AWS's form. Types that are missing here have only their inputs and an id. */
const makers: Readonly<Record<string, Make>> = {
  'aws:s3/bucket:Bucket': ({ named, request: { region } }) => {
    const bucket = named('bucket');
    return {
      id: bucket,
      outputs: {
        bucket,
        region,
        arn: `arn:aws:s3:::${bucket}`,
        bucketDomainName: `${bucket}.s3.amazonaws.com`,
        bucketRegionalDomainName: `${bucket}.s3.${region}.amazonaws.com`,
      },
    };
  },
  'aws:sqs/queue:Queue': ({ named, arn, request }) => {
    const name = named('name');
    const url = `${request.queueEndpoint}/${accountId}/${name}`;
    return { id: url, outputs: { name, url, arn: arn('sqs', name) } };
  },
  'aws:cloudwatch/eventRule:EventRule': ({ named, arn }) => {
    const name = named('name');
    return { id: name, outputs: { name, arn: arn('events', `rule/${name}`) } };
  },
  'aws:cloudwatch/metricAlarm:MetricAlarm': ({ named, arn }) => {
    const name = named('name');
    return { id: name, outputs: { name, arn: arn('cloudwatch', `alarm:${name}`) } };
  },
  'aws:cloudwatch/dashboard:Dashboard': ({ named }) => {
    const name = named('dashboardName');
    return {
      id: name,
      outputs: {
        dashboardName: name,
        dashboardArn: `arn:aws:cloudwatch::${accountId}:dashboard/${name}`,
      },
    };
  },
  'aws:cloudwatch/eventTarget:EventTarget': ({ name, inputs }) => {
    const targetId = String(inputs['targetId'] ?? shortIdOf(name));
    return { id: `${String(inputs['rule'])}-${targetId}`, outputs: { targetId } };
  },
  'aws:cloudwatch/logGroup:LogGroup': ({ named, arn }) => {
    const name = named('name');
    return { id: name, outputs: { name, arn: arn('logs', `log-group:${name}`) } };
  },
  'aws:lambda/function:Function': ({ named, arn }) => {
    const name = named('name');
    const qualified = arn('lambda', `function:${name}`);
    return {
      id: name,
      outputs: { name, arn: qualified, qualifiedArn: `${qualified}:$LATEST`, version: '$LATEST' },
    };
  },
  'aws:lambda/eventSourceMapping:EventSourceMapping': ({ name, arn }) => {
    const uuid = uuidOf(name);
    return { id: uuid, outputs: { uuid, arn: arn('lambda', `event-source-mapping:${uuid}`) } };
  },
  'aws:iam/role:Role': ({ named }) => {
    const name = named('name');
    return { id: name, outputs: { name, arn: `arn:aws:iam::${accountId}:role/${name}` } };
  },
  'aws:iam/policy:Policy': ({ named }) => {
    const name = named('name');
    const arn = `arn:aws:iam::${accountId}:policy/${name}`;
    return { id: arn, outputs: { name, arn } };
  },
  'aws:glue/catalogDatabase:CatalogDatabase': ({ named, arn }) => {
    const name = named('name');
    return {
      id: `${accountId}:${name}`,
      outputs: { name, catalogId: accountId, arn: arn('glue', `database/${name}`) },
    };
  },
  'aws:glue/catalogTable:CatalogTable': ({ named, arn, inputs }) => {
    const name = named('name');
    const database = String(inputs['databaseName']);
    return {
      id: `${accountId}:${database}:${name}`,
      outputs: { name, catalogId: accountId, arn: arn('glue', `table/${database}/${name}`) },
    };
  },
  'aws:glue/crawler:Crawler': ({ named, arn }) => {
    const name = named('name');
    return { id: name, outputs: { name, arn: arn('glue', `crawler/${name}`) } };
  },
  'aws:scheduler/scheduleGroup:ScheduleGroup': ({ named, arn }) => {
    const name = named('name');
    return { id: name, outputs: { name, arn: arn('scheduler', `schedule-group/${name}`) } };
  },
  'aws:scheduler/schedule:Schedule': ({ named, arn, inputs }) => {
    const name = named('name');
    const group = String(inputs['groupName'] ?? 'default');
    return { id: `${group}/${name}`, outputs: { name, arn: arn('scheduler', `schedule/${group}/${name}`) } };
  },
  'aws:sfn/stateMachine:StateMachine': ({ named, arn }) => {
    const name = named('name');
    const qualified = arn('states', `stateMachine:${name}`);
    return { id: qualified, outputs: { name, arn: qualified } };
  },
  'aws:redshiftserverless/namespace:Namespace': ({ name, named, arn }) => {
    const secret = `secret:redshift!${named('namespaceName')}`;
    return {
      id: named('namespaceName'),
      outputs: {
        namespaceName: named('namespaceName'),
        arn: arn('redshift-serverless', `namespace/${uuidOf(name)}`),
        adminPasswordSecretArn: arn('secretsmanager', secret),
      },
    };
  },
  'aws:redshiftserverless/workgroup:Workgroup': ({ name, named, arn }) => ({
    id: named('workgroupName'),
    outputs: {
      workgroupName: named('workgroupName'),
      arn: arn('redshift-serverless', `workgroup/${uuidOf(name)}`),
    },
  }),
  ...Object.fromEntries(
    [
      ['aws:ec2/vpc:Vpc', 'vpc'],
      ['aws:ec2/subnet:Subnet', 'subnet'],
      ['aws:ec2/securityGroup:SecurityGroup', 'sg'],
      ['aws:ec2/routeTable:RouteTable', 'rtb'],
    ].map(([type, prefix]): [string, Make] => [
      type ?? '',
      ({ name, arn }) => {
        const id = `${prefix}-${shortIdOf(name)}`;
        return { id, outputs: { arn: arn('ec2', id) } };
      },
    ]),
  ),
  'aws:ec2/vpcEndpoint:VpcEndpoint': ({ name }) => ({
    id: `vpce-${shortIdOf(name)}`,
    outputs: { prefixListId: `pl-${shortIdOf(name)}` },
  }),
  'aws:rds/subnetGroup:SubnetGroup': ({ named }) => ({
    id: named('name'),
    outputs: { name: named('name') },
  }),
  'aws:rds/parameterGroup:ParameterGroup': ({ named }) => ({
    id: named('name'),
    outputs: { name: named('name') },
  }),
  'aws:rds/instance:Instance': ({ name, named, arn, request: { region } }) => {
    const identifier = named('identifier');
    const resourceId = `db-${shortIdOf(name).toUpperCase()}`;
    const secret = { secretArn: arn('secretsmanager', `secret:rds!${resourceId}`), secretStatus: 'active' };
    return {
      id: resourceId,
      outputs: {
        identifier,
        resourceId,
        address: `${identifier}.local.${region}.rds.amazonaws.com`,
        arn: arn('rds', `db:${identifier}`),
        masterUserSecrets: [secret],
      },
    };
  },
  'aws:rds/proxy:Proxy': ({ name, named, arn, request: { region } }) => ({
    id: named('name'),
    outputs: {
      name: named('name'),
      arn: arn('rds', `db-proxy:prx-${shortIdOf(name)}`),
      endpoint: `${named('name')}.proxy-local.${region}.rds.amazonaws.com`,
    },
  }),
  'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup': ({ named }) => ({
    id: named('dbProxyName'),
    outputs: { name: 'default' },
  }),
  'aws:kms/key:Key': ({ name, arn }) => {
    const keyId = uuidOf(name);
    return { id: keyId, outputs: { keyId, arn: arn('kms', `key/${keyId}`) } };
  },
};

/** The answer of AWS to the creation of a resource. */
export function physicalResource(
  type: string,
  name: string,
  inputs: Readonly<Record<string, unknown>>,
  request: ProgramRequest,
): Physical {
  const make = makers[type] ?? (({ named }) => ({ id: named('name'), outputs: {} }));
  return make({
    name,
    inputs,
    request,
    named: (property) => {
      const { [property]: asked, [`${property}Prefix`]: prefix } = inputs;
      if (typeof asked === 'string') return asked;
      return typeof prefix === 'string' ? `${prefix}local` : `${name}-local`;
    },
    arn: (service, path) => `arn:aws:${service}:${request.region}:${accountId}:${path}`,
  });
}

/**
 * Answers the provider's functions that a program may call.
 *
 * @throws for any other function, because the program would believe a made-up answer
 */
export function callResult(
  token: string,
  inputs: Readonly<Record<string, unknown>>,
  { region }: ProgramRequest,
): Record<string, unknown> {
  switch (token) {
    case 'aws:index/getCallerIdentity:getCallerIdentity':
      return { id: accountId, accountId, userId: 'AIDALOCAL', arn: person.principal };
    case 'aws:index/getRegion:getRegion':
      return { id: region, name: region, region, description: region };
    case 'aws:index/getAvailabilityZones:getAvailabilityZones':
      return { id: region, names: ['a', 'b', 'c'].map((zone) => region + zone) };
    case 'aws:index/getPartition:getPartition':
      return { id: 'aws', partition: 'aws', dnsSuffix: 'amazonaws.com', reverseDnsPrefix: 'com.amazonaws' };
    default:
      throw new Error(
        `The local cloud can't answer ${token} (${JSON.stringify(inputs)}); add it to local-aws/program/mocks.ts.`,
      );
  }
}

/** A name has the same id in every run, so that state on disk still belongs to it. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** In the form of EC2 and RDS: 17 hexadecimal digits. */
const shortIdOf = (name: string) => uuidOf(name).replaceAll('-', '').slice(0, 17);
