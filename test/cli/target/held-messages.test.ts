import type { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { HeldMessages } from '../../../cli/target/held-messages.ts';
import type { Target } from '../../../cli/target/target.ts';

test.each([
  ['AWS, all servers of a queue are asked', undefined, 1],
  ['the local cloud, no look waits for another server', {} as NonNullable<Target['control']>, 0],
])('on %s', async (_, control, WaitTimeSeconds) => {
  const asked: unknown[] = [];
  const send = async ({ input }: ReceiveMessageCommand) => {
    asked.push(input);
    return {};
  };
  const held = new HeldMessages({ sqs: { send } as unknown as SQSClient, control }, 'a queue');
  expect(await held.receiveAll(new AbortController().signal)).toEqual([]);
  await held.release();
  expect(asked).toMatchObject([{ QueueUrl: 'a queue', WaitTimeSeconds }]);
});
