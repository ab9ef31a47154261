import { stageInputs, stages } from '../../../domain/stage.ts';
import { knownOf } from '../fact.ts';
import type { Facts, FedQueue, QueueFacts, RuleFacts } from '../facts.ts';
import type { Inspection } from '../finding.ts';
import { whyRefused } from '../policy.ts';

/** The queues that EventBridge fills, with what comes into them. */
function fedQueues({ stages: of, catalog }: Facts): [what: string, fed: FedQueue, blocking: boolean][] {
  return [
    ...stages.map((stage): [string, FedQueue, boolean] => [`the ${stage}`, of[stage], true]),
    ['the findings of crawls', catalog.findings, false],
  ];
}

/** EventBridge's rules: enabled, with a pattern that matches, and a queue for what can't be delivered. */
export function checkRules(facts: Facts, inspection: Inspection): void {
  for (const [what, fed, blocking] of fedQueues(facts)) {
    const queue = knownOf(fed.queue);
    // Without its queue, a missing rule is no news.
    if (queue === undefined) continue;
    const rules = inspection.need(fed.rules, 'rule_missing', queue.name, `The rule of ${what}`);
    if (rules === undefined) continue;
    if (rules.length === 0)
      inspection.wrong(
        blocking,
        'rule_missing',
        queue.name,
        `No rule of EventBridge has the queue of ${what} as its target, so nothing arrives there.`,
      );
    for (const rule of rules) checkRule(rule, what, knownOf(fed.undelivered), blocking, inspection);
  }
}

function checkRule(
  { name, enabled, missed, pattern, transforms, deadLetterArn }: RuleFacts,
  what: string,
  undelivered: QueueFacts | undefined,
  blocking: boolean,
  inspection: Inspection,
): void {
  if (!enabled)
    inspection.wrong(
      blocking,
      'rule_disabled',
      name,
      `The rule of ${what} is disabled, so EventBridge delivers none of its events; those of this time are lost.`,
      `To enable it: aws events enable-rule --name ${name}. Then send what was missed: npx sluice sweep --enqueue`,
    );
  if (missed.length > 0)
    inspection.wrong(
      blocking,
      'pattern_misses',
      name,
      `The pattern of the rule of ${what} does not match ${missed.map((type) => `“${type}”`).join(' and ')}: ${pattern}`,
    );
  if (transforms)
    inspection.wrong(
      blocking,
      'target_transforms',
      name,
      `The rule of ${what} changes the events, so the function can't read them.`,
    );
  if (deadLetterArn === undefined || (undelivered !== undefined && deadLetterArn !== undelivered.arn))
    inspection.fails(
      'target_without_dlq',
      name,
      `EventBridge loses the events of ${what} that it can't deliver: the rule's target has ${deadLetterArn === undefined ? 'no DLQ' : `the DLQ ${deadLetterArn}`}, not ${undelivered?.name ?? 'its undelivered queue'}.`,
    );
}

/** The queues' policies, DLQs and times. */
export function checkQueues(facts: Facts, inspection: Inspection): void {
  for (const [what, fed, blocking] of fedQueues(facts)) {
    const code = 'queue_missing';
    const queue = inspection.need(fed.queue, code, what, `The queue of ${what}`);
    const undelivered = inspection.need(fed.undelivered, code, what, `The undelivered queue of ${what}`);
    for (const rule of knownOf(fed.rules) ?? []) {
      if (queue !== undefined) checkSender(queue, rule, what, blocking, inspection);
      if (undelivered !== undefined)
        checkSender(undelivered, rule, `the undelivered events of ${what}`, false, inspection);
    }
  }
  for (const stage of stages) {
    const { queue, deadLetters, lambda } = facts.stages[stage];
    const dlq = inspection.need(deadLetters, 'queue_missing', stage, `The DLQ of the ${stage}`);
    const source = knownOf(queue);
    if (source === undefined) continue;
    if (dlq !== undefined) checkRedrive(source, dlq, `the ${stage}`, inspection);
    const of = knownOf(lambda);
    if (of === undefined) continue;
    if (source.visibilitySeconds < of.timeoutSeconds)
      inspection.blocks(
        'visibility_too_short',
        source.name,
        `Its messages reappear after ${source.visibilitySeconds} s, while a call of the ${stage} may take ${of.timeoutSeconds} s: Lambda refuses such a mapping.`,
      );
    if (
      of.maximumReceives !== undefined &&
      source.deadLetterArn !== undefined &&
      of.maximumReceives !== source.maxReceives
    )
      inspection.fails(
        'receives_differ',
        source.name,
        `SQS gives a message ${source.maxReceives} attempts, while the function thinks that it gets ${of.maximumReceives}: the last one leaves no reason.`,
      );
  }
  const { queue, deadLetters } = facts.catalog;
  const crawlQueue = inspection.need(queue, 'queue_missing', 'crawl', 'The crawl queue');
  const crawlDlq = inspection.need(deadLetters, 'queue_missing', 'crawl', 'The DLQ of the crawl queue');
  if (crawlQueue !== undefined && crawlDlq !== undefined)
    checkRedrive(crawlQueue, crawlDlq, 'the crawls', inspection);
  const bucket = knownOf(facts.buckets.archive);
  if (crawlQueue === undefined || bucket === undefined) return;
  const why = whyRefused(
    crawlQueue.policy,
    sendingTo(crawlQueue, 's3.amazonaws.com', `arn:aws:s3:::${bucket.name}`),
  );
  if (why !== undefined)
    inspection.fails(
      'queue_refuses_bucket',
      crawlQueue.name,
      `The crawl queue does not let the bucket ${bucket.name} send to it: ${why}. So no crawl learns of new partitions.`,
    );
}

