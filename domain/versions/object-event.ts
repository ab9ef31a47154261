import * as z from 'zod';
import { errorText } from '../errors.ts';
import { MAX_REVISION } from './revision.ts';

const objectIdentity = z.object({
  key: z.string().min(1),
  size: z.int().nonnegative().optional(),
  etag: z.string().optional(),
  'version-id': z.string().optional(),
  sequencer: z.string().regex(/^[0-9A-Fa-f]+$/),
});

const eventBridgeEvent = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.enum(['Object Created', 'Object Deleted']),
  time: z.string(),
  detail: z.object({
    bucket: z.object({ name: z.string() }),
    object: objectIdentity,
    reason: z.string(),
    'deletion-type': z.string().optional(),
    // The revision, under the name that it has had in messages from the beginning.
    edition: z.int().min(1).max(MAX_REVISION).optional(),
    'handed-over': z.int().nonnegative().optional(),
    segment: z.int().nonnegative().optional(),
  }),
});

/** What happened to one version of one object. */
export interface ObjectEvent {
  readonly type: 'created' | 'deleted';
  readonly bucket: string;
  /** The key as it is: EventBridge does not URL-encode it. */
  readonly key: string;
  /** The text `null` if the bucket keeps no versions. */
  readonly versionId: string;
  /** Not from S3. Above 0 if the deployed code is to reprocess a version, replacing its earlier revision. */
  readonly revision: number;
  /** Not from S3. Which segment is to be outlined, while somebody else extracts the object. */
  readonly segment?: number;
  readonly sequencer: string;
  /** Bytes; absent in a deletion. */
  readonly size: number | undefined;
  /** For a deletion: whether a version was deleted for good, rather than hidden under a delete marker. */
  readonly permanent: boolean;
  /** The cause, e.g. `PutObject`, `DeleteObject`, `Lifecycle Expiration`. */
  readonly reason: string;
  /**
   * Not from S3. Of a continuation: when the rest of the extraction was handed to it, as the ledger entry has
   * it. Milliseconds since the epoch.
   */
  readonly handedOver?: number | undefined;
  /** When S3 says it happened, ISO 8601. */
  readonly time: string;
}

/**
 * Reads the body of a queue message: an event as EventBridge delivers it for S3 (Amazon S3 User Guide,
 * "EventBridge event message structure").
 *
 * @throws {Error} that says what is wrong, if it is anything else
 */
export function parseObjectEvent(body: string): ObjectEvent {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw new Error(`The message is not JSON: ${errorText(error)}`);
  }
  const result = eventBridgeEvent.safeParse(json);
  if (!result.success) throw new Error(`The message is not an S3 event: ${z.prettifyError(result.error)}`);
  const { detail, time, 'detail-type': type } = result.data;
  return {
    type: type === 'Object Created' ? 'created' : 'deleted',
    bucket: detail.bucket.name,
    key: detail.object.key,
    versionId: detail.object['version-id'] ?? 'null',
    revision: detail.edition ?? 0,
    ...(detail.segment !== undefined && { segment: detail.segment }),
    sequencer: detail.object.sequencer,
    size: detail.object.size,
    permanent: detail['deletion-type'] === 'Permanently Deleted',
    reason: detail.reason,
    ...(detail['handed-over'] !== undefined && { handedOver: detail['handed-over'] }),
    time,
  };
}

/** What keys of directory markers end with: those of consoles and of Hadoop, and those of s3n and EMR. */
const MARKER = /(?:\/|_\$folder\$)$/;

/** Whether a directory marker may have this key. */
export function mayBeMarker(key: string): boolean {
  return MARKER.test(key);
}

/**
 * Whether an object is a directory marker: an empty object by which a console or Hadoop shows a folder that
 * has no files. It has no records, and no fault either.
 */
export function isDirectoryMarker({ key, size }: Pick<ObjectEvent, 'key' | 'size'>): boolean {
  return size === 0 && mayBeMarker(key);
}

/** The event of a message; `undefined` if the message is no event of S3. */
export function findObjectEvent(body: string): ObjectEvent | undefined {
  try {
    return parseObjectEvent(body);
  } catch {
    return undefined;
  }
}
