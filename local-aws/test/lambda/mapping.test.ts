import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPolicyEngine } from '../../iam/policy-engine.ts';
import {
  EventSourceMapping,
  failedItems,
  type InvocationResult,
  type MappingSettings,
} from '../../lambda/mapping.ts';
import { checkRoles } from '../../lambda/roles.ts';
import type { ReceivedMessage } from '../../sqs/sqs.ts';
import { VirtualClock } from '../virtual-clock.ts';

const settings: MappingSettings = {
  uuid: 'm',
  functionArn: 'arn:aws:lambda:eu-west-1:000000000000:function:f',
  queueArn: 'arn:aws:sqs:eu-west-1:000000000000:q',
  batchSize: 10,
  maximumBatchingWindowSeconds: 0,
  reportBatchItemFailures: true,
  enabled: true,
};

const message = (id: string, body = id): ReceivedMessage => ({
  messageId: id,
  receiptHandle: `handle-${id}`,
  body,
  md5OfBody: 'md5',
  attributes: { ApproximateReceiveCount: '1' },
  messageAttributes: {},
});

/** A mapping over a queue that hands out each message once, and a function that the test answers for. */
function rig(
  changes: Partial<MappingSettings>,
  answer: (ids: string[]) => Promise<InvocationResult> | InvocationResult,
) {
  const clock = new VirtualClock(0);
  const waiting: ReceivedMessage[] = [];
  const deleted: string[] = [];
  const errors: string[] = [];
  const batches: { at: number; ids: string[]; payload: string }[] = [];
  const receives: { at: number; max: number }[] = [];
  let wake = () => {};
  const mapping = new EventSourceMapping(
    { ...settings, ...changes },
    {
      clock,
      onError: (reason) => errors.push(reason),
      queue: {
        async receive(max, waitSeconds, signal) {
          receives.push({ at: clock.now(), max });
          if (waiting.length === 0 && !signal.aborted) {
            await new Promise<void>((resolve) => {
              wake = resolve;
              clock.schedule(waitSeconds * 1000, resolve);
              signal.addEventListener('abort', () => resolve());
            });
          }
          return signal.aborted ? [] : waiting.splice(0, max);
        },
        async delete(handles) {
          expect(handles.length).toBeLessThanOrEqual(10);
          deleted.push(...handles.map((handle) => handle.replace('handle-', '')));
        },
      },
      invoke: async (payload) => {
        const ids = JSON.parse(payload).Records.map((record: { messageId: string }) => record.messageId);
        batches.push({ at: clock.now(), ids, payload });
        return answer(ids);
      },
    },
  );
  const send = (...messages: ReceivedMessage[]) => {
    waiting.push(...messages);
    wake();
  };
  return { mapping, clock, send, deleted, errors, batches, receives };
}

const nothingFailed = () => ({ payload: '{"batchItemFailures":[]}' });
const numbered = (count: number) => Array.from({ length: count }, (_, index) => message(`m${index}`));

