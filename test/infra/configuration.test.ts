import { readFileSync } from 'node:fs';
import * as pulumi from '@pulumi/pulumi';
import { describe, expect, test } from 'vitest';
import { sourceRetention } from '../../infra/base/queue.ts';
import { readConfiguration } from '../../infra/configuration/configuration.ts';
import { providerArgs } from '../../infra/configuration/provider.ts';
import { visibilityTimeout } from '../../infra/configuration/stages.ts';
import { stackOutputs } from '../../infra/outputs.ts';

const read = (all: Readonly<Record<string, string>>, project = 'sluice') =>
  readConfiguration(all, { project, stack: 'prod' });
const region = { 'aws:region': 'eu-central-1' };

describe('the configuration', () => {
  test('requires only a region', () => {
    const configuration = read(region);
    expect(configuration.aws.region).toBe('eu-central-1');
    expect(configuration.extraction).toEqual({
      memory: 512,
      timeout: 900,
      batchSize: 1,
      batchWindow: 0,
      maximumConcurrency: 10,
      maximumReceives: 5,
      alarmAge: 14_400,
    });
    expect(configuration.alarmTopicArn).toBeUndefined();
    expect(configuration.forceDestroy).toBe(false);
  });

  test('accepts numbers, booleans and objects as JSON text, as Pulumi passes them', () => {
    const configuration = read({
      ...region,
      'sluice:forceDestroy': 'true',
      'sluice:logRetention': '7',
      'sluice:loading': '{"memory":1024}',
    });
    expect(configuration.forceDestroy).toBe(true);
    expect(configuration.logRetention).toBe(7);
    expect(configuration.loading).toMatchObject({ memory: 1024, timeout: 120 });
  });

  test('ignores Pulumi’s own keys', () => {
    expect(() => read({ ...region, 'pulumi:tags': '{}' })).not.toThrow();
  });

  test('is refused without a stack trace', () => {
    let refused: unknown;
    try {
      read({});
    } catch (error) {
      refused = error;
    }
    expect(pulumi.RunError.isInstance(refused)).toBe(true);
  });

  test('is read from the namespace of a project with another name too, after that of sluice', () => {
    const all = { ...region, 'orders:owner': 'them', 'orders:logRetention': '7', 'sluice:owner': 'us' };
    expect(read(all, 'orders')).toMatchObject({ owner: 'us', logRetention: 7 });
    expect(() => read({ ...region, 'orders:logRetention': '8' }, 'orders')).toThrow(
      'Set it: pulumi config set orders:logRetention <value> --stack prod',
    );
  });

  test('passes every setting of the provider through, and adds to its tags', () => {
    const { aws } = read({
      ...region,
      'aws:allowedAccountIds': '[123456789012]',
      'aws:assumeRoles': '[{"roleArn":"arn:aws:iam::123456789012:role/deploy"}]',
      'aws:maxRetries': '9',
      'aws:useFipsEndpoint': 'true',
      'aws:defaultTags': '{"tags":{"costCentre":"7","owner":"other"}}',
    });
    expect(providerArgs(aws, { owner: 'me' })).toEqual({
      region: 'eu-central-1',
      allowedAccountIds: ['123456789012'],
      assumeRoles: [{ roleArn: 'arn:aws:iam::123456789012:role/deploy' }],
      maxRetries: 9,
      useFipsEndpoint: true,
      defaultTags: { tags: { costCentre: '7', owner: 'me' } },
    });
  });

  test.each([
    [
      'a missing region',
      { 'aws:region': undefined },
      'aws:region: is missing. Set it: pulumi config set aws:region <value> --stack prod',
    ],
    ...['us-gov-west-1', 'cn-north-1', 'us-isob-east-1', 'eusc-de-east-1'].map(
      (other): [string, Record<string, string>, string] => [
        `the region ${other}`,
        { 'aws:region': other },
        'aws:region: is in another partition than aws, such as GovCloud or China.',
      ],
    ),
    [
      'an uploader that is a wildcard',
      { 'sluice:uploaders': '["arn:aws:iam::123456789012:role/*"]' },
      'sluice:uploaders.0: must be the ARN of a role, a user or an account',
    ],
    [
      'an uploader that is there twice',
      { 'sluice:uploaders': '["arn:aws:iam::123456789012:root","arn:aws:iam::123456789012:root"]' },
      'sluice:uploaders: must not name the same one twice',
    ],
    [
      'a boundary that is no policy',
      { 'sluice:permissionsBoundary': 'arn:aws:iam::123456789012:role/boundary' },
      'sluice:permissionsBoundary: must be the ARN of an IAM policy',
    ],
    [
      'insights into a database that is too small for them',
      { 'sluice:database': '{"instanceClass":"db.t4g.small","insights":true}' },
      'sluice:database.insights: must be false for db.t4g.micro and db.t4g.small',
    ],
    [
      'a misspelt namespace',
      { 'slucie:mysql': 'true' },
      'slucie:mysql: nothing reads this namespace; the keys are sluice:… and aws:…. Remove it: pulumi config rm slucie:mysql --stack prod',
    ],
    [
      'a number for a list of the provider',
      { 'aws:allowedAccountIds': '123456789012' },
      'aws:allowedAccountIds: ',
    ],
    [
      'an unknown key',
      { 'sluice:ownr': 'me' },
      'sluice:ownr is not a known key. Remove it: pulumi config rm sluice:ownr',
    ],
    [
      'an unknown key of a stage',
      { 'sluice:extraction': '{"memroy":512}' },
      'sluice:extraction.memroy is not a known key. Remove it: pulumi config rm --path sluice:extraction.memroy',
    ],
    [
      'an unknown key of the provider',
      { 'aws:assumeRole': '{}' },
      'aws:assumeRole is not a known key. Remove it: pulumi config rm aws:assumeRole --stack prod',
    ],
    [
      'a number out of range',
      { 'sluice:extraction': '{"memory":64}' },
      /sluice:extraction\.memory: .*128.* \(given: 64\)\. Set it: pulumi config set --path sluice:extraction\.memory <value>/,
    ],
    ['text for a number', { 'sluice:tempExpiry': 'soon' }, /sluice:tempExpiry: .* \(given: "soon"\)/],
    [
      'a retention that CloudWatch lacks',
      { 'sluice:logRetention': '8' },
      /sluice:logRetention: must be one of 1, 3, 5, 7/,
    ],
    ['temp objects that go before the messages', { 'sluice:tempExpiry': '14' }, /sluice:tempExpiry: .*15/],
    [
      'more attempts than fit into the retention',
      { 'sluice:loading': '{"maximumReceives":101}' },
      /sluice:loading\.maximumReceives: .*100/,
    ],
    [
      'what is to be kept and deleted',
      { 'sluice:forceDestroy': 'true', 'sluice:retain': 'true' },
      /sluice:retain: must be false if sluice:forceDestroy is true/,
    ],
    [
      'a database that stops the destruction of the rest',
      {
        'sluice:retain': 'true',
        'sluice:mysql': 'true',
        'sluice:database': '{"deletionProtection":true}',
      },
      /sluice:database\.deletionProtection: must not be true if sluice:retain is true/,
    ],
    [
      'an alarm at every retry',
      { 'sluice:loading': '{"timeout":600}' },
      "sluice:loading.alarmAge: must exceed the queue's visibility timeout",
    ],
    [
      'a topic that is none',
      { 'sluice:alarmTopicArn': 'arn:aws:sqs:eu-central-1:123456789012:alarms' },
      'sluice:alarmTopicArn: must be the ARN of an SNS topic',
    ],
    [
      'an address of runbooks that has an anchor',
      { 'sluice:runbooks': 'https://example.com/runbooks#age' },
      'sluice:runbooks: must be the https:// address of a page, without an anchor',
    ],
    [
      'a schedule that is none',
      { 'sluice:catalog': '{"schedule":"hourly"}' },
      'sluice:catalog.schedule: must be cron(…) or rate(…)',
    ],
    [
      'a capacity that Redshift lacks',
      { 'sluice:warehouse': '{"baseCapacity":12}' },
      'sluice:warehouse.baseCapacity: must be 4, or a multiple of 8',
    ],
    [
      'less capacity at the most than at the start',
      { 'sluice:warehouse': '{"baseCapacity":32,"maxCapacity":16}' },
      'sluice:warehouse.maxCapacity: must not be below baseCapacity',
    ],
    [
      'a large batch without a window',
      { 'sluice:transformation': '{"batchSize":100}' },
      'sluice:transformation.batchWindow: must be at least 1 when batchSize is above 10',
    ],
  ])('%s is reported with the command that fixes it', (_case, wrong, message) => {
    const all = Object.fromEntries(
      Object.entries({ ...region, ...wrong }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );
    expect(() => read(all)).toThrow(message);
  });

  test('reports all errors at once', () => {
    expect(() => read({ 'sluice:a': '1', 'sluice:b': '2' })).toThrow(
      /sluice:a[\s\S]*sluice:b[\s\S]*aws:region/,
    );
  });

  test('always lets a message’s attempts fit into the queue’s retention and SQS’s limits', () => {
    const longest = { timeout: 900, batchWindow: 300, maximumReceives: 100, alarmAge: 864_000 };
    const { extraction } = read({ ...region, 'sluice:extraction': JSON.stringify(longest) });
    expect(visibilityTimeout(extraction)).toBeLessThanOrEqual(43_200);
    expect(visibilityTimeout(extraction) * extraction.maximumReceives).toBeLessThan(sourceRetention);
  });

  test('has every key documented', () => {
    const documentation = readFileSync(new URL('../../docs/infrastructure.md', import.meta.url), 'utf8');
    const { aws: _, ...own } = read(region);
    for (const key of [...Object.keys(own), 'alarmTopicArn'])
      expect(documentation).toContain(`\`sluice:${key}\``);
    const { loading, database, catalog, maintenance, warehouse, workflows } = own;
    for (const group of [loading, database, catalog, maintenance, { ...warehouse, subnetIds: [] }, workflows])
      for (const key of Object.keys(group))
        expect(documentation).toMatch(new RegExp(`^\\| (\`\\.\\w+\`, )*\`\\.${key}\`[,\\w\`. ]* \\|`, 'm'));
    for (const output of Object.keys(stackOutputs.shape)) expect(documentation).toContain(`\`${output}\``);
  });
});
