import { describe, expect, test } from 'vitest';
import { parseStatements } from '../../../infra/iam/documents.ts';
import { arnGlob } from '../../../local-aws/iam/pattern.ts';
import { read } from '../stacks.ts';
import { everything, program } from '../the-program.ts';

const ofType = ({ resources }: typeof program, type: string) =>
  resources.filter((each) => each.type === type);
const roles = 'aws:iam/role:Role';
const logGroups = 'aws:cloudwatch/logGroup:LogGroup';
const keyPolicy = (of: typeof program) =>
  parseStatements(JSON.parse(String(ofType(of, 'aws:kms/key:Key')[0]?.inputs['policy']))) ?? [];
const statement = (of: typeof program, sid: string) => keyPolicy(of).find(({ Sid }) => Sid === sid);

describe('a permissions boundary', () => {
  test('limits every role, and none without it', () => {
    const boundaries = (of: typeof program) =>
      new Set(ofType(of, roles).map(({ inputs }) => inputs['permissionsBoundary']));
    expect(boundaries(everything)).toEqual(new Set(['arn:aws:iam::000000000000:policy/boundary']));
    expect(boundaries(program)).toEqual(new Set([undefined]));
  });
});

describe('log groups that the stack’s key encrypts', () => {
  test('are all of them, or none', () => {
    const keys = (of: typeof program) =>
      new Set(ofType(of, logGroups).map(({ inputs }) => inputs['kmsKeyId']));
    expect(keys(everything)).toEqual(new Set([ofType(everything, 'aws:kms/key:Key')[0]?.outputs['arn']]));
    expect(keys(program)).toEqual(new Set([undefined]));
  });

  test('are all within the condition of the key’s policy, and those of another stack are not', () => {
    const allowed = statement(everything, 'LogsEncryptsGroups');
    expect(allowed?.Principal).toEqual(['logs.us-east-1.amazonaws.com']);
    const pattern = allowed?.Condition['ArnLike']?.['kms:EncryptionContext:aws:logs:arn'];
    const covers = arnGlob(String(pattern));
    const groups = ofType(everything, logGroups).map(({ outputs }) => String(outputs['arn']));
    expect(groups.length).toBeGreaterThan(8);
    expect(groups.filter((arn) => !covers(arn))).toEqual([]);
    expect(covers(groups[0]?.replace('sluice-dev-', 'sluice-prod-') ?? '')).toBe(false);
    expect(statement(program, 'LogsEncryptsGroups')).toBeUndefined();
  });
});

describe('access logs', () => {
  const logging = 'aws:s3/bucketLogging:BucketLogging';

  test('of each bucket go to one of their own, under a prefix of its own', () => {
    const made = ofType(everything, logging).map(({ inputs }) => inputs);
    expect(new Set(made.map(({ targetBucket }) => targetBucket))).toEqual(
      new Set(['sluice-dev-access-local']),
    );
    expect(made.map(({ targetPrefix }) => targetPrefix).sort()).toEqual([
      'archive/',
      'failed/',
      'ledger/',
      'processed/',
      'raw/',
      'temp/',
    ]);
    expect(made.map(({ bucket }) => bucket)).not.toContain('sluice-dev-access-local');
  });

  test('are written by S3 for this stack’s buckets alone', () => {
    const policy = ofType(everything, 'aws:s3/bucketPolicy:BucketPolicy').find(
      ({ inputs }) => inputs['bucket'] === 'sluice-dev-access-local',
    );
    const allowed = parseStatements(JSON.parse(String(policy?.inputs['policy'])))?.filter(
      ({ Effect }) => Effect === 'Allow',
    );
    expect(allowed).toMatchObject([
      {
        Principal: ['logging.s3.amazonaws.com'],
        Action: ['s3:PutObject'],
        Resource: ['arn:aws:s3:::sluice-dev-access-local/*'],
        Condition: {
          ArnLike: { 'aws:SourceArn': 'arn:aws:s3:::sluice-dev-*' },
          StringEquals: { 'aws:SourceAccount': '000000000000' },
        },
      },
    ]);
  });

  test('go to a bucket that exists, if the configuration names one', async () => {
    const { resources } = await read({
      stack: 'dev',
      configuration: { 'sluice:accessLogs': '{"enabled":true,"bucket":"audit-logs"}' },
    });
    const targets = resources
      .filter(({ type }) => type === logging)
      .map(({ inputs }) => inputs['targetBucket']);
    expect(targets).toEqual(Array(6).fill('audit-logs'));
    expect(resources.filter(({ type }) => type === 'aws:s3/bucket:Bucket')).toHaveLength(6);
  });

  test('are off by default', () => {
    expect(ofType(program, logging)).toEqual([]);
  });
});