describe('an event source mapping', () => {
  test('passes one receive’s messages on in Lambda’s format, and deletes them after success', async () => {
    const { mapping, clock, send, batches, deleted } = rig({}, nothingFailed);
    mapping.enable();
    send({
      ...message('a', '{"x":1}'),
      md5OfMessageAttributes: 'md5a',
      messageAttributes: { kind: { dataType: 'String', stringValue: 'test' } },
    });
    await clock.advance(0);
    expect(JSON.parse(batches[0]?.payload ?? '')).toEqual({
      Records: [
        {
          messageId: 'a',
          receiptHandle: 'handle-a',
          body: '{"x":1}',
          attributes: { ApproximateReceiveCount: '1' },
          messageAttributes: {
            kind: { dataType: 'String', stringValue: 'test', stringListValues: [], binaryListValues: [] },
          },
          md5OfMessageAttributes: 'md5a',
          md5OfBody: 'md5',
          eventSource: 'aws:sqs',
          eventSourceARN: 'arn:aws:sqs:eu-west-1:000000000000:q',
          awsRegion: 'eu-west-1',
        },
      ],
    });
    expect(deleted).toEqual(['a']);
  });

  test('never exceeds the batch size', async () => {
    const { mapping, clock, send, batches } = rig({ batchSize: 3 }, nothingFailed);
    send(...numbered(8));
    mapping.enable();
    await clock.advance(0);
    expect(batches.map(({ ids }) => ids.length)).toEqual([3, 3, 2]);
  });

  test('collects over the batching window, counted from the first message, until the batch is full', async () => {
    const { mapping, clock, send, batches } = rig(
      { batchSize: 25, maximumBatchingWindowSeconds: 5 },
      nothingFailed,
    );
    mapping.enable();
    await clock.advance(1000);
    send(message('a'));
    await clock.advance(4000);
    send(message('b'));
    await clock.advance(900);
    expect(batches).toEqual([]);
    await clock.advance(100);
    expect(batches).toMatchObject([{ at: 6000, ids: ['a', 'b'] }]);
    send(...numbered(25));
    await clock.advance(0);
    expect(batches[1]).toMatchObject({ at: 6000, ids: { length: 25 } });
  });

  test('closes a batch before its payload exceeds 6 MB and loses nothing', async () => {
    const { mapping, clock, send, batches, deleted } = rig({ maximumConcurrency: 2 }, nothingFailed);
    const large = numbered(10).map(({ messageId }) => message(messageId, 'é'.repeat(500_000)));
    send(...large);
    mapping.enable();
    await clock.advance(0);
    expect(batches.map(({ ids }) => ids.length)).toEqual([6, 4]);
    for (const { payload } of batches)
      expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(6 * 1024 * 1024);
    expect(deleted).toEqual(large.map(({ messageId }) => messageId));
  });

  test('never runs more concurrent invocations than its maximum concurrency', async () => {
    let running = 0;
    let most = 0;
    const { mapping, clock, send, batches } = rig({ batchSize: 1, maximumConcurrency: 3 }, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => clock.schedule(1000, resolve));
      running -= 1;
      return nothingFailed();
    });
    send(...numbered(10));
    mapping.enable();
    await clock.advance(10_000);
    expect(most).toBe(3);
    expect(batches).toHaveLength(10);
  });

  test('acknowledges the good messages and leaves the reported one to its visibility timeout', async () => {
    const { mapping, clock, send, deleted, errors } = rig({}, () => ({
      payload: '{"batchItemFailures":[{"itemIdentifier":"m1"}]}',
    }));
    send(...numbered(3));
    mapping.enable();
    await clock.advance(0);
    expect(deleted).toEqual(['m0', 'm2']);
    expect(errors).toEqual([]);
  });

  test.each([
    ['the function throws', { payload: '{"errorType":"Error"}', functionError: 'Unhandled' } as const],
    ['the response is malformed', { payload: '"ok"' }],
    ['the response names an unknown message', { payload: '{"batchItemFailures":[{"itemIdentifier":"m9"}]}' }],
  ])('deletes nothing when %s', async (_, result) => {
    const { mapping, clock, send, deleted, errors } = rig({}, () => result);
    send(...numbered(3));
    mapping.enable();
    await clock.advance(0);
    expect(deleted).toEqual([]);
    expect(errors).toEqual([expect.stringContaining('A batch of 3 failed')]);
  });

  test('ignores the response unless partial batch responses are enabled', async () => {
    const { mapping, clock, send, deleted } = rig({ reportBatchItemFailures: false }, () => ({
      payload: '"whatever"',
    }));
    send(message('a'));
    mapping.enable();
    await clock.advance(0);
    expect(deleted).toEqual(['a']);
  });

  test('waits longer after each failure in a row, and not at all after a success', async () => {
    let broken = true;
    const { mapping, clock, send, batches } = rig({ batchSize: 1, maximumConcurrency: 2 }, async () => {
      if (broken) throw new Error('TooManyRequestsException');
      return nothingFailed();
    });
    mapping.enable();
    send(...numbered(6));
    await clock.advance(1000);
    const early = batches.length;
    expect(early).toBeLessThan(5);
    await clock.advance(60_000);
    expect(batches).toHaveLength(6);
    const gaps = batches.slice(1).map(({ at }, index) => at - (batches[index]?.at ?? 0));
    expect(gaps.slice(2)).toEqual([...gaps.slice(2)].sort((one, other) => one - other));
    broken = false;
    send(message('good'));
    await clock.advance(60_000);
    const before = clock.now();
    send(message('better'), message('best'));
    await clock.advance(0);
    expect(batches.slice(-2).map(({ at }) => at)).toEqual([before, before]);
  });

  test('continues after the queue could not be reached', async () => {
    const clock = new VirtualClock(0);
    let calls = 0;
    const errors: string[] = [];
    const mapping = new EventSourceMapping(settings, {
      clock,
      onError: (reason) => errors.push(reason),
      invoke: async () => nothingFailed(),
      queue: {
        receive: async (_max, wait) => {
          calls += 1;
          if (calls < 4) throw new Error('away');
          await new Promise<void>((resolve) => clock.schedule(wait * 1000, resolve));
          return [];
        },
        delete: async () => {},
      },
    });
    mapping.enable();
    await clock.advance(10_000);
    expect(calls).toBe(4);
    expect(errors).toHaveLength(3);
  });

  test('lets running invocations finish and receives no more messages when it is disabled', async () => {
    const { mapping, clock, send, deleted, receives } = rig({}, async () => {
      await new Promise<void>((resolve) => clock.schedule(3000, resolve));
      return nothingFailed();
    });
    mapping.enable();
    send(message('a'));
    await clock.advance(1000);
    const disabled = mapping.disable(10_000);
    expect(mapping.state).toBe('Disabling');
    const polls = receives.length;
    send(message('b'));
    await clock.advance(2000);
    expect(await disabled).toBe(0);
    expect(deleted).toEqual(['a']);
    expect(receives).toHaveLength(polls);
    expect(mapping.state).toBe('Disabled');
    mapping.enable();
    await clock.advance(3000);
    expect(deleted).toEqual(['a', 'b']);
  });

  test('waits no longer than the limit when it is disabled, and returns the number of running invocations', async () => {
    const { mapping, clock, send } = rig({}, () => new Promise<InvocationResult>(() => {}));
    mapping.enable();
    send(message('a'));
    await clock.advance(0);
    const disabled = mapping.disable(5000);
    await clock.advance(5000);
    expect(await disabled).toBe(1);
  });
});