function checkSender(
  queue: QueueFacts,
  rule: RuleFacts,
  what: string,
  blocking: boolean,
  inspection: Inspection,
): void {
  const why = whyRefused(queue.policy, sendingTo(queue, 'events.amazonaws.com', rule.arn));
  if (why === undefined) return;
  const message = `The queue of ${what} does not let the rule ${rule.name} send to it: ${why}.`;
  inspection.wrong(blocking, 'queue_refuses_rule', queue.name, message);
}

const sendingTo = ({ arn }: QueueFacts, service: string, sourceArn: string) => ({
  service,
  action: 'sqs:SendMessage',
  resource: arn,
  context: {
    'aws:sourcearn': sourceArn,
    'aws:sourceaccount': arn.split(':')[4] ?? '',
    'aws:securetransport': 'true',
  },
});

function checkRedrive(source: QueueFacts, dlq: QueueFacts, what: string, inspection: Inspection): void {
  if (source.deadLetterArn !== dlq.arn)
    inspection.fails(
      'redrive_missing',
      source.name,
      source.deadLetterArn === undefined
        ? `The queue of ${what} has no DLQ: a message that always fails comes back until SQS deletes it.`
        : `The queue of ${what} has ${source.deadLetterArn} as its DLQ, not ${dlq.name}, where the commands look.`,
    );
  if (dlq.redriveSources?.includes(source.arn) === false)
    inspection.fails(
      'redrive_refused',
      dlq.name,
      `The DLQ of ${what} takes no messages of ${source.name} (its redrive allow policy), so SQS leaves them in their queue.`,
    );
}

/** The key's policy lets AWS's services send to encrypted queues. */
export function checkKey({ key, buckets }: Facts, inspection: Inspection): void {
  const found = inspection.need(key, 'key_missing', 'key', 'The stack’s KMS key');
  if (found === undefined) return;
  const { arn, policy, state } = found;
  if (state !== 'Enabled')
    inspection.blocks(
      'key_unusable',
      arn,
      `The stack's key is in the state ${state}, so no bucket and no queue can be read or written.`,
      state === 'PendingDeletion'
        ? `To keep it: aws kms cancel-key-deletion --key-id ${arn}, then aws kms enable-key --key-id ${arn}`
        : `To enable it: aws kms enable-key --key-id ${arn}`,
    );
  const account = arn.split(':')[4] ?? '';
  for (const service of ['events.amazonaws.com', 's3.amazonaws.com'])
    for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
      inspection.looked += 1;
      const context = { 'aws:sourceaccount': account, 'aws:securetransport': 'true' };
      const why = whyRefused(policy, { service, action, resource: arn, context });
      if (why === undefined) continue;
      const isEvents = service.startsWith('events');
      inspection.wrong(
        isEvents,
        'key_refuses_service',
        arn,
        `The stack's key does not allow ${action} to ${service}: ${why}. So ${isEvents ? 'EventBridge can send to no stage' : `S3 can't tell the crawl queue of changes in ${knownOf(buckets.archive)?.name ?? 'the archive'}`}.`,
      );
    }
}

/** The buckets' notifications. */
export function checkBuckets({ buckets, catalog }: Facts, inspection: Inspection): void {
  for (const [purpose, fact] of Object.entries(buckets)) {
    const found = inspection.need(fact, 'bucket_missing', purpose, `The ${purpose} bucket`);
    if (found === undefined) continue;
    const feedsStage = stages.some((stage) => stageInputs[stage].bucket === purpose);
    if (!found.eventBridge) {
      const message = `The ${purpose} bucket sends nothing to EventBridge${feedsStage ? ', so no stage that it feeds ever starts' : ''}.`;
      if (feedsStage) inspection.blocks('notification_off', found.name, message);
      else inspection.warns('notification_off', found.name, message);
    }
    const queue = knownOf(catalog.queue);
    if (purpose !== 'archive' || queue === undefined) continue;
    const events = found.queues.filter(({ arn }) => arn === queue.arn).flatMap((each) => each.events);
    const lacking = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'].filter((each) => !events.includes(each));
    if (lacking.length > 0)
      inspection.fails(
        'crawl_queue_untold',
        found.name,
        `The archive bucket does not tell the crawl queue ${queue.name} of ${lacking.join(' and ')}, so no crawl learns of new partitions.`,
      );
  }
}
