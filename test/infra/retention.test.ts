import * as pulumi from '@pulumi/pulumi';
import { beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../infra/base/bucket.ts';
import { Key } from '../../infra/base/key.ts';

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({
      id: name,
      state: { ...inputs, arn: `arn:aws:x:::${name}`, bucket: name },
    }),
    call: () => ({ arn: 'arn:aws:iam::000000000000:user/u', accountId: '000000000000' }),
  }),
);

/** What Pulumi is told of each resource of a bucket and a key. */
async function optionsOf(forceDestroy: boolean, retain: boolean) {
  const told: { type: string; protect: boolean; retain: boolean }[] = [];
  const options = {
    transformations: [
      ({ type, opts }: pulumi.ResourceTransformationArgs) => {
        if (type.startsWith('aws:'))
          told.push({
            type,
            protect: opts.protect === true,
            retain: (opts as pulumi.CustomResourceOptions).retainOnDelete === true,
          });
        return undefined;
      },
    ],
  };
  const key = new Key('key', { forceDestroy, retain }, options);
  const more = { purpose: 'archive', key, forceDestroy, retain, oldVersionExpiry: 30 } as const;
  const bucket = new Bucket('archive', more, options);
  await new Promise((resolve) => pulumi.all([key.arn, bucket.arn]).apply(resolve));
  return told;
}

const holds = ({ type }: { type: string }) => /:(Bucket|Key)$/.test(type);

describe('a resource that holds data', () => {
  test('is protected from deletion, unless forceDestroy is set', async () => {
    const kept = await optionsOf(false, false);
    expect(kept.filter(holds).map(({ protect }) => protect)).toEqual([true, true]);
    expect(kept.some(({ retain }) => retain)).toBe(false);
    expect((await optionsOf(true, false)).some(({ protect, retain }) => protect || retain)).toBe(false);
  });

  test('stays on AWS with its policies when the stack is destroyed, if retain is set', async () => {
    const told = await optionsOf(false, true);
    expect(told.some(({ protect }) => protect)).toBe(false);
    expect(told.filter(({ type }) => type !== 'aws:kms/alias:Alias').every(({ retain }) => retain)).toBe(
      true,
    );
    expect(told.filter(({ type }) => type.startsWith('aws:s3/')).length).toBeGreaterThan(5);
  });
});
