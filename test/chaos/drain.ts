import { setTimeout as wait } from 'node:timers/promises';
import { GetQueueAttributesCommand, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import type { Target } from '../../cli/target/target.ts';
import { stages } from '../../domain/stage.ts';
import { persist } from './load.ts';

const POLL_MS = 500;
/**
 * Empty for so long, all queues count as drained: what a function has just written becomes a message
 * meanwhile.
 */
const QUIET_MS = 3000;
const LIMIT_MS = 15 * 60_000;

/** How many messages wait or are being worked on, in front of all stages. */
export async function backlog({ sqs, outputs }: Target): Promise<number> {
  const depths = await Promise.all(stages.map((stage) => depth({ sqs }, outputs.queues[stage])));
  return depths.reduce((sum, each) => sum + each, 0);
}

/**
 * Waits until nothing is on its way, and sends what was given up where it came from, until nothing is given
 * up.
 */
export async function drain(target: Target): Promise<{ readonly redriven: number }> {
  const end = Date.now() + LIMIT_MS;
  let redriven = 0;
  for (;;) {
    await untilQuiet(target, end);
    const dead = await Promise.all(
      stages.map(async (stage) => ({
        url: target.outputs.deadLetterQueues[stage],
        messages: await depth(target, target.outputs.deadLetterQueues[stage]),
      })),
    );
    const full = dead.filter(({ messages }) => messages > 0);
    if (full.length === 0) return { redriven };
    for (const { url, messages } of full) {
      redriven += messages;
      const SourceArn = await arnOf(target, url);
      await persist(() => target.sqs.send(new StartMessageMoveTaskCommand({ SourceArn })));
    }
    await wait(QUIET_MS);
  }
}

async function untilQuiet(target: Target, end: number): Promise<void> {
  let quietSince = Date.now();
  while (Date.now() - quietSince < QUIET_MS) {
    if (Date.now() > end) throw new Error('Messages are still on their way after fifteen minutes.');
    if ((await persist(() => backlog(target))) > 0) quietSince = Date.now();
    await wait(POLL_MS);
  }
}

async function depth({ sqs }: Pick<Target, 'sqs'>, QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesDelayed',
        'ApproximateNumberOfMessagesNotVisible',
      ],
    }),
  );
  return Object.values(Attributes).reduce((sum, each) => sum + Number(each), 0);
}

async function arnOf({ sqs }: Target, QueueUrl: string): Promise<string> {
  const { Attributes } = await persist(() =>
    sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] })),
  );
  return Attributes?.QueueArn ?? '';
}
