import { describe, expect, it } from 'vitest';
import { atRest, limits } from '../../domain/cost/at-rest.ts';
import { stackOutputs } from '../../infra/outputs.ts';
import { bare, forProduction, read } from './stacks.ts';
import { everything, program } from './the-program.ts';

type Program = typeof program;

const stacks: readonly (readonly [string, Program])[] = [
  ['dev', program],
  ['a stack with all there is', everything],
  ['production', await read(forProduction)],
  ['a stack without anything that can be left out', await read(bare)],
];

const inputsOf = ({ resources }: Program, type: string) =>
  resources.filter((each) => each.type === `aws:${type}`).map(({ inputs }) => inputs);

const queries = (inputs: Record<string, unknown>) =>
  ((inputs['metricQueries'] ?? []) as { metric?: unknown }[]).filter(({ metric }) => metric !== undefined);

/** Types of resources that are billed whether or not they are used, and the position of each. */
const atRestTypes: Readonly<Record<string, string>> = {
  'kms/key:Key': 'the key of buckets and queues',
  'cloudwatch/dashboard:Dashboard': 'the dashboard',
  'cloudwatch/metricAlarm:MetricAlarm': 'alarms, by the metrics that they look at',
  'lambda/eventSourceMapping:EventSourceMapping': 'empty receives of the pollers, at most',
  'rds/instance:Instance': 'storage',
  'rds/proxy:Proxy': 'the proxy',
  'ec2/vpcEndpoint:VpcEndpoint': 'the endpoint of Secrets Manager',
};

/** Those that are billed when they are used, or never. */
const freeTypes = new Set(
  `s3/bucket:Bucket s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration
  s3/bucketLogging:BucketLogging ec2/flowLog:FlowLog s3/bucketNotification:BucketNotification cloudtrail/trail:Trail s3/bucketOwnershipControls:BucketOwnershipControls
  s3/bucketPolicy:BucketPolicy s3/bucketPublicAccessBlock:BucketPublicAccessBlock
  s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration
  s3/bucketVersioning:BucketVersioning glue/catalogDatabase:CatalogDatabase glue/catalogTable:CatalogTable
  glue/crawler:Crawler iam/role:Role iam/rolePolicy:RolePolicy cloudwatch/eventRule:EventRule
  cloudwatch/eventTarget:EventTarget sqs/redriveAllowPolicy:RedriveAllowPolicy scheduler/schedule:Schedule
  scheduler/scheduleGroup:ScheduleGroup cloudwatch/logGroup:LogGroup rds/parameterGroup:ParameterGroup
  rds/subnetGroup:SubnetGroup rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup rds/proxyTarget:ProxyTarget
  lambda/alias:Alias lambda/function:Function lambda/functionRecursionConfig:FunctionRecursionConfig
  kms/alias:Alias lambda/invocation:Invocation
  ec2/defaultSecurityGroup:DefaultSecurityGroup ec2/routeTable:RouteTable
  ec2/routeTableAssociation:RouteTableAssociation ec2/subnet:Subnet ec2/vpc:Vpc sqs/queue:Queue
  sqs/queuePolicy:QueuePolicy ec2/securityGroup:SecurityGroup vpc/securityGroupEgressRule:SecurityGroupEgressRule
  vpc/securityGroupIngressRule:SecurityGroupIngressRule redshiftdata/statement:Statement
  redshiftserverless/namespace:Namespace redshiftserverless/usageLimit:UsageLimit
  redshiftserverless/workgroup:Workgroup sfn/stateMachine:StateMachine`.split(/\s+/),
);

describe.each(stacks)('of %s, the output for npx sluice cost', (_name, stack) => {
  const { billed } = stackOutputs.parse(stack.outputs);

  it('has what was registered', () => {
    const alarms = inputsOf(stack, 'cloudwatch/metricAlarm:MetricAlarm');
    expect(billed.alarmMetrics).toBe(
      alarms.reduce((sum, each) => sum + Math.max(1, queries(each).length), 0),
    );
    const [schedule] = inputsOf(stack, 'scheduler/schedule:Schedule');
    const isOn = schedule?.['state'] === 'ENABLED';
    expect(billed.crawlSchedule).toBe(isOn ? schedule['scheduleExpression'] : undefined);
    const [instance] = inputsOf(stack, 'rds/instance:Instance');
    expect(billed.database?.instanceClass).toBe(instance?.['instanceClass']);
    expect(billed.database?.storage).toBe(instance?.['allocatedStorage']);
    expect(billed.database?.multiAz).toBe(instance?.['multiAz']);
    expect(billed.database?.proxy ?? false).toBe(inputsOf(stack, 'rds/proxy:Proxy').length > 0);
    expect(billed.dataEvents ?? false).toBe(inputsOf(stack, 'cloudtrail/trail:Trail').length > 0);
    const [limit] = inputsOf(stack, 'redshiftserverless/usageLimit:UsageLimit');
    expect(billed.warehouse?.usageLimit).toBe(limit?.['amount']);
    expect(billed.warehouse?.usagePeriod).toBe(limit?.['period']);
    for (const [stage, memory] of Object.entries(billed.memory)) {
      const name = `-${stage}`;
      const [lambda] = stack.resources.filter(
        (each) => each.type === 'aws:lambda/function:Function' && each.name.endsWith(name),
      );
      expect(lambda?.inputs['memorySize'], stage).toBe(memory);
    }
  });

  it('makes a position of each resource that is billed at rest, and of no other', () => {
    const types = new Set(
      stack.resources.flatMap(({ type }) => (type.startsWith('aws:') ? [type.slice('aws:'.length)] : [])),
    );
    const items = atRest(billed).map(({ item }) => item);
    for (const [type, position] of Object.entries(atRestTypes))
      expect(
        items.some((item) => item.startsWith(position)),
        `${type}: ${position}`,
      ).toBe(types.has(type));
    // A type that is new must be looked up, and added to one of the two lists.
    expect([...types].filter((type) => !(type in atRestTypes) && !freeTypes.has(type))).toEqual([]);
  });

  it('has a price for each position', () => {
    for (const { item, usd } of [...atRest(billed), ...limits(billed)]) expect(usd, item).toBeGreaterThan(0);
  });
});

it('an interface endpoint, which is billed, is the one of Secrets Manager, in one zone', () => {
  const endpoints = inputsOf(everything, 'ec2/vpcEndpoint:VpcEndpoint').filter(
    (each) => each['vpcEndpointType'] === 'Interface',
  );
  expect(endpoints).toHaveLength(1);
  expect(endpoints[0]?.['subnetIds']).toHaveLength(1);
});
