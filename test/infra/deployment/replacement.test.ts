import * as pulumi from '@pulumi/pulumi';
import { describe, expect, test } from 'vitest';
import { refuseToMove } from '../../../infra/mysql/network.ts';
import type { Resource } from '../../../local-aws/program/program.ts';
import { everything } from '../the-program.ts';

/** The input that is a resource's name in the account. If the program sets none, Pulumi adds a suffix. */
const names: readonly (readonly [type: RegExp, input: string])[] = [
  [/:Namespace$/, 'namespaceName'],
  [/:Workgroup$/, 'workgroupName'],
  [/:Dashboard$/, 'dashboardName'],
  [/:Instance$/, 'identifier'],
  [/:EventTarget$/, 'targetId'],
  [/:Bucket$/, 'bucket'],
  [/./, 'name'],
];
const isNamed = ({ type, component, inputs }: Resource) =>
  !component && names.some(([of, input]) => of.test(type) && inputs[input] !== undefined);

test('a resource with a name of its own choice is deleted before it is replaced, as two can’t have the name', () => {
  const named = everything.resources
    .filter(isNamed)
    // Each function has its own, and gets another name when it is replaced.
    .filter(({ type }) => type !== 'aws:lambda/alias:Alias');
  expect(new Set(named.map(({ type }) => type.split(':').at(-1)))).toEqual(
    new Set([
      'Alias',
      'CatalogDatabase',
      'CatalogTable',
      'Dashboard',
      'Instance',
      'LogGroup',
      'Namespace',
      'Workgroup',
    ]),
  );
  expect(named.filter(({ options }) => !options.deleteBeforeReplace).map(({ urn }) => urn)).toEqual([]);
});

describe('a refresh', () => {
  test('takes nothing for a change of a bucket that another resource sets', () => {
    const set = {
      'aws:s3/bucketVersioning:BucketVersioning': 'versioning',
      'aws:s3/bucketPolicy:BucketPolicy': 'policy',
      'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': 'lifecycleRules',
      'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration':
        'serverSideEncryptionConfiguration',
    };
    const buckets = everything.resources.filter(({ type }) => type === 'aws:s3/bucket:Bucket');
    expect(buckets).toHaveLength(8);
    for (const { inputs, outputs, options } of buckets) {
      // AWS tells all that there is of the bucket; the program gives only its own inputs.
      const told = Object.entries(set).flatMap(([type, property]) =>
        everything.resources.some((each) => each.type === type && each.inputs['bucket'] === outputs['bucket'])
          ? [property]
          : [],
      );
      expect(told).toHaveLength(4);
      const changed = told.filter((each) => !(each in inputs) && !options.ignoreChanges.includes(each));
      expect(changed).toEqual([]);
    }
  });
});

describe('the network of a database that exists', () => {
  test('stays as it is', () => {
    const ranges = everything.resources.filter(({ inputs }) => inputs['cidrBlock'] !== undefined);
    expect(ranges).toHaveLength(3);
    for (const { options } of ranges) expect(options.ignoreChanges).toContain('cidrBlock');
  });

  test('can’t be changed, and the error says why and how to set it back', async () => {
    await pulumi.runtime.setMocks(
      { newResource: () => ({ id: '', state: {} }), call: () => ({}) },
      'sluice',
      'prod',
    );
    expect(() => refuseToMove('10.24.0.0/24', '10.24.0.0/24')).not.toThrow();
    expect(() => refuseToMove('10.24.0.0/24', '10.25.0.0/24')).toThrow(
      'Set it back: pulumi config set --path sluice:database.network 10.24.0.0/24 --stack prod',
    );
  });
});
