import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from './checksum.ts';

export interface BucketSettings {
  readonly name: string;
  /** Absent: versioning was never switched on. */
  readonly versioning?: 'Enabled' | 'Suspended' | undefined;
  /** Whether the bucket's events go to EventBridge. */
  readonly eventBridge: boolean;
  /** The KMS key that objects are encrypted under; absent, they are under S3's own. */
  readonly keyArn?: string | undefined;
}

/** A run of bytes of an object: a whole blob. An object is its slices in order. */
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
  /** Made by a multipart upload, so that its slices are parts that can be read by number. */
  readonly multipart: boolean;
  /** `content-type`, `cache-control`, …, `x-amz-meta-*`: sent back as they came. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum?: StoredChecksum | undefined;
  /** The upload that it was made of, which may be completed again: see `completed`. */
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
  readonly checksum?:
    | {
        readonly algorithm: ChecksumAlgorithm;
        readonly type: ChecksumType;
        /** Nobody asked for one, so parts need not bring it. */
        readonly implicit?: true;
      }
    | undefined;
}

export type OpenUpload = Upload & { readonly parts: Map<number, Part> };

/** What is written to the journal: applied in order to an empty bucket, changes make the bucket again. */
export type Change =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly version: Version;
      /** Where journals of 0.1 name the upload that ends; today the version does. */
      readonly uploadId?: string;
    }
  | { readonly type: 'remove'; readonly key: string; readonly versionId: string }
  | { readonly type: 'upload'; readonly upload: Upload }
  | { readonly type: 'part'; readonly uploadId: string; readonly part: Part }
  | { readonly type: 'abort'; readonly uploadId: string };

export type CreateReason = 'PutObject' | 'CopyObject' | 'CompleteMultipartUpload';

/** What an event tells about the object. */
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

/** What a command did. */
export interface CommandResult {
  readonly change: Change;
  readonly detail?: EventDetail;
  /** Blobs that nothing refers to any more. */
  readonly garbage: readonly string[];
}

/** What a command takes from outside, so that a replay with the same stamps does the same. */
export interface Stamp {
  readonly now: number;
  /** For the version or the upload that the command makes. */
  readonly id: string;
  readonly sequencer: string;
}

/** The preconditions of a write ("Amazon S3 User Guide: How to prevent object overwrites with conditional writes"). */
export interface WriteCondition {
  readonly ifNoneMatch?: '*' | undefined;
  /** An ETag without quotes. */
  readonly ifMatch?: string | undefined;
}
