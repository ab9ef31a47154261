import type { Caller } from '../../core/call.ts';
import type { Events } from '../../events/events.ts';
import type { Sqs } from '../../sqs/sqs.ts';
import type { S3Event } from './events.ts';
import type { QueueNotification } from './model.ts';
import type { StoreOptions } from './store.ts';

const names: Readonly<Record<string, string>> = {
  PutObject: 'ObjectCreated:Put',
  CopyObject: 'ObjectCreated:Copy',
  CompleteMultipartUpload: 'ObjectCreated:CompleteMultipartUpload',
};

/** Publishes a bucket's events to the queues that it notifies, and to EventBridge. */
export function tellOf(
  buckets: readonly { readonly name: string; readonly notifications: readonly QueueNotification[] }[],
  sqs: Pick<Sqs, 'queue'>,
  events: Pick<Events, 'wants' | 'publish'>,
): Pick<StoreOptions, 'wants' | 'publish'> {
  const byBucket = new Map(buckets.map(({ name, notifications }) => [name, notifications]));
  const notificationsOf = ({ detail }: S3Event) => byBucket.get(detail.bucket.name) ?? [];
  return {
    wants: (event) =>
      events.wants(event) || notificationsOf(event).some((notification) => applies(notification, event)),
    async publish(event) {
      await notifyQueues(event, notificationsOf(event), sqs);
      await events.publish(event);
    },
  };
}

/**
 * Sends an event to the queues that its bucket notifies, as S3 does in addition to EventBridge. Resolves when
 * they have accepted it.
 */
export async function notifyQueues(
  event: S3Event,
  notifications: readonly QueueNotification[],
  sqs: Pick<Sqs, 'queue'>,
): Promise<void> {
  const name = eventName(event);
  const caller: Caller = {
    kind: 'service',
    principal: 's3.amazonaws.com',
    sourceArn: `arn:aws:s3:::${event.detail.bucket.name}`,
  };
  for (const notification of notifications) {
    if (!applies(notification, event)) continue;
    const { queueArn } = notification;
    const body = JSON.stringify({ Records: [notificationRecord(event, name)] });
    await sqs.queue(queueArn.split(':').at(-1) ?? '', caller).send({ body, attributes: {} });
  }
}

/** "Amazon S3 User Guide: Configuring event notifications using object key name filtering". */
function applies({ events, prefix = '', suffix = '' }: QueueNotification, event: S3Event): boolean {
  const { key } = event.detail.object;
  const name = eventName(event);
  return key.startsWith(prefix) && key.endsWith(suffix) && events.some((wanted) => matches(wanted, name));
}

function eventName({ detail }: S3Event): string {
  const { reason } = detail;
  if (reason === 'DeleteObject')
    return detail['deletion-type'] === 'Delete Marker Created'
      ? 'ObjectRemoved:DeleteMarkerCreated'
      : 'ObjectRemoved:Delete';
  return names[reason] ?? 'ObjectCreated:Put';
}

function matches(wanted: string, name: string): boolean {
  const pattern = wanted.replace(/^s3:/, '');
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/**
 * "Amazon S3 User Guide: Event message structure". Unlike in EventBridge's events, the key is URL-encoded.
 */
function notificationRecord(event: S3Event, eventName: string): object {
  const { bucket, object } = event.detail;
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: event.region,
    eventTime: event.time,
    eventName,
    s3: {
      s3SchemaVersion: '1.0',
      bucket: { name: bucket.name, arn: `arn:aws:s3:::${bucket.name}` },
      object: {
        key: encodeURIComponent(object.key).replaceAll('%20', '+').replaceAll('%2F', '/'),
        size: object.size,
        eTag: object.etag,
        versionId: object['version-id'],
        sequencer: object.sequencer,
      },
    },
  };
}
