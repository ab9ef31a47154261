import { DescribeKeyCommand, GetKeyPolicyCommand } from '@aws-sdk/client-kms';
import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda';
import { GetBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import { type Stage, type StageInput, stageInputs, stages } from '../../../domain/stage.ts';
import { deletionKey, publicationKey, versionPath } from '../../../domain/versions/key-layout.ts';
import { describedAlarms } from '../../target/alarm-state.ts';
import type { Target } from '../../target/target.ts';
import { type Fact, isKnown, knownOf, lookUp } from '../fact.ts';
import type { BucketFacts, Facts, StageFacts } from '../facts.ts';
import { catalogFacts } from './catalog.ts';
import { functionFacts, logGroupFacts, mappingsOf } from './functions.ts';
import { fedQueue, queueFacts } from './queues.ts';

/** Asks AWS about a deployment. It only reads. */
export async function gatherFacts(target: Target): Promise<Facts> {
  const { outputs, lambda, control } = target;
  const perStage = await Promise.all(
    stages.map(async (stage) => [stage, await stageFacts(target, stage)] as const),
  );
  const ofStages = Object.fromEntries(perStage) as Record<Stage, StageFacts>;
  const [account, buckets, key, alarms, catalog] = await Promise.all([
    lookUp(async () => {
      const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
      return {
        concurrency: AccountLimit?.ConcurrentExecutions ?? 0,
        unreserved: AccountLimit?.UnreservedConcurrentExecutions ?? 0,
      };
    }),
    Promise.all(
      Object.entries(outputs.buckets).map(async ([purpose, name]) => [
        purpose,
        await lookUp(() => bucketFacts(target, name)),
      ]),
    ),
    keyFacts(target, knownOf(ofStages.extraction.queue)?.keyArn),
    lookUp(() => alarmFacts(target)),
    catalogFacts(target),
  ]);
  return {
    stack: outputs.stack,
    region: outputs.region,
    isLocal: control !== undefined,
    account,
    stages: ofStages,
    buckets: Object.fromEntries(buckets),
    key,
    alarms,
    catalog,
  };
}

async function stageFacts(target: Target, stage: Stage): Promise<StageFacts> {
  const { queues, deadLetterQueues, undeliveredQueues, functions, buckets } = target.outputs;
  const { bucket, changes }: StageInput = stageInputs[stage];
  const samples = keysFor(stage).flatMap((key) =>
    changes.map((type) => ({
      source: 'aws.s3',
      type,
      detail: { bucket: { name: buckets[bucket] }, object: { key } },
    })),
  );
  const [fed, deadLetters, lambda] = await Promise.all([
    fedQueue(target, queues[stage], undeliveredQueues[stage], samples),
    queueFacts(target, deadLetterQueues[stage]),
    lookUp(() => functionFacts(target, functions[stage])),
  ]);
  const { queue } = fed;
  const [mappings, logGroup] = await Promise.all([
    isKnown(queue) ? lookUp(() => mappingsOf(target, queue.value.arn)) : queue,
    isKnown(lambda) ? lookUp(() => logGroupFacts(target, lambda.value.logGroup)) : lambda,
  ]);
  return { ...fed, functionName: functions[stage], deadLetters, mappings, lambda, logGroup };
}

/** Keys whose events a stage must get: of each kind that it processes. */
function keysFor(stage: Stage): string[] {
  const { keys }: StageInput = stageInputs[stage];
  if (keys === undefined) return ['a'];
  const path = versionPath({ dataset: 'a', key: 'a', versionId: 'a' });
  return [publicationKey(path, 0, 2), publicationKey(path, 1, 2), deletionKey(path)].filter((key) =>
    keys.some((each) => ('prefix' in each ? key.startsWith(each.prefix) : key.endsWith(each.suffix))),
  );
}

async function bucketFacts({ s3 }: Target, name: string): Promise<BucketFacts> {
  const found = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: name }));
  return {
    name,
    eventBridge: found.EventBridgeConfiguration !== undefined,
    queues: (found.QueueConfigurations ?? []).map(({ QueueArn = '', Events = [] }) => ({
      arn: QueueArn,
      events: Events,
    })),
  };
}

function keyFacts({ kms }: Target, KeyId: string | undefined): Promise<Facts['key']> {
  if (KeyId === undefined) {
    const why = 'The extraction queue has no key.';
    return Promise.resolve<Fact<never>>({ absent: 'missing', why });
  }
  return lookUp(async () => {
    const [{ KeyMetadata }, { Policy = '{}' }] = await Promise.all([
      kms.send(new DescribeKeyCommand({ KeyId })),
      kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'default' })),
    ]);
    return { arn: KeyMetadata?.Arn ?? KeyId, policy: Policy, state: KeyMetadata?.KeyState ?? 'Unknown' };
  });
}

async function alarmFacts(target: Target) {
  const described = await describedAlarms(target);
  const names = Object.entries(target.outputs.alarmNames);
  const found = names.flatMap(([name, nameOnAws]) => {
    const alarm = described.get(nameOnAws);
    if (alarm === undefined) return [];
    const { StateValue: state = '', StateReason: reason = '', AlarmDescription: description = '' } = alarm;
    return [{ name, nameOnAws, state, reason, description, actionsEnabled: alarm.ActionsEnabled ?? false }];
  });
  const missing = names.filter(([, nameOnAws]) => !described.has(nameOnAws)).map(([name]) => name);
  return { found, missing };
}
