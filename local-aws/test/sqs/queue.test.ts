import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Message } from '../../sqs/message.ts';
import { inFlightLimit, Queue, type QueueSettings } from '../../sqs/queue.ts';
import { processorMs } from '../processor-time.ts';

const settings: QueueSettings = {
  name: 'orders',
  visibilityTimeoutSeconds: 30,
  messageRetentionSeconds: 3600,
  delaySeconds: 0,
  receiveWaitSeconds: 0,
  maximumMessageBytes: 1_048_576,
};

const message = (id: string, sentAt = 0, visibleAt = sentAt): Message => ({
  id,
  body: `body of ${id}`,
  attributes: {},
  traceHeader: null,
  senderId: 'test',
  sentAt,
  deadLetterSource: null,
  visibleAt,
  receiveCount: 0,
  firstReceivedAt: null,
  receivedAt: null,
});

function queueOf(ids: readonly string[], changes: Partial<QueueSettings> = {}): Queue {
  const queue = new Queue({ ...settings, ...changes });
  for (const id of ids) queue.put(message(id));
  return queue;
}

function receiveOne(queue: Queue, now: number, seconds = 30) {
  const [receipt] = queue.receive(1, seconds, now).received;
  if (!receipt) throw new Error('nothing to receive');
  return receipt;
}

describe('fairness', () => {
  const put = (queue: Queue, count: number, groupId: string | undefined, sentAt: number) => {
    for (let i = 0; i < count; i += 1)
      queue.put({ ...message(`${groupId} ${i}`, sentAt), ...(groupId !== undefined && { groupId }) });
  };
  const next = (queue: Queue, max: number, now: number) =>
    queue.receive(max, 30, now).received.map(({ message: { groupId } }) => groupId);

  test('a group with many messages in flight lets all others go first, in the order in which they came', () => {
    const queue = queueOf([]);
    put(queue, 100, 'bulk', 0);
    put(queue, 1, undefined, 2);
    put(queue, 1, 'other', 3);
    // It has not enough of them yet: the order is that of their arrival.
    expect(next(queue, 30, 4)).toEqual(Array(30).fill('bulk'));
    expect(next(queue, 3, 4)).toEqual([undefined, 'other', 'bulk']);
  });

  test('a group whose few messages take most of the time lets all others go first, until it has been quiet', () => {
    const queue = queueOf([]);
    put(queue, 10, 'bulk', 0);
    const [slow] = queue.receive(1, 1_000, 0).received;
    put(queue, 2, undefined, 1);
    expect(next(queue, 1, 20_000)).toEqual([undefined]);
    queue.remove(slow?.message.id ?? '');
    put(queue, 2, undefined, 20_001);
    queue.remove('undefined 0');
    queue.remove('undefined 1');
    put(queue, 2, undefined, 20_001);
    // The other one was in flight ever since, and the time of the group counts ever less.
    const [long] = queue.receive(1, 3_000, 20_001).received;
    expect(long?.message.groupId).toBeUndefined();
    expect(next(queue, 1, 600_000)).toEqual(['bulk']);
  });

  test('of several noisy groups the one with the fewest messages in flight goes first, and nothing is held back', () => {
    const queue = queueOf([]);
    put(queue, 60, 'a', 0);
    put(queue, 45, 'b', 1);
    expect(next(queue, 60, 2)).toEqual([...Array(30).fill('a'), ...Array(30).fill('b')]);
    expect(next(queue, 4, 2).toSorted()).toEqual(['a', 'a', 'b', 'b']);
    expect(next(queue, 100, 2)).toHaveLength(41);
  });
});

