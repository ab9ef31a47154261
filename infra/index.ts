import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { Bucket, type BucketArgs } from './bucket.ts';
import { bundle } from './bundle.ts';
import { readConfiguration } from './configuration.ts';
import { Key } from './key.ts';
import { type BucketPurpose, naming, type StageName } from './naming.ts';
import { reads, updates, writes } from './permissions.ts';
import { Stage, type StageArgs } from './stage.ts';

const configuration = readConfiguration(pulumi.runtime.allConfig());
const project = pulumi.getProject();
export const stack = pulumi.getStack();
export const region = configuration.aws.region;
const name = naming(project, stack);

const code = pulumi.output(
  bundle({
    extraction: 'handlers/extraction.ts',
    transformation: 'handlers/transformation.ts',
    loading: 'handlers/loading.ts',
  }),
);

const provider = new aws.Provider('aws', {
  ...configuration.aws,
  defaultTags: { tags: { project, stack, owner: configuration.owner } },
});
const key = new Key(name('key'), { provider });

// Where data lies. Each tells EventBridge of every object that is created or deleted.
const raw = bucket('raw');
const temp = bucket('temp', { expiry: configuration.tempExpiry });
const failed = bucket('failed');
const processed = bucket('processed');
const archive = bucket('archive', { glacierAfter: configuration.glacierAfter });
const ledger = bucket('ledger');

// raw ⇒ extraction ─▶ temp. The whole bucket: a file of an unknown prefix is recorded as failed, never ignored.
const extraction = stage('extraction', {
  source: raw,
  changes: ['Object Created'],
  uses: {
    RAW_BUCKET: reads(raw),
    TEMP_BUCKET: writes(temp),
    FAILED_BUCKET: writes(failed),
    LEDGER_BUCKET: updates(ledger),
  },
});

// temp ⇒ transformation ─▶ processed. From here on, the failed bucket is written only when a file of our own can't be read:
// a permission that `npx sluice iam` shows as never used, as long as all is well.
const transformation = stage('transformation', {
  source: temp,
  changes: ['Object Created'],
  uses: {
    TEMP_BUCKET: reads(temp),
    PROCESSED_BUCKET: writes(processed),
    FAILED_BUCKET: writes(failed),
    LEDGER_BUCKET: updates(ledger),
  },
});

// processed ⇒ loading ─▶ archive
const loading = stage('loading', {
  source: processed,
  changes: ['Object Created'],
  uses: {
    PROCESSED_BUCKET: reads(processed),
    ARCHIVE_BUCKET: writes(archive),
    FAILED_BUCKET: writes(failed),
    LEDGER_BUCKET: updates(ledger),
  },
});

// The stack's outputs, as infra/outputs.ts types them.
export const buckets = {
  raw: raw.name,
  temp: temp.name,
  failed: failed.name,
  processed: processed.name,
  archive: archive.name,
  ledger: ledger.name,
};
export const queues = perStage((each) => each.queueUrl);
export const deadLetterQueues = perStage((each) => each.deadLetterUrl);
export const undeliveredQueues = perStage((each) => each.undeliveredUrl);
export const functions = perStage((each) => each.functionName);

function bucket(purpose: BucketPurpose, lifecycle: Pick<BucketArgs, 'expiry' | 'glacierAfter'> = {}): Bucket {
  const { forceDestroy, oldVersionExpiry } = configuration;
  return new Bucket(
    name(purpose),
    { purpose, key, forceDestroy, oldVersionExpiry, ...lifecycle },
    { provider },
  );
}

function stage(stageName: StageName, args: Pick<StageArgs, 'source' | 'changes' | 'uses'>): Stage {
  return new Stage(
    name(stageName),
    {
      ...configuration[stageName],
      ...args,
      key,
      bundle: code[stageName],
      logRetention: configuration.logRetention,
      alarmTopicArn: configuration.alarmTopicArn,
      environment: {
        POWERTOOLS_SERVICE_NAME: stageName,
        POWERTOOLS_METRICS_NAMESPACE: 'Sluice',
        LOG_LEVEL: configuration.logLevel,
        STACK: stack,
      },
    },
    { provider },
  );
}

function perStage<Value>(of: (each: Stage) => Value): Record<StageName, Value> {
  return { extraction: of(extraction), transformation: of(transformation), loading: of(loading) };
}
