import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Key } from './key.ts';
import { deadLetterRetention, Queue } from './queue.ts';

export interface RuleToQueueArgs {
  readonly description: string;
  /** The events that the rule matches (EventBridge guide, eb-event-patterns). */
  readonly eventPattern: object;
  /** Only the rule may send to it. */
  readonly queue: Queue;
  readonly key: Key;
}

/**
 * A rule that sends the events it matches to a queue.
 *
 * @returns the queue, named `<name>-undelivered`, of the events that EventBridge could not deliver within a
 * day
 */
export function ruleToQueue(
  name: string,
  { description, eventPattern, queue, key }: RuleToQueueArgs,
  parent: pulumi.Resource,
): Queue {
  const rule = new aws.cloudwatch.EventRule(
    name,
    { description, eventPattern: pulumi.jsonStringify(eventPattern) },
    { parent },
  );
  const undelivered = new Queue(`${name}-undelivered`, { key, retention: deadLetterRetention }, { parent });
  new aws.cloudwatch.EventTarget(
    name,
    {
      rule: rule.name,
      arn: queue.arn,
      deadLetterConfig: { arn: undelivered.arn },
      // EventBridge's maximum: a day and 185 attempts (EventBridge guide, eb-rule-retry-policy).
      retryPolicy: { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 },
    },
    { parent, dependsOn: [queue.admitOnly({ rule }), undelivered.admitOnly({ rule })] },
  );
  return undelivered;
}