describe('visibility', () => {
  test('a received message is hidden until its visibility timeout has passed', () => {
    const queue = queueOf(['a']);
    expect(queue.receive(10, 30, 0).received).toHaveLength(1);
    expect(queue.receive(10, 30, 29_999).received).toHaveLength(0);
    expect(queue.receive(10, 30, 30_000).received[0]?.message.receiveCount).toBe(2);
  });

  test('messages are delivered in the order in which they became visible', () => {
    const queue = queueOf([]);
    for (const [id, visibleAt] of [
      ['late', 50],
      ['first', 10],
      ['second', 10],
    ] as const)
      queue.put(message(id, 0, visibleAt));
    expect(queue.receive(10, 30, 60).received.map((each) => each.message.id)).toEqual([
      'first',
      'second',
      'late',
    ]);
  });

  test('a delayed message counts as delayed and becomes visible on time', () => {
    const queue = queueOf([]);
    queue.put(message('a', 0, 5000));
    expect(queue.counts(4999)).toEqual({ visible: 0, delayed: 1, inFlight: 0 });
    expect(queue.counts(5000)).toEqual({ visible: 1, delayed: 0, inFlight: 0 });
  });

  test('the time of the first receive stays, the receive count grows', () => {
    const queue = queueOf(['a']);
    receiveOne(queue, 1000);
    const again = receiveOne(queue, 40_000).message;
    expect(again).toMatchObject({ firstReceivedAt: 1000, receiveCount: 2 });
  });

  test('no more than 120,000 messages are in flight', () => {
    const queue = queueOf(Array.from({ length: inFlightLimit + 1 }, (_, index) => `m${index}`));
    expect(queue.receive(inFlightLimit + 1, 30, 0).received).toHaveLength(inFlightLimit);
    expect(queue.receive(1, 30, 0).received).toHaveLength(0);
    expect(queue.counts(0)).toEqual({ visible: 1, delayed: 0, inFlight: inFlightLimit });
  });
});

describe('changing the visibility', () => {
  test('counts from now, and zero makes the message visible immediately', () => {
    const queue = queueOf(['a']);
    const { receiptHandle } = receiveOne(queue, 0);
    queue.changeVisibility(receiptHandle, 100, 10_000);
    expect(queue.counts(109_999).inFlight).toBe(1);
    queue.changeVisibility(receiptHandle, 0, 109_999);
    expect(queue.counts(109_999).visible).toBe(1);
  });

  test('is refused for a message that is not in flight', () => {
    const queue = queueOf(['a']);
    const { receiptHandle } = receiveOne(queue, 0);
    expect(() => queue.changeVisibility(receiptHandle, 10, 30_000)).toThrowError(
      expect.objectContaining({ code: 'MessageNotInflight' }),
    );
  });

  test('is refused beyond twelve hours after the receive', () => {
    const queue = queueOf(['a'], { messageRetentionSeconds: 1_209_600 });
    const { receiptHandle } = receiveOne(queue, 0, 43_200);
    queue.changeVisibility(receiptHandle, 43_100, 100_000);
    expect(() => queue.changeVisibility(receiptHandle, 43_101, 100_000)).toThrowError(
      expect.objectContaining({ code: 'InvalidParameterValue' }),
    );
  });

  test('is refused for an older receipt handle', () => {
    const queue = queueOf(['a']);
    const old = receiveOne(queue, 0).receiptHandle;
    receiveOne(queue, 30_000);
    expect(() => queue.changeVisibility(old, 10, 30_001)).toThrowError(
      expect.objectContaining({ code: 'InvalidParameterValue' }),
    );
  });
});

describe('deleting', () => {
  test('works with the newest handle even after the visibility timeout', () => {
    const queue = queueOf(['a']);
    expect(queue.deletable(receiveOne(queue, 0).receiptHandle)).toBe('a');
    queue.counts(31_000);
    expect(queue.deletable(receiveOne(queue, 31_000).receiptHandle)).toBe('a');
  });

  test('with an older handle deletes nothing', () => {
    const queue = queueOf(['a']);
    const old = receiveOne(queue, 0).receiptHandle;
    receiveOne(queue, 30_000);
    expect(queue.deletable(old)).toBeUndefined();
  });

  test('with the handle of a deleted message succeeds and deletes nothing', () => {
    const queue = queueOf(['a']);
    const { receiptHandle } = receiveOne(queue, 0);
    queue.remove('a');
    expect(queue.deletable(receiptHandle)).toBeUndefined();
  });

  test.each(['', 'nonsense', '!!', Buffer.from('other m 1').toString('base64')])(
    'refuses %j, which is no receipt handle of this queue',
    (handle) => {
      expect(() => queueOf(['a']).deletable(handle)).toThrowError(
        expect.objectContaining({ code: 'ReceiptHandleIsInvalid' }),
      );
    },
  );
});

