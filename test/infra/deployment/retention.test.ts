import { describe, expect, test } from 'vitest';
import { findings } from '../../../infra/compliance/check.ts';
import { checks } from '../../../infra/compliance/checks.ts';
import type { Resource } from '../../../local-aws/program/program.ts';
import { read, withEverything } from '../stacks.ts';
import { everything, program } from '../the-program.ts';

const retained = await read({
  ...withEverything,
  configuration: { ...withEverything.configuration, 'sluice:retain': 'true' },
});

const typed = ({ resources }: { readonly resources: readonly Resource[] }, type: RegExp) =>
  resources.filter((each) => type.test(each.type));
const holders = /^aws:(s3\/bucket:Bucket|kms\/key:Key|rds\/instance:Instance)$/;
const isProtected = ({ options, inputs }: Resource) =>
  options.protect || inputs['deletionProtection'] === true;

describe('a stack to be kept', () => {
  test('protects its buckets, its key and its database, and nothing else', () => {
    const kept = everything.resources.filter(isProtected);
    expect(kept.map(({ urn }) => urn)).toEqual(typed(everything, holders).map(({ urn }) => urn));
    expect(kept).toHaveLength(10);
    expect(kept.every(({ options }) => options.protect)).toBe(true);
  });

  test('leaves nothing on AWS that Pulumi has forgotten', () => {
    expect(everything.resources.filter(({ options }) => options.retainOnDelete)).toEqual([]);
  });
});

describe('a stack that may be destroyed', () => {
  test('protects and retains nothing', () => {
    expect(program.resources.filter(isProtected)).toEqual([]);
    expect(program.resources.filter(({ options }) => options.retainOnDelete)).toEqual([]);
  });
});

describe('a stack that is taken down without its data', () => {
  test('has nothing that stops the destruction halfway', () => {
    expect(retained.resources.filter(isProtected)).toEqual([]);
    expect(findings(checks, retained.resources)).toEqual([]);
  });

  test('keeps its buckets with all their settings, and its key', () => {
    const staying = retained.resources.filter(({ options }) => options.retainOnDelete);
    const wanted = typed(retained, /^aws:(s3\/|kms\/key:)/).filter(
      ({ type }) => type !== 'aws:s3/bucketNotification:BucketNotification',
    );
    expect(staying.map(({ urn }) => urn)).toEqual(wanted.map(({ urn }) => urn));
    expect(staying.length).toBeGreaterThan(30);
  });

  test('leaves the database’s last snapshot, under the key that stays', () => {
    const [database] = typed(retained, /^aws:rds\/instance:/);
    const [key] = typed(retained, /^aws:kms\/key:/);
    expect(database?.inputs).toMatchObject({
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: expect.stringMatching(/-last$/),
      kmsKeyId: key?.outputs['arn'],
    });
  });
});