describe('data events', () => {
  const trails = 'aws:cloudtrail/trail:Trail';
  const [trail] = ofType(everything, trails);
  const name = 'sluice-dev-trail-local';
  const arnOf = (stack: string) =>
    `arn:aws:cloudtrail:us-east-1:000000000000:trail/sluice-${stack}-trail-local`;
  /** Whether a condition admits the trail of a stack. */
  const admits = (pattern: unknown, stack: string) => arnGlob(String(pattern))(arnOf(stack));

  test('are those of the objects of each bucket of the pipeline, encrypted with the stack’s key', () => {
    expect(trail?.inputs).toMatchObject({
      s3BucketName: name,
      kmsKeyId: ofType(everything, 'aws:kms/key:Key')[0]?.outputs['arn'],
      enableLogFileValidation: true,
      advancedEventSelectors: [
        {
          fieldSelectors: [
            { field: 'eventCategory', equals: ['Data'] },
            { field: 'resources.type', equals: ['AWS::S3::Object'] },
            {
              field: 'resources.ARN',
              startsWiths: ['raw', 'temp', 'failed', 'processed', 'archive', 'ledger'].map(
                (purpose) => `arn:aws:s3:::sluice-dev-${purpose}-local/`,
              ),
            },
          ],
        },
      ],
    });
  });

  test('are written by this stack’s trail alone, under the key that names it', () => {
    const policy = ofType(everything, 'aws:s3/bucketPolicy:BucketPolicy').find(
      ({ inputs }) => inputs['bucket'] === name,
    );
    const ofBucket = (parseStatements(JSON.parse(String(policy?.inputs['policy']))) ?? []).filter(
      ({ Effect }) => Effect === 'Allow',
    );
    expect(ofBucket.map(({ Action, Resource }) => [...Action, ...Resource])).toEqual([
      ['s3:GetBucketAcl', `arn:aws:s3:::${name}`],
      ['s3:PutObject', `arn:aws:s3:::${name}/AWSLogs/000000000000/*`],
    ]);
    const ofKey = ['TrailDescribesKey', 'TrailEncryptsEvents'].map((sid) => statement(everything, sid));
    expect(ofKey.map((each) => each?.Action)).toEqual([['kms:DescribeKey'], ['kms:GenerateDataKey*']]);
    for (const each of [...ofBucket, ...ofKey]) {
      expect(each?.Principal).toEqual(['cloudtrail.amazonaws.com']);
      const pattern = each?.Condition['ArnLike']?.['aws:SourceArn'];
      expect([admits(pattern, 'dev'), admits(pattern, 'prod')]).toEqual([true, false]);
    }
  });

  test('expire', () => {
    const rules = ofType(everything, 'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration').find(
      ({ inputs }) => inputs['bucket'] === name,
    )?.inputs['rules'];
    expect(rules).toContainEqual(expect.objectContaining({ id: 'expiry', expiration: { days: 90 } }));
  });

  test('are off by default, and CloudTrail may not use the key', () => {
    expect(ofType(program, trails)).toEqual([]);
    expect(keyPolicy(program).filter(({ Principal }) => Principal.join().includes('cloudtrail'))).toEqual([]);
  });
});

describe('a database', () => {
  const [instance] = ofType(everything, 'aws:rds/instance:Instance');

  test('shows its statements in CloudWatch, encrypted with the stack’s key', () => {
    expect(instance?.inputs).toMatchObject({
      databaseInsightsMode: 'standard',
      performanceInsightsEnabled: true,
      performanceInsightsRetentionPeriod: 7,
      performanceInsightsKmsKeyId: instance?.inputs['kmsKeyId'],
    });
  });

  test('has a log group with the connections of its network', () => {
    const [flow] = ofType(everything, 'aws:ec2/flowLog:FlowLog');
    const group = ofType(everything, logGroups).find(
      ({ outputs }) => outputs['arn'] === flow?.inputs['logDestination'],
    );
    expect(group?.outputs['name']).toMatch(/^\/aws\/vpc\/sluice-dev-/);
    expect(flow?.inputs).toMatchObject({
      vpcId: ofType(everything, 'aws:ec2/vpc:Vpc')[0]?.outputs['id'],
      trafficType: 'ALL',
    });
  });

  test('has neither by default', async () => {
    const { resources } = await read({ stack: 'dev', configuration: { 'sluice:mysql': 'true' } });
    expect(resources.some(({ type }) => type === 'aws:ec2/flowLog:FlowLog')).toBe(false);
    expect(resources.find(({ type }) => type === 'aws:rds/instance:Instance')?.inputs).not.toHaveProperty(
      'performanceInsightsEnabled',
    );
  });
});

describe('an uploader', () => {
  test('may use the key through S3 alone, and not be there by default', () => {
    expect(statement(everything, 'UploadersEncrypt')).toMatchObject({
      Principal: ['arn:aws:iam::111111111111:role/exporter'],
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Condition: { StringEquals: { 'kms:ViaService': 's3.us-east-1.amazonaws.com' } },
    });
    expect(statement(program, 'UploadersEncrypt')).toBeUndefined();
  });
});