describe('redrive and retention', () => {
  const redrive = { deadLetterQueue: 'orders-dlq', maxReceiveCount: 2 };

  test('a message goes to the DLQ instead of being received once more than allowed', () => {
    const queue = queueOf(['a', 'b'], { redrive });
    queue.receive(1, 0, 0);
    queue.receive(1, 0, 1);
    queue.receive(1, 0, 2);
    const { received, exhausted } = queue.receive(10, 30, 3);
    expect(exhausted.map(({ id }) => id).concat(received.map((each) => each.message.id))).toHaveLength(2);
    expect(exhausted.every(({ receiveCount }) => receiveCount === 2)).toBe(true);
    expect(queue.counts(3).inFlight).toBe(received.length);
  });

  test('retention counts from the first sending, also for in-flight messages', () => {
    const queue = queueOf([]);
    queue.put(message('old', 0, 500_000));
    queue.put(message('young', 1000, 500_000));
    receiveOne(queue, 500_000, 43_200);
    expect(queue.counts(3_600_000)).toEqual({ visible: 1, delayed: 0, inFlight: 0 });
    expect(queue.oldestSince(3_600_000)).toBe(1000);
    expect(queue.oldestSince(3_601_000)).toBeUndefined();
  });
});

test('ten times as many messages take about ten times the work: no receive scans them all', () => {
  const work = (count: number) => {
    const queue = queueOf(Array.from({ length: count }, (_, index) => `m${index}`));
    const took = processorMs(() => {
      for (let now = 0, deleted = 0; deleted < count; now += 1)
        for (const { receiptHandle } of queue.receive(10, 30, now).received) {
          queue.remove(queue.deletable(receiptHandle) ?? '');
          deleted += 1;
        }
    });
    expect(queue.receive(10, 30, 1e9).received).toEqual([]);
    return took;
  };
  const few = work(20_000);
  // A scan makes it a hundred times.
  expect(work(200_000) / few).toBeLessThan(35);
});

/** The same queue, as a list that is searched from end to end. */
class SlowQueue {
  messages: { id: string; sentAt: number; visibleAt: number; receiveCount: number; received: boolean }[] = [];
  sweep(now: number) {
    this.messages = this.messages.filter((each) => each.sentAt + 3_600_000 > now);
  }
  counts(now: number) {
    this.sweep(now);
    const hidden = this.messages.filter((each) => each.visibleAt > now);
    const inFlight = hidden.filter((each) => each.received).length;
    return { visible: this.messages.length - hidden.length, delayed: hidden.length - inFlight, inFlight };
  }
}

test('for any sequence of calls, it has the same messages and counts as a plain list', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('send' as const), delay: fc.nat(50_000) }),
    fc.record({ do: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 10 }) }),
    fc.record({ do: fc.constant('delete' as const), pick: fc.nat() }),
    fc.record({ do: fc.constant('hide' as const), pick: fc.nat(), seconds: fc.nat(100) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(600_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = queueOf([]);
      const model = new SlowQueue();
      const handles: { handle: string; id: string; receiveCount: number }[] = [];
      let now = 0;
      let sent = 0;
      for (const action of steps) {
        if (action.do === 'wait') now += action.ms;
        else if (action.do === 'send') {
          sent += 1;
          queue.put(message(`m${sent}`, now, now + action.delay));
          model.messages.push({
            id: `m${sent}`,
            sentAt: now,
            visibleAt: now + action.delay,
            receiveCount: 0,
            received: false,
          });
        } else if (action.do === 'receive') {
          const visible = model.counts(now).visible;
          const { received } = queue.receive(action.max, 30, now);
          expect(received).toHaveLength(Math.min(action.max, visible));
          for (const each of received) {
            const twin = model.messages.find(({ id }) => id === each.message.id);
            if (!twin || twin.visibleAt > now) throw new Error('handed out a message that is not visible');
            twin.receiveCount += 1;
            twin.received = true;
            twin.visibleAt = now + 30_000;
            handles.push({ handle: each.receiptHandle, id: twin.id, receiveCount: twin.receiveCount });
          }
        } else {
          const held = handles[action.pick % (handles.length || 1)];
          if (!held) continue;
          model.sweep(now);
          queue.counts(now);
          const twin = model.messages.find(({ id }) => id === held.id);
          const newest = twin?.receiveCount === held.receiveCount;
          if (action.do === 'delete') {
            expect(queue.deletable(held.handle)).toBe(newest ? held.id : undefined);
            if (!newest) continue;
            queue.remove(held.id);
            model.messages = model.messages.filter((each) => each !== twin);
          } else if (newest && twin.visibleAt > now) {
            queue.changeVisibility(held.handle, action.seconds, now);
            twin.visibleAt = now + action.seconds * 1000;
          } else expect(() => queue.changeVisibility(held.handle, action.seconds, now)).toThrow();
        }
        expect(queue.counts(now)).toEqual(model.counts(now));
      }
    }),
  );
});
