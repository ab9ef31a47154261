import { describe, expect, test } from 'vitest';
import { everything, program, resources } from '../the-program.ts';
import { conversions } from './conversions.ts';
import { convert } from './template.ts';

const { template, requests } = convert(everything.resources);

test('every type that a stack registers is converted, or has a reason why it is not', () => {
  const types = new Set(everything.resources.flatMap(({ type, component }) => (component ? [] : [type])));
  expect([...types].filter((type) => !(type in conversions))).toEqual([]);
  expect(Object.keys(conversions).filter((type) => !types.has(type))).toEqual([]);
  const [resource] = resources();
  expect(() => convert([{ ...resource, type: 'aws:sns/topic:Topic', component: false } as never])).toThrow(
    'does not say what aws:sns/topic:Topic is on AWS',
  );
});

describe.each(Object.entries(conversions).flatMap(([type, each]) => ('nothing' in each ? [] : [type])))(
  '%s',
  (type) => {
    test('has every property in the template or the request, so that none is left unchecked', () => {
      const added = everything.resources.map((each) =>
        each.type === type ? { ...each, inputs: { ...each.inputs, somethingElse: 'this' } } : each,
      );
      const has = (converted: unknown) => JSON.stringify(converted).includes('"SomethingElse":"this"');
      expect(has(convert(added))).toBe(true);
      expect(has([template, requests])).toBe(false);
    });
  },
);

test('a bucket has what other resources set', () => {
  const archive = Object.entries(template.Resources).find(([id]) => id === 'SluiceDevArchiveBucket');
  expect(archive?.[1]).toMatchObject({
    Type: 'AWS::S3::Bucket',
    Properties: {
      BucketName: 'sluice-dev-archive-local',
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true },
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ BucketKeyEnabled: true }] },
      NotificationConfiguration: {
        QueueConfigurations: [{ Event: 's3:ObjectCreated:*' }, { Event: 's3:ObjectRemoved:*' }],
      },
    },
  });
});

test('a part of a resource that is missing is an error', () => {
  const orphans = resources().filter(({ type }) => type !== 'aws:s3/bucket:Bucket');
  expect(() => convert(orphans)).toThrow(/is a part of the aws:s3\/bucket:Bucket .*, which is missing/);
});

test('a request to the API has the names that the operation knows', () => {
  expect(requests).toContainEqual({
    name: 'sluice-dev-mysql-migration',
    type: 'aws:lambda/invocation:Invocation',
    operation: 'lambda.Invoke',
    parameters: { FunctionName: 'sluice-dev-mysql-migration-local', Payload: '{}', Qualifier: 'live' },
    whole: true,
  });
  const { requests: without } = convert(program.resources);
  expect(without.map(({ operation }) => operation)).not.toContain('lambda.Invoke');
});
