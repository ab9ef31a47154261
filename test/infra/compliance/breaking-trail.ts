const trail = 'aws:cloudtrail/trail:Trail';
const policy = 'aws:s3/bucketPolicy:BucketPolicy';
const selector = 'advancedEventSelectors.0.fieldSelectors';
const admitsAnyTrail = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'cloudtrail.amazonaws.com' },
      Action: 's3:PutObject',
      Resource: 'arn:aws:s3:::a/AWSLogs/*',
    },
  ],
});

/** A change to every resource of a type, and the one check of the trail that it breaks. */
export const breakingTrail: readonly (readonly [
  check: string,
  type: string,
  path: string,
  value: unknown,
])[] = [
  ['trail-sealed', trail, 'kmsKeyId', undefined],
  ['trail-sealed', trail, 'enableLogFileValidation', false],
  ['trail-data-only', trail, 'advancedEventSelectors', undefined],
  ['trail-data-only', trail, `${selector}.0.equals`, ['Management']],
  ['trail-data-only', trail, `${selector}.2.startsWiths`, ['arn:aws:s3:::']],
  ['trail-data-only', trail, `${selector}.2.startsWiths`, []],
  ['trail-admitted', trail, 's3BucketName', 'another'],
  ['trail-admitted', policy, 'policy', admitsAnyTrail],
];
