import { setTimeout as pause } from 'node:timers/promises';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { liveAlias } from '../../../domain/environment.ts';
import { stages } from '../../../domain/stage.ts';
import { queueDepth } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { count } from '../../terminal/terminal.ts';

const POLL_ON_AWS_MS = 2000;
const POLL_MS = 100;
/**
 * How long the queues must stay empty. SQS's counts are right a minute after the last change at the latest
 * ("Amazon SQS API Reference: GetQueueAttributes"); the local cloud's are always right.
 */
const QUIET_ON_AWS_MS = 60_000;
const QUIET_MS = 400;

/**
 * Waits until no function works any more on what it received before this call: until the queues are empty,
 * or, if others keep them busy, until every invocation that had begun has timed out.
 */
export async function untilQuiet(
  target: Target,
  signal: AbortSignal,
  onWait: (text: string) => void,
): Promise<void> {
  const end = Date.now() + (await longestTimeout(target));
  const isOnAws = target.control === undefined;
  const enough = isOnAws ? QUIET_ON_AWS_MS : QUIET_MS;
  let since = Date.now();
  for (;;) {
    signal.throwIfAborted();
    const depths = await Promise.all(stages.map((stage) => queueDepth(target, target.outputs.queues[stage])));
    const messages = depths.reduce((sum, { waiting, inFlight }) => sum + waiting + inFlight, 0);
    const now = Date.now();
    if (messages > 0) since = now;
    if (now - since >= enough || now > end) return;
    onWait(
      `Waiting until no function works on it${messages > 0 ? `: ${count(messages, 'message')} in the queues` : ''}`,
    );
    await pause(isOnAws ? POLL_ON_AWS_MS : POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/** Of all stages' functions, in milliseconds. */
async function longestTimeout({ lambda, outputs }: Target): Promise<number> {
  const timeouts = await Promise.all(
    stages.map(async (stage) => {
      const FunctionName = outputs.functions[stage];
      const command = new GetFunctionConfigurationCommand({ FunctionName, Qualifier: liveAlias });
      return (await lambda.send(command)).Timeout ?? 0;
    }),
  );
  return Math.max(...timeouts) * 1000;
}
