import { createHash } from 'node:crypto';
import { account as accountId, person } from '../iam/credentials.ts';
import type { ProgramRequest } from './program-process.ts';

interface Physical {
  readonly id: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

interface Given {
  /** The physical name: the program's own, or the logical name with a suffix in Pulumi's form. */
  readonly named: (property: string) => string;
  readonly arn: (service: string, path: string) => string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly request: Region;
  /** A text that belongs to this resource alone, for its id. */
  readonly seed: string;
}

type Make = (given: Given) => Physical;

/** Where a program's resources are, and what is appended to the names that it leaves to Pulumi. */
interface Region extends Pick<ProgramRequest, 'region' | 'queueEndpoint'> {
  readonly suffix?: string;
}

/** A resource whose id is its physical name. */
const byName =
  (outputs: (name: string, given: Given) => Physical['outputs'] = () => ({}), property = 'name'): Make =>
  (given) => {
    const name = given.named(property);
    return { id: name, outputs: { [property]: name, ...outputs(name, given) } };
  };

/** Such a resource with an ARN, whose path is a prefix and the name. */
const withArn = (service: string, prefix: string) =>
  byName((name, { arn }) => ({ arn: arn(service, prefix + name) }));

/** A resource of EC2, whose id is a prefix and random digits. */
const ofEc2 =
  (prefix: string): Make =>
  ({ seed, arn }) => {
    const id = `${prefix}-${shortIdOf(seed)}`;
    return { id, outputs: { arn: arn('ec2', id) } };
  };

/** Names, ARNs and URLs in AWS's form. Types that are missing here have only their inputs and an id. */
const makers: Readonly<Record<string, Make>> = {
  'aws:s3/bucket:Bucket': byName(
    (bucket, { request: { region } }) => ({
      region,
      arn: `arn:aws:s3:::${bucket}`,
      bucketDomainName: `${bucket}.s3.amazonaws.com`,
      bucketRegionalDomainName: `${bucket}.s3.${region}.amazonaws.com`,
    }),
    'bucket',
  ),
  'aws:sqs/queue:Queue': ({ named, arn, request }) => {
    const name = named('name');
    const url = `${request.queueEndpoint}/${accountId}/${name}`;
    return { id: url, outputs: { name, url, arn: arn('sqs', name) } };
  },
  'aws:cloudtrail/trail:Trail': withArn('cloudtrail', 'trail/'),
  'aws:cloudwatch/eventRule:EventRule': withArn('events', 'rule/'),
  'aws:cloudwatch/metricAlarm:MetricAlarm': withArn('cloudwatch', 'alarm:'),
  'aws:cloudwatch/dashboard:Dashboard': byName(
    (name) => ({ dashboardArn: `arn:aws:cloudwatch::${accountId}:dashboard/${name}` }),
    'dashboardName',
  ),
  'aws:cloudwatch/eventTarget:EventTarget': ({ seed, inputs }) => {
    const targetId = String(inputs['targetId'] ?? shortIdOf(seed));
    return { id: `${String(inputs['rule'])}-${targetId}`, outputs: { targetId } };
  },
  'aws:cloudwatch/logGroup:LogGroup': withArn('logs', 'log-group:'),
  'aws:lambda/function:Function': byName((name, { arn, inputs }) => {
    const own = arn('lambda', `function:${name}`);
    const version = inputs['publish'] === true ? '1' : '$LATEST';
    return { arn: own, qualifiedArn: `${own}:${version}`, version };
  }),
  'aws:lambda/alias:Alias': ({ named, arn, inputs }) => {
    const name = named('name');
    const own = arn('lambda', `function:${String(inputs['functionName'])}:${name}`);
    return { id: own, outputs: { name, arn: own } };
  },
  'aws:lambda/eventSourceMapping:EventSourceMapping': ({ seed, arn }) => {
    const uuid = uuidOf(seed);
    return { id: uuid, outputs: { uuid, arn: arn('lambda', `event-source-mapping:${uuid}`) } };
  },
  'aws:iam/role:Role': byName((name) => ({ arn: `arn:aws:iam::${accountId}:role/${name}` })),
  'aws:iam/policy:Policy': ({ named }) => {
    const name = named('name');
    const arn = `arn:aws:iam::${accountId}:policy/${name}`;
    return { id: arn, outputs: { name, arn } };
  },
  'aws:glue/catalogDatabase:CatalogDatabase': ({ named, arn }) => {
    const name = named('name');
    const outputs = { name, catalogId: accountId, arn: arn('glue', `database/${name}`) };
    return { id: `${accountId}:${name}`, outputs };
  },
  'aws:glue/catalogTable:CatalogTable': ({ named, arn, inputs }) => {
    const name = named('name');
    const database = String(inputs['databaseName']);
    const outputs = { name, catalogId: accountId, arn: arn('glue', `table/${database}/${name}`) };
    return { id: `${accountId}:${database}:${name}`, outputs };
  },
  'aws:glue/crawler:Crawler': withArn('glue', 'crawler/'),
  'aws:scheduler/scheduleGroup:ScheduleGroup': withArn('scheduler', 'schedule-group/'),
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
  'aws:redshiftserverless/namespace:Namespace': byName(
    (namespace, { seed, arn }) => ({
      arn: arn('redshift-serverless', `namespace/${uuidOf(seed)}`),
      adminPasswordSecretArn: arn('secretsmanager', `secret:redshift!${namespace}`),
    }),
    'namespaceName',
  ),
  'aws:redshiftserverless/workgroup:Workgroup': byName(
    (_, { seed, arn }) => ({ arn: arn('redshift-serverless', `workgroup/${uuidOf(seed)}`) }),
    'workgroupName',
  ),
  'aws:ec2/vpc:Vpc': ofEc2('vpc'),
  'aws:ec2/subnet:Subnet': ofEc2('subnet'),
  'aws:ec2/securityGroup:SecurityGroup': ofEc2('sg'),
  'aws:ec2/routeTable:RouteTable': ofEc2('rtb'),
  'aws:ec2/vpcEndpoint:VpcEndpoint': ({ seed }) => ({
    id: `vpce-${shortIdOf(seed)}`,
    outputs: { prefixListId: `pl-${shortIdOf(seed)}` },
  }),
  'aws:rds/subnetGroup:SubnetGroup': byName(),
  'aws:rds/parameterGroup:ParameterGroup': byName(),
  'aws:rds/instance:Instance': ({ seed, named, arn, request: { region } }) => {
    const identifier = named('identifier');
    const resourceId = `db-${shortIdOf(seed).toUpperCase()}`;
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
  'aws:rds/proxy:Proxy': byName((proxy, { seed, arn, request: { region } }) => ({
    arn: arn('rds', `db-proxy:prx-${shortIdOf(seed)}`),
    endpoint: `${proxy}.proxy-local.${region}.rds.amazonaws.com`,
  })),
  'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup': ({ named }) => ({
    id: named('dbProxyName'),
    outputs: { name: 'default' },
  }),
  'aws:kms/key:Key': ({ seed, arn }) => {
    const keyId = uuidOf(seed);
    return { id: keyId, outputs: { keyId, arn: arn('kms', `key/${keyId}`) } };
  },
};

/** The answer of AWS to the creation of a resource. */
export function physicalResource(
  type: string,
  name: string,
  inputs: Readonly<Record<string, unknown>>,
  request: Region,
): Physical {
  const make = makers[type] ?? (({ named }) => ({ id: named('name'), outputs: {} }));
  const { suffix = 'local' } = request;
  return make({
    // Locally a name has the same id in every run, so that state on disk still belongs to it.
    seed: request.suffix === undefined ? name : `${name}-${suffix}`,
    inputs,
    request,
    named: (property) => {
      const { [property]: asked, [`${property}Prefix`]: prefix } = inputs;
      if (typeof asked === 'string') return asked;
      return typeof prefix === 'string' ? prefix + suffix : `${name}-${suffix}`;
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
  { region }: Pick<ProgramRequest, 'region'>,
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

function uuidOf(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** In the form of EC2 and RDS: 17 hexadecimal digits. */
const shortIdOf = (seed: string) => uuidOf(seed).replaceAll('-', '').slice(0, 17);
