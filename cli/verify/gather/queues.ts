import {
  DescribeRuleCommand,
  ListRuleNamesByTargetCommand,
  ListTargetsByRuleCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import { queueAttributes, queueName } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { type Fact, isKnown, lookUp } from '../fact.ts';
import type { FedQueue, QueueFacts, RuleFacts } from '../facts.ts';

/** An event that a rule must send to its queue. */
export interface SampleEvent {
  readonly source: string;
  readonly type: string;
  readonly detail: object;
}

export function queueFacts(target: Target, url: string): Promise<Fact<QueueFacts>> {
  return lookUp(async () => {
    const attributes = await queueAttributes(target, url, ['All']);
    const redrive = parsed(attributes.RedrivePolicy);
    const allow = parsed(attributes.RedriveAllowPolicy);
    return {
      name: queueName(url),
      arn: attributes.QueueArn ?? '',
      policy: attributes.Policy,
      keyArn: attributes.KmsMasterKeyId,
      deadLetterArn: redrive?.['deadLetterTargetArn'] as string | undefined,
      maxReceives: Number(redrive?.['maxReceiveCount'] ?? 0),
      redriveSources: sourcesOf(allow),
      visibilitySeconds: Number(attributes.VisibilityTimeout ?? 0),
    };
  });
}

const parsed = (text: string | undefined): Readonly<Record<string, unknown>> | undefined =>
  text === undefined ? undefined : JSON.parse(text);

/** "SetQueueAttributes, RedriveAllowPolicy": by default all queues. */
function sourcesOf(allow: Readonly<Record<string, unknown>> | undefined): readonly string[] | undefined {
  switch (allow?.['redrivePermission']) {
    case 'denyAll':
      return [];
    case 'byQueue':
      return (allow['sourceQueueArns'] ?? []) as string[];
    default:
      return undefined;
  }
}

/** A queue that EventBridge fills, with the rules that have it as a target. */
export async function fedQueue(
  target: Target,
  url: string,
  undeliveredUrl: string,
  samples: readonly SampleEvent[],
): Promise<FedQueue> {
  const [queue, undelivered] = await Promise.all([
    queueFacts(target, url),
    queueFacts(target, undeliveredUrl),
  ]);
  const rules = isKnown(queue)
    ? await lookUp(() => rulesTo(target, queue.value.arn, samples))
    : ({ absent: queue.absent, why: queue.why } as const);
  return { queue, undelivered, rules };
}

async function rulesTo(
  { events }: Target,
  queueArn: string,
  samples: readonly SampleEvent[],
): Promise<RuleFacts[]> {
  const { RuleNames = [] } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn: queueArn }));
  return Promise.all(
    RuleNames.map(async (name) => {
      const [rule, { Targets = [] }] = await Promise.all([
        events.send(new DescribeRuleCommand({ Name: name })),
        events.send(new ListTargetsByRuleCommand({ Rule: name })),
      ]);
      const found = Targets.find(({ Arn }) => Arn === queueArn);
      const pattern = rule.EventPattern ?? '{}';
      const missed = new Set<string>();
      for (const sample of samples)
        if (!(await matches(events, pattern, queueArn, sample))) missed.add(sample.type);
      return {
        name,
        arn: rule.Arn ?? '',
        enabled: rule.State !== 'DISABLED',
        pattern,
        missed: [...missed],
        deadLetterArn: found?.DeadLetterConfig?.Arn,
        transforms: [found?.Input, found?.InputPath, found?.InputTransformer].some(
          (each) => each !== undefined,
        ),
      };
    }),
  );
}

/** EventBridge itself says whether a pattern matches: no copy of its rules can be as right. */
async function matches(
  events: Target['events'],
  EventPattern: string,
  queueArn: string,
  { source, type, detail }: SampleEvent,
): Promise<boolean> {
  const [, , , region, account] = queueArn.split(':');
  const Event = JSON.stringify({
    version: '0',
    id: '00000000-0000-0000-0000-000000000000',
    'detail-type': type,
    source,
    account,
    time: new Date().toISOString(),
    region,
    resources: [],
    detail,
  });
  return (await events.send(new TestEventPatternCommand({ EventPattern, Event }))).Result ?? false;
}
