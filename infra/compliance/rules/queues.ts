import type { Check } from '../check.ts';
import {
  at,
  deadLettersOf,
  deniesWithoutTls,
  functionOf,
  list,
  number,
  policyOf,
  redriveOf,
  sourceOf,
  statements,
} from '../resource.ts';

const queue = 'aws:sqs/queue:Queue';
const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
const day = 86_400;

/** Queues, their DLQs, and the rules, buckets and functions that use them. */
export const queueChecks: readonly Check[] = [
  {
    name: 'queue-visibility',
    rule: "The queue's visibility timeout is at least six times the function's timeout plus the batching window.",
    reason:
      'Lambda retries a throttled batch within that time; with a shorter one a message is processed twice.',
    source: 'Lambda guide, services-sqs-configure',
    type: mapping,
    passes: (each, all) =>
      number(sourceOf(each, all)?.inputs['visibilityTimeoutSeconds'], 30) >=
      6 * number(functionOf(each, all)?.inputs['timeout'], 3) +
        number(each.inputs['maximumBatchingWindowInSeconds'], 0),
  },
  {
    name: 'queue-receives',
    rule: 'A queue with a function has a DLQ and a maxReceiveCount of at least 5.',
    reason: 'Throttling alone uses a few receives, so with fewer it would fill the DLQ.',
    source: 'Lambda guide, services-sqs-configure',
    type: mapping,
    passes: (each, all) => {
      const source = sourceOf(each, all);
      return deadLettersOf(source, all) !== undefined && (redriveOf(source)?.maxReceiveCount ?? 0) >= 5;
    },
  },
  {
    name: 'partial-batches',
    rule: 'A mapping uses ReportBatchItemFailures.',
    reason: 'One failed message must not cause the others in its batch to be processed again.',
    source: 'Lambda guide, services-sqs-errorhandling',
    type: mapping,
    passes: ({ inputs }) => list(inputs['functionResponseTypes']).includes('ReportBatchItemFailures'),
  },
  {
    name: 'mapping-concurrency',
    rule: 'The mapping limits concurrency, and the function reserves none.',
    reason: 'Reserved concurrency throttles the poller, and each throttled message uses up a receive.',
    source: 'Lambda guide, services-sqs-scaling',
    type: mapping,
    passes: (each, all) =>
      at(each.inputs, 'scalingConfig.maximumConcurrency') !== undefined &&
      number(functionOf(each, all)?.inputs['reservedConcurrentExecutions'], -1) < 0,
  },
  {
    name: 'mapping-filters-nothing',
    rule: 'A mapping has no filter.',
    reason:
      "A mapping's filter deletes the messages that it does not match. Filter in the EventBridge rule instead.",
    source: 'Lambda guide, invocation-eventfiltering',
    type: mapping,
    passes: ({ inputs }) => inputs['filterCriteria'] === undefined,
  },
  {
    name: 'dlq-retention',
    rule: 'A DLQ keeps messages for 14 days and longer than its source queue does.',
    reason: 'A message keeps its first enqueue time when SQS moves it to the DLQ.',
    source: 'SQS guide, sqs-dead-letter-queues',
    type: queue,
    passes: (each, all) => {
      if (each.inputs['redrivePolicy'] === undefined) return true;
      const kept = number(deadLettersOf(each, all)?.inputs['messageRetentionSeconds'], 4 * day);
      return kept === 14 * day && kept > number(each.inputs['messageRetentionSeconds'], 4 * day);
    },
  },
  {
    name: 'queue-encryption',
    rule: 'A queue is encrypted with a key that EventBridge may use.',
    reason: 'EventBridge drops events that it cannot encrypt.',
    source: 'SQS guide, sqs-key-management',
    type: queue,
    passes: ({ inputs }, all) => {
      if (inputs['kmsMasterKeyId'] === undefined) return inputs['sqsManagedSseEnabled'] === true;
      const key = all.find(
        ({ type, outputs }) => type === 'aws:kms/key:Key' && outputs['arn'] === inputs['kmsMasterKeyId'],
      );
      return (statements(key?.inputs['policy']) ?? []).some(
        (each) =>
          each.Effect === 'Allow' &&
          each.Principal.includes('events.amazonaws.com') &&
          ['kms:GenerateDataKey', 'kms:Decrypt'].every((action) => each.Action.includes(action)),
      );
    },
  },
  {
    name: 'queue-tls',
    rule: 'A queue denies calls without TLS.',
    reason: 'Messages contain the keys of the lake’s objects.',
    source: 'SQS guide, sqs-security-best-practices',
    type: queue,
    passes: ({ outputs }, all) =>
      deniesWithoutTls(policyOf('aws:sqs/queuePolicy:QueuePolicy', 'queueUrl', outputs['url'], all)),
  },
  {
    name: 'target-dlq',
    rule: "A rule's target has a DLQ of its own and an explicit retry policy.",
    reason: 'Without them EventBridge silently drops events that it cannot deliver within a day.',
    source: 'EventBridge guide, eb-rule-dlq',
    type: target,
    passes: ({ inputs }, all) => {
      const deadLetters = at(inputs, 'deadLetterConfig.arn');
      const users = all.filter(
        (each) => each.type === target && at(each.inputs, 'deadLetterConfig.arn') === deadLetters,
      );
      return deadLetters !== undefined && users.length === 1 && inputs['retryPolicy'] !== undefined;
    },
  },
  {
    name: 'target-permission',
    rule: "A target queue and its DLQ allow only events.amazonaws.com to send, and only for this rule's ARN.",
    reason: 'Without the condition, a rule of any account could send.',
    source: 'EventBridge guide, eb-use-resource-based',
    type: target,
    passes: ({ inputs }, all) => {
      const rule = all.find(
        ({ type, outputs }) => type.endsWith(':EventRule') && outputs['name'] === inputs['rule'],
      );
      return [inputs['arn'], at(inputs, 'deadLetterConfig.arn')].every((arn) => {
        const url = all.find((each) => each.type === queue && each.outputs['arn'] === arn)?.outputs['url'];
        const senders = statements(policyOf('aws:sqs/queuePolicy:QueuePolicy', 'queueUrl', url, all))?.filter(
          ({ Effect }) => Effect === 'Allow',
        );
        return (
          senders !== undefined &&
          senders.length > 0 &&
          senders.every(
            (each) =>
              each.Principal.join() === 'events.amazonaws.com' &&
              rule !== undefined &&
              each.Condition['ArnEquals']?.['aws:SourceArn'] === rule.outputs['arn'],
          )
        );
      });
    },
  },
];