describe('a partial batch response', () => {
  const known = new Set(['a', 'b']);

  // "Handling errors for an SQS event source in Lambda": success and failure conditions
  test.each(['', 'null', '{}', '{"batchItemFailures":[]}', '{"batchItemFailures":null}'])(
    '%j is success',
    (payload) => {
      expect(failedItems(payload, known)).toEqual(new Set());
    },
  );

  test.each([
    'not json',
    '"ok"',
    '[]',
    '42',
    '{"batchItemFailure":[]}',
    '{"batchItemFailures":"a"}',
    '{"batchItemFailures":["a"]}',
    '{"batchItemFailures":[{"itemIdentifier":""}]}',
    '{"batchItemFailures":[{"itemIdentifier":null}]}',
    '{"batchItemFailures":[{"messageId":"a"}]}',
    '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}',
  ])('%s fails the whole batch', (payload) => {
    expect(() => failedItems(payload, known)).toThrow();
  });

  test('names exactly the messages that it lists, whatever the response', () => {
    fc.assert(
      fc.property(fc.json(), (payload) => {
        let failed: ReadonlySet<string>;
        try {
          failed = failedItems(payload, known);
        } catch {
          return;
        }
        expect([...failed].every((id) => known.has(id))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.subarray(['a', 'b']), (ids) => {
        const payload = JSON.stringify({
          batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
        });
        expect(failedItems(payload, known)).toEqual(new Set(ids));
      }),
    );
  });
});

describe('a role', () => {
  const role = 'arn:aws:iam::000000000000:role/worker';
  const polls = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
  const check = (trusted: string, actions: string[], inNetwork = false) => {
    const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: statement });
    const { authorize } = createPolicyEngine({
      roles: [
        {
          arn: role,
          policies: [
            {
              name: 'p',
              document: document({
                Effect: 'Allow',
                Action: actions,
                Resource: inNetwork ? '*' : settings.queueArn,
              }),
            },
          ],
        },
      ],
      resourcePolicies: new Map([
        [role, document({ Effect: 'Allow', Principal: { Service: trusted }, Action: 'sts:AssumeRole' })],
      ]),
    });
    return checkRoles(authorize, [{ arn: settings.functionArn, roleArn: role, inNetwork }], [settings]);
  };

  test('that Lambda may assume and that may poll the queue is accepted for a mapping', async () => {
    await check('lambda.amazonaws.com', polls);
  });

  test('that Lambda may not assume is refused', async () => {
    await expect(check('ec2.amazonaws.com', polls)).rejects.toThrow(
      'not authorized to perform: sts:AssumeRole',
    );
  });

  test.each(polls)('that lacks %s is refused', async (lacking) => {
    const others = polls.filter((action) => action !== lacking);
    await expect(check('lambda.amazonaws.com', others)).rejects.toThrow(
      `not authorized to perform: ${lacking}`,
    );
  });

  const interfaces = ['Create', 'Delete']
    .map((verb) => `ec2:${verb}NetworkInterface`)
    .concat([
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ]);

  test('that may create network interfaces is accepted for a function in a VPC', async () => {
    await check('lambda.amazonaws.com', [...polls, ...interfaces], true);
  });

  test.each(interfaces)('of a function in a VPC that lacks %s is refused', async (lacking) => {
    const others = interfaces.filter((action) => action !== lacking);
    await expect(check('lambda.amazonaws.com', [...polls, ...others], true)).rejects.toThrow(
      `not authorized to perform: ${lacking}`,
    );
  });
});
