import type { Conversion, Properties } from './conversion.ts';

const bucket = ['aws:s3/bucket:Bucket', 'bucket', 'bucket'] as const;

/** CloudFormation has the parts of a filter, and the days of an expiration, in the rule itself. */
const lifecycleRule = ({ Filter, Expiration, Transitions, ...rest }: Record<string, Properties>) => {
  const { Days, ...expiration } = Expiration ?? {};
  return {
    ...rest,
    ...Filter,
    ...(Days !== undefined && { ExpirationInDays: Days }),
    ...expiration,
    ...(Transitions !== undefined && {
      Transitions: (Transitions as unknown as Properties[]).map(({ Days: TransitionInDays, ...to }) => ({
        TransitionInDays,
        ...to,
      })),
    }),
  };
};

export const ofBuckets: Readonly<Record<string, Conversion>> = {
  'aws:cloudtrail/trail:Trail': {
    type: 'AWS::CloudTrail::Trail',
    named: ['name', 'TrailName'],
    renamed: { kmsKeyId: 'KMSKeyId', startsWiths: 'StartsWith' },
    // The provider starts it.
    shape: (properties) => ({ IsLogging: true, ...properties }),
    api: [
      { operation: 'cloudtrail.CreateTrail', renamed: { TrailName: 'Name', KMSKeyId: 'KmsKeyId' } },
      { operation: 'cloudtrail.PutEventSelectors' },
    ],
  },
  'aws:s3/bucket:Bucket': {
    type: 'AWS::S3::Bucket',
    named: ['bucket', 'BucketName'],
    ofProvider: ['forceDestroy'],
    api: [{ operation: 's3.CreateBucket', renamed: { BucketName: 'Bucket' } }],
  },
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': {
    of: bucket,
    adds: ({ Rules, ...rest }) => ({
      LifecycleConfiguration: { Rules: (Rules as Record<string, Properties>[]).map(lifecycleRule), ...rest },
    }),
  },
  'aws:s3/bucketLogging:BucketLogging': {
    of: bucket,
    renamed: { targetBucket: 'DestinationBucketName', targetPrefix: 'LogFilePrefix' },
    adds: (LoggingConfiguration) => ({ LoggingConfiguration }),
  },
  'aws:s3/bucketNotification:BucketNotification': {
    of: bucket,
    adds: ({ Eventbridge, Queues = [], ...rest }) => ({
      NotificationConfiguration: {
        EventBridgeConfiguration: { EventBridgeEnabled: Eventbridge },
        // One for each event, without an id.
        QueueConfigurations: (Queues as { Events: string[]; QueueArn: string }[]).flatMap(
          ({ Events, QueueArn }) => Events.map((Event) => ({ Event, Queue: QueueArn })),
        ),
        ...rest,
      },
    }),
  },
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': {
    of: bucket,
    adds: ({ Rule, ...rest }) => ({ OwnershipControls: { Rules: [Rule], ...rest } }),
  },
  'aws:s3/bucketPolicy:BucketPolicy': {
    type: 'AWS::S3::BucketPolicy',
    renamed: { policy: 'PolicyDocument' },
    api: [{ operation: 's3.PutBucketPolicy', renamed: { PolicyDocument: 'Policy' } }],
  },
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': {
    of: bucket,
    adds: (PublicAccessBlockConfiguration) => ({ PublicAccessBlockConfiguration }),
  },
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': {
    of: bucket,
    renamed: {
      rules: 'ServerSideEncryptionConfiguration',
      applyServerSideEncryptionByDefault: 'ServerSideEncryptionByDefault',
      kmsMasterKeyId: 'KMSMasterKeyID',
      sseAlgorithm: 'SSEAlgorithm',
    },
    adds: (BucketEncryption) => ({ BucketEncryption }),
  },
  'aws:s3/bucketVersioning:BucketVersioning': { of: bucket, adds: (properties) => properties },
};
