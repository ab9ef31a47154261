import type { MappedQueue } from '../../../local-aws/lambda/mapping.ts';
import type { S3Event } from '../../../local-aws/s3/storage/events.ts';
import type { QueuePort } from '../../../local-aws/sqs/sqs.ts';
import type { Network, Party } from '../network.ts';

/** More than one poll may take; a queue wakes its receivers, so that waiting longer only saves steps. */
const pollSeconds = 6 * 3600;

/**
 * An event as S3 would have it. Sequencers differ in length: S3 pads the shorter of two with zeros on the
 * right before it compares them. Of what a lifecycle rule deletes, S3 says so.
 */
export function asS3Tells(event: S3Event, expired: ReadonlySet<string>): S3Event {
  const { object } = event.detail;
  const sequencer = object.sequencer.replace(/0+$/, '');
  const isExpired = event['detail-type'] === 'Object Deleted' && expired.has(object['version-id'] ?? '');
  const reason = isExpired ? 'Lifecycle Expiration' : event.detail.reason;
  return { ...event, detail: { ...event.detail, reason, object: { ...object, sequencer } } };
}

/**
 * A queue as a poller on the network sees it: what it receives may be lost, and what it deletes may come
 * back.
 */
export function polled(queue: QueuePort, network: Network): MappedQueue {
  const poller: Party = { name: 'poller', alive: true };
  let copies: Awaited<ReturnType<QueuePort['receive']>> = [];
  return {
    async receive(max, _waitSeconds, signal) {
      // The same: one that is being worked on may be handed out once more.
      if (copies.length > 0) return copies.splice(0, max);
      const received = await queue.receive(max, pollSeconds, signal);
      if (received.length > 0 && network.happens('loseAnswer')) {
        network.note(`${queue.settings.name}: ${received.length} messages received, answer lost`);
        throw new Error('The answer was lost.');
      }
      copies = received.filter(() => network.happens('duplicate'));
      return received;
    },
    async delete(handles) {
      // "At-least-once delivery": a server that was away at the deletion may hand out the message again.
      const heard = handles.filter(() => !network.happens('duplicate'));
      await network.call(poller, `delete ${handles.length} from ${queue.settings.name}`, () =>
        heard.length > 0 ? queue.delete(heard) : undefined,
      );
    },
  };
}
