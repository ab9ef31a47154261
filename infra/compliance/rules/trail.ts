import type { Check } from '../check.ts';
import { at, list, policyOf, statements, waitsFor } from '../resource.ts';

const trail = 'aws:cloudtrail/trail:Trail';
const bucketPolicy = 'aws:s3/bucketPolicy:BucketPolicy';

/** Whether each statement for CloudTrail names the trails that it is for. */
const admitsOwnTrails = (policy: unknown) => {
  const about = (statements(policy) ?? []).filter(({ Principal }) =>
    Principal.includes('cloudtrail.amazonaws.com'),
  );
  return (
    about.length > 0 && about.every(({ Condition }) => Condition['ArnLike']?.['aws:SourceArn'] !== undefined)
  );
};

/** The trail of the buckets' data events. */
export const trailChecks: readonly Check[] = [
  {
    name: 'trail-sealed',
    rule: 'A trail is encrypted with a customer managed key, and its files can be validated.',
    reason: 'Whoever can read or change it unseen can hide what was read.',
    source: 'Security Hub CloudTrail.2 and CloudTrail.4',
    type: trail,
    passes: ({ inputs }) => inputs['kmsKeyId'] !== undefined && inputs['enableLogFileValidation'] === true,
  },
  {
    name: 'trail-data-only',
    rule: 'A trail records data events alone, and none of its own bucket.',
    reason:
      'A second copy of management events is billed, and a trail that watches its own bucket never ends.',
    source: 'CloudTrail guide, logging-data-events-with-cloudtrail',
    type: trail,
    passes: ({ inputs }) => {
      const selectors = list(inputs['advancedEventSelectors']).map((each) =>
        list(at(each, 'fieldSelectors')),
      );
      const of = (fields: readonly unknown[], field: string) =>
        fields.find((each) => at(each, 'field') === field);
      const own = `arn:aws:s3:::${String(inputs['s3BucketName'])}/`;
      return (
        selectors.length > 0 &&
        selectors.every((fields) => {
          const watched = list(at(of(fields, 'resources.ARN'), 'startsWiths')).map(String);
          return (
            at(of(fields, 'eventCategory'), 'equals.0') === 'Data' &&
            watched.length > 0 &&
            !watched.some((arn) => own.startsWith(arn))
          );
        })
      );
    },
  },
  {
    name: 'trail-admitted',
    rule: 'A trail comes after its bucket’s policy, which admits CloudTrail for the stack’s trails alone.',
    reason:
      'CloudTrail refuses a trail that it can’t write, and without a condition other accounts’ trails could.',
    source: 'CloudTrail guide, create-s3-bucket-policy-for-cloudtrail',
    type: trail,
    passes: (each, all) => {
      const bucket = each.inputs['s3BucketName'];
      const policy = all.find(({ type, inputs }) => type === bucketPolicy && inputs['bucket'] === bucket);
      return (
        policy !== undefined &&
        waitsFor(each, policy, all) &&
        admitsOwnTrails(policyOf(bucketPolicy, 'bucket', bucket, all))
      );
    },
  },
];
