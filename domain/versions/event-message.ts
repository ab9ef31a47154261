import { randomUUID } from 'node:crypto';
import type { SyntheticEvent } from '../operations/sweep.ts';

/** The reason for an event that S3 did not send. */
export type Reason = 'Sweep' | 'Replay' | 'Backfill' | 'Continuation';

/**
 * An event as EventBridge would deliver it, plus the revision in the field `edition`, the time of a hand-over
 * and the `segment`, which S3's events do not have.
 */
export function toQueueMessage(
  bucket: string,
  { type, key, versionId, revision, sequencer, size, permanent, handedOver, segment }: SyntheticEvent,
  reason: Reason,
  now = Date.now(),
): string {
  const event = {
    version: '0',
    id: randomUUID(),
    'detail-type': type === 'created' ? 'Object Created' : 'Object Deleted',
    source: 'aws.s3',
    time: new Date(now).toISOString(),
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: {
        key,
        ...(size !== undefined && { size }),
        ...(versionId !== 'null' && { 'version-id': versionId }),
        sequencer,
      },
      reason,
      ...(type === 'deleted' && {
        'deletion-type': permanent ? 'Permanently Deleted' : 'Delete Marker Created',
      }),
      ...(revision > 0 && { edition: revision }),
      ...(handedOver !== undefined && { 'handed-over': handedOver }),
      ...(segment !== undefined && { segment }),
    },
  };
  // SQS does not accept these two characters unescaped (API Reference, SendMessage).
  return JSON.stringify(event).replace(/[\ufffe\uffff]/g, (character) =>
    character === '\ufffe' ? '\\ufffe' : '\\uffff',
  );
}
