import type { Check } from './check.ts';
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
} from './resource.ts';

const queue = 'aws:sqs/queue:Queue';
const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
const day = 86_400;

/** Queues, their DLQs, and what fills and empties them. */
export const queueChecks: readonly Check[] = [
  {
    name: 'queue-visibility',
    rule: "The queue's visibility time-out is at least six times the function's time-out plus the batching window.",
    reason: 'Lambda retries a throttled batch within that time; a shorter one has a message worked on twice.',
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
    reason: 'Throttling alone uses up a few receives and would fill the DLQ.',
    source: 'Lambda guide, services-sqs-configure',
    type: mapping,
    passes: (each, all) => {
      const source = sourceOf(each, all);
      return deadLettersOf(source, all) !== undefined && (redriveOf(source)?.maxReceiveCount ?? 0) >= 5;
    },
  },
  {
    name: 'partial-batches',
    rule: 'A mapping asks for ReportBatchItemFailures.',
    reason: 'One bad message must not bring back those that are done.',
    source: 'Lambda guide, services-sqs-errorhandling',
    type: mapping,
    passes: ({ inputs }) => list(inputs['functionResponseTypes']).includes('ReportBatchItemFailures'),
  },
  {
    name: 'mapping-concurrency',
    rule: 'Concurrency is limited by the mapping, and the function reserves none.',
    reason: 'Reserved concurrency throttles the poller, whose messages then use up their receives.',
    source: 'Lambda guide, services-sqs-scaling',
    type: mapping,
    passes: (each, all) =>
      at(each.inputs, 'scalingConfig.maximumConcurrency') !== undefined &&
      number(functionOf(each, all)?.inputs['reservedConcurrentExecutions'], -1) < 0,
  },
  {
    name: 'mapping-filters-nothing',
    rule: 'A mapping has no filter.',
    reason: "A mapping's filter deletes what does not match; the EventBridge rule is the place to choose.",
    source: 'Lambda guide, invocation-eventfiltering',
    type: mapping,
    passes: ({ inputs }) => inputs['filterCriteria'] === undefined,
  },
  {
    name: 'dlq-retention',
    rule: 'A DLQ keeps messages for 14 days, longer than its source does.',
    reason: 'A message keeps the time of its first enqueueing when it moves.',
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
    reason: 'EventBridge drops what it cannot encrypt.',
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
    rule: 'A queue refuses calls without TLS.',
    reason: 'Messages name objects of the data lake.',
    source: 'SQS guide, sqs-security-best-practices',
    type: queue,
    passes: ({ outputs }, all) =>
      deniesWithoutTls(policyOf('aws:sqs/queuePolicy:QueuePolicy', 'queueUrl', outputs['url'], all)),
  },
  {
    name: 'target-dlq',
    rule: "A rule's target has a DLQ of its own and an explicit retry policy.",
    reason: 'Otherwise EventBridge loses without a trace what it cannot deliver within a day.',
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
    rule: "A target queue and its DLQ admit events.amazonaws.com for this rule's ARN, and nobody else.",
    reason: "Without the condition, anybody's rule could send.",
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
