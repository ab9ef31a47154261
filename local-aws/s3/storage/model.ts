import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from './checksum.ts';

export interface BucketSettings {
  readonly name: string;
  /** Missing if versioning was never enabled. */
  readonly versioning?: 'Enabled' | 'Suspended' | undefined;
  /** Whether the bucket's events go to EventBridge. */
  readonly eventBridge: boolean;
  /** Queues that S3 itself notifies. */
  readonly notifications?: readonly QueueNotification[];
  /** The KMS key that encrypts objects; without it, S3's own key does. */
  readonly keyArn?: string | undefined;
}

/** A queue that a bucket notifies, with events by S3's own names: `s3:ObjectCreated:*`. */
export interface QueueNotification {
  readonly id?: string | undefined;
  readonly queueArn: string;
  readonly events: readonly string[];
  /** Only of keys that begin with it. */
  readonly prefix?: string | undefined;
  /** Only of keys that end with it. */
  readonly suffix?: string | undefined;
}

/** A run of an object's bytes: a whole blob. An object consists of its slices in order. */
export interface Slice {
  readonly blob: string;
  readonly size: number;
}

export interface StoredObject {
  readonly marker: false;
  readonly versionId: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly slices: readonly Slice[];
  /** Created by a multipart upload, so its slices are parts that can be read by number. */
  readonly multipart: boolean;
  /** `content-type`, `cache-control`, …, `x-amz-meta-*`: returned unchanged. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum?: StoredChecksum | undefined;
  /** Missing for the standard class. */
  readonly storageClass?: string | undefined;
  /** When the restored copy of an archived object expires, in milliseconds since the epoch. */
  readonly restoredUntil?: number | undefined;
  /** The upload that created it, which may be completed again: see `completed`. */
  readonly uploadId?: string | undefined;
}

export interface DeleteMarker {
  readonly marker: true;
  readonly versionId: string;
  readonly lastModified: number;
}

export type Version = StoredObject | DeleteMarker;

export interface Part {
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  readonly lastModified: number;
  readonly blob: string;
  readonly checksum?: string | undefined;
}

export interface Upload {
  readonly uploadId: string;
  readonly key: string;
  readonly initiated: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Missing for the standard class. */
  readonly storageClass?: string | undefined;
  readonly checksum?:
    | {
        readonly algorithm: ChecksumAlgorithm;
        readonly type: ChecksumType;
        /** The client requested no checksum, so parts need not have one. */
        readonly implicit?: true;
      }
    | undefined;
}

export type OpenUpload = Upload & { readonly parts: Map<number, Part> };

/** A set of headers that many objects have, by its number. */
export interface HeaderSet {
  readonly number: number;
  readonly headers: StoredObject['headers'];
}

/** A version as `Packing` packs it. */
export interface PackedVersion {
  readonly packed: string;
  /** The set of headers, if this is the first version with it. */
  readonly set?: HeaderSet;
}

/** Journal entries: applied in order to an empty bucket, changes rebuild the bucket. */
export type Change =
  /** As journals have it that were written until November 2026. */
  | {
      readonly type: 'put';
      readonly key: string;
      readonly version: Version;
      /** Journals of version 0.1 name the ended upload here; now the version names it. */
      readonly uploadId?: string;
    }
  | ({ readonly type: 'packed'; readonly key: string } & PackedVersion)
  | ({ readonly type: 'headers' } & HeaderSet)
  | { readonly type: 'remove'; readonly key: string; readonly versionId: string }
  | { readonly type: 'restore'; readonly key: string; readonly versionId: string; readonly until: number }
  | { readonly type: 'upload'; readonly upload: Upload }
  | { readonly type: 'part'; readonly uploadId: string; readonly part: Part }
  | { readonly type: 'abort'; readonly uploadId: string };

export type CreateReason = 'PutObject' | 'CopyObject' | 'CompleteMultipartUpload';

/** The object's details in an event. */
export interface EventDetail {
  readonly key: string;
  readonly versionId: string;
  readonly time: number;
  readonly sequencer: string;
  readonly etag?: string;
  readonly size?: number;
  readonly reason: CreateReason | 'DeleteObject';
  readonly deletionType?: 'Delete Marker Created' | 'Permanently Deleted';
}

/** A command's result. */
export interface CommandResult {
  readonly change: Change;
  readonly detail?: EventDetail;
  /** Blobs that are no longer referenced. */
  readonly garbage: readonly string[];
}

/** A command's external inputs, so that a replay with the same stamps has the same result. */
export interface Stamp {
  readonly now: number;
  /** The id of the version or upload that the command creates. */
  readonly id: string;
  readonly sequencer: string;
}

/**
 * The preconditions of a write ("Amazon S3 User Guide: How to prevent object overwrites with conditional
 * writes").
 */
export interface WriteCondition {
  readonly ifNoneMatch?: '*' | undefined;
  /** An ETag without quotes. */
  readonly ifMatch?: string | undefined;
}
