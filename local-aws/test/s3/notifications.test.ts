import { expect, test } from 'vitest';
import type { S3Event } from '../../s3/storage/events.ts';
import type { QueueNotification } from '../../s3/storage/model.ts';
import { tellOf } from '../../s3/storage/notifications.ts';

const notifications: readonly QueueNotification[] = [
  { queueArn: 'arn:aws:sqs:us-east-1:1:tables', events: ['s3:ObjectCreated:*'], prefix: 'a/table/' },
  { queueArn: 'arn:aws:sqs:us-east-1:1:images', events: ['s3:ObjectRemoved:*'], suffix: '.png' },
];

function eventOf(key: string, reason: string): S3Event {
  const detail = { bucket: { name: 'b' }, object: { key, sequencer: '1' }, reason };
  return { 'detail-type': 'Object Created', detail } as unknown as S3Event;
}

test.each([
  ['PutObject', 'a/table/day=1/x.csv', ['tables']],
  ['PutObject', 'a/data/x.csv', []],
  ['PutObject', 'b/a/table/x.csv', []],
  ['DeleteObject', 'a/table/x.csv', []],
  ['DeleteObject', 'a/table/x.png', ['images']],
  ['PutObject', 'x.png', []],
])(
  '%s of %s notifies the queues whose events, prefix and suffix it has: %j',
  async (reason, key, expected) => {
    const told: string[] = [];
    const tell = tellOf(
      [{ name: 'b', notifications }],
      {
        queue: (name: string) => ({ send: async () => void told.push(name) }),
      } as unknown as Parameters<typeof tellOf>[1],
      { wants: () => false, publish: async () => {} },
    );
    const event = eventOf(key, reason);
    expect(tell.wants?.(event)).toBe(expected.length > 0);
    await tell.publish(event);
    expect(told).toEqual(expected);
  },
);
