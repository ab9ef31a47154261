import { ServiceError } from '../../core/service-error.ts';
import { noSuchKey, noSuchUpload, preconditionFailed } from '../api/errors.ts';
import { type Keys, SortedMap } from './keys.ts';
import type {
  BucketSettings,
  Change,
  CommandResult,
  CreateReason,
  DeleteMarker,
  EventDetail,
  OpenUpload,
  Part,
  Stamp,
  StoredObject,
  Upload,
  Version,
  WriteCondition,
} from './model.ts';
import { assemble, etagOfParts, type ListedPart } from './multipart.ts';
import { beginningIn, beginningOf, blobsIn, Packing } from './packed.ts';

/** A conditional write in progress. */
export interface Attempt {
  readonly key: string;
  readonly condition: WriteCondition;
  /** Whether another write of the key has finished meanwhile. */
  disturbed: boolean;
}

/**
 * One bucket's metadata: the versions of each key, delete markers, and open multipart uploads. Does no I/O
 * and reads no clock; each command either throws a `ServiceError` and changes nothing, or applies one
 * `Change`.
 */
export class Bucket {
  readonly settings: BucketSettings;
  readonly uploads = new Map<string, OpenUpload>();
  /** Packed, newest first; most keys have one. */
  readonly #versions = new SortedMap<string | readonly string[]>();
  readonly #packing = new Packing();
  readonly #attempts = new Set<Attempt>();
  #count = 0;

  constructor(settings: BucketSettings) {
    this.settings = settings;
  }

  /** The keys that have versions. */
  get keys(): Keys {
    return this.#versions;
  }

  /** Newest first. */
  versions(key: string): readonly Version[] {
    return this.#packed(key).map((each) => this.#packing.unpack(each));
  }

  /** The current object; undefined if there is none or a delete marker. */
  current(key: string): StoredObject | undefined {
    const [newest] = this.#packed(key);
    const version = newest === undefined ? undefined : this.#packing.unpack(newest);
    return version?.marker === false ? version : undefined;
  }

  version(key: string, versionId: string): Version | undefined {
    const beginning = beginningOf(versionId);
    const found = this.#packed(key).find((each) => each.startsWith(beginning));
    return found === undefined ? undefined : this.#packing.unpack(found);
  }

  /** How many versions, uploads and parts there are. */
  get entries(): number {
    return this.#count + this.uploads.values().reduce((sum, { parts }) => sum + 1 + parts.size, 0);
  }

  #packed(key: string): readonly string[] {
    const found = this.#versions.get(key) ?? [];
    return typeof found === 'string' ? [found] : found;
  }

  /**
   * Starts a conditional write: checks the condition now, so that a refused client need not send its body,
   * and watches the key until `end`. @throws PreconditionFailed, NoSuchKey
   */
  begin(key: string, condition: WriteCondition): Attempt {
    this.#check(key, condition);
    const attempt = { key, condition, disturbed: false };
    this.#attempts.add(attempt);
    return attempt;
  }

  end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
  }

  /** @throws ConditionalRequestConflict, PreconditionFailed, NoSuchKey */
  put(
    key: string,
    object: Omit<StoredObject, 'marker' | 'versionId' | 'lastModified'>,
    reason: CreateReason,
    stamp: Stamp,
    attempt?: Attempt,
  ): CommandResult & { version: StoredObject } {
    if (attempt) this.#conclude(attempt);
    const version: StoredObject = {
      ...object,
      marker: false,
      versionId: this.#newVersionId(stamp),
      lastModified: stamp.now,
    };
    const { etag, size } = version;
    const detail = { ...this.#detail(key, version.versionId, stamp), etag, size, reason };
    return { ...this.#do(this.#packedPut(key, version)), detail, version };
  }

  /**
   * Deletes the version, or without one follows the bucket's versioning ("Amazon S3 User Guide: Working with
   * delete markers"). The result has no change if there was nothing to delete.
   */
  remove(
    key: string,
    versionId: string | undefined,
    stamp: Stamp,
    ifMatch?: string,
  ): { done?: CommandResult; marker?: string } {
    if (ifMatch !== undefined) this.#check(key, { ifMatch });
    if (versionId === undefined && this.settings.versioning) {
      const marker = this.#newVersionId(stamp);
      const version: DeleteMarker = { marker: true, versionId: marker, lastModified: stamp.now };
      const detail: EventDetail = {
        ...this.#detail(key, marker, stamp),
        // The MD5 of nothing, as that page shows it for a delete marker.
        etag: 'd41d8cd98f00b204e9800998ecf8427e',
        reason: 'DeleteObject',
        deletionType: 'Delete Marker Created',
      };
      return { done: { ...this.#do(this.#packedPut(key, version)), detail }, marker };
    }
    const id = versionId ?? 'null';
    const found = this.version(key, id);
    if (!found) return {};
    const detail: EventDetail = {
      ...this.#detail(key, id, stamp),
      reason: 'DeleteObject',
      deletionType: 'Permanently Deleted',
    };
    const done = { ...this.#do({ type: 'remove', key, versionId: id }), detail };
    return { done, ...(found.marker && { marker: id }) };
  }

  /** Makes an archived version readable until a time. */
  restore(key: string, versionId: string, until: number): CommandResult {
    return this.#do({ type: 'restore', key, versionId, until });
  }

  createUpload(
    key: string,
    details: Pick<Upload, 'headers' | 'storageClass' | 'checksum'>,
    stamp: Stamp,
  ): CommandResult & { uploadId: string } {
    const upload: Upload = { uploadId: stamp.id, key, initiated: stamp.now, ...details };
    return { ...this.#do({ type: 'upload', upload }), uploadId: upload.uploadId };
  }

  /** @throws NoSuchUpload */
  upload(key: string, uploadId: string): OpenUpload {
    const upload = this.uploads.get(uploadId);
    if (upload?.key !== key) throw noSuchUpload(uploadId);
    return upload;
  }

  /** @throws NoSuchUpload */
  putPart(key: string, uploadId: string, part: Part): CommandResult {
    this.upload(key, uploadId);
    return this.#do({ type: 'part', uploadId, part });
  }

  /** @throws the errors of `assemble` and `put`, and NoSuchUpload */
  complete(
    key: string,
    uploadId: string,
    parts: readonly ListedPart[],
    expected: { size?: number | undefined; checksum?: string | undefined },
    stamp: Stamp,
    attempt?: Attempt,
  ): CommandResult & { version: StoredObject } {
    const upload = this.upload(key, uploadId);
    const { headers, storageClass } = upload;
    const assembled = assemble(upload, parts, expected);
    const object = { ...assembled, multipart: true, headers, storageClass, uploadId };
    return this.put(key, object, 'CompleteMultipartUpload', stamp, attempt);
  }

  /** The upload's object, if it was completed with these parts and the object still exists. */
  completed(key: string, uploadId: string, parts: readonly ListedPart[]): StoredObject | undefined {
    return this.versions(key).find(
      (version): version is StoredObject =>
        !version.marker && version.uploadId === uploadId && version.etag === etagOfParts(parts),
    );
  }

  /** @throws NoSuchUpload */
  abort(key: string, uploadId: string): CommandResult {
    this.upload(key, uploadId);
    return this.#do({ type: 'abort', uploadId });
  }

  /** The changes that rebuild the bucket. */
  *changes(): Generator<Change> {
    for (const set of this.#packing.sets) yield { type: 'headers', ...set };
    for (const key of this.#versions)
      for (const packed of this.#packed(key).toReversed()) yield { type: 'packed', key, packed };
    for (const { parts, ...upload } of this.uploads.values()) {
      yield { type: 'upload', upload };
      for (const part of parts.values()) yield { type: 'part', uploadId: upload.uploadId, part };
    }
  }

  *blobs(): Generator<string> {
    for (const packed of this.#versions.values())
      if (typeof packed === 'string') for (const blob of blobsIn(packed)) yield blob;
      else yield* packed.flatMap(blobsIn);
    for (const { parts } of this.uploads.values()) for (const part of parts.values()) yield part.blob;
  }

  /** Applies a command's change, now or during a replay. Returns the blobs that are no longer referenced. */
  apply(change: Change): string[] {
    switch (change.type) {
      case 'put':
        return this.#add(change.key, this.#packing.pack(change.version).packed, change.uploadId);
      case 'headers':
        this.#packing.learn(change);
        return [];
      case 'packed':
        if (change.set !== undefined) this.#packing.learn(change.set);
        return this.#add(change.key, change.packed);
      case 'remove':
        return this.#drop(change.key, beginningOf(change.versionId));
      case 'restore': {
        const { key, versionId, until } = change;
        const found = this.version(key, versionId);
        if (found === undefined || found.marker) return [];
        const beginning = beginningOf(versionId);
        const { packed: restored } = this.#packing.pack({ ...found, restoredUntil: until });
        const versions = this.#packed(key).map((each) => (each.startsWith(beginning) ? restored : each));
        this.#versions.set(key, versions);
        return [];
      }
      case 'upload':
        this.uploads.set(change.upload.uploadId, { ...change.upload, parts: new Map() });
        return [];
      case 'part': {
        const parts = this.uploads.get(change.uploadId)?.parts;
        const replaced = parts?.get(change.part.number);
        parts?.set(change.part.number, change.part);
        return replaced ? [replaced.blob] : [];
      }
      case 'abort':
        return this.#endUpload(change.uploadId);
    }
  }

  #do(change: Change): CommandResult {
    if (change.type === 'packed' || change.type === 'remove') {
      for (const attempt of this.#attempts) if (attempt.key === change.key) attempt.disturbed = true;
    }
    return { change, garbage: this.apply(change) };
  }

  #packedPut(key: string, version: Version): Change {
    return { type: 'packed', key, ...this.#packing.pack(version) };
  }

  /** @param uploadId the upload that the version ends, if the version does not name it */
  #add(key: string, packed: string, uploadId?: string): string[] {
    const replaced = this.#versions.add(key, packed) ? [] : this.#addNewest(key, packed);
    this.#count += 1;
    const ended = this.#endUpload(uploadId ?? this.#uploadOf(packed));
    if (replaced.length + ended.length === 0) return [];
    const kept = new Set(blobsIn(packed));
    return [...replaced, ...ended].filter((blob) => !kept.has(blob));
  }

  /** Before the versions that the key has; one with the same id is replaced. */
  #addNewest(key: string, packed: string): string[] {
    const replaced = this.#drop(key, beginningIn(packed));
    const older = this.#packed(key);
    this.#versions.set(key, older.length === 0 ? packed : [packed, ...older]);
    return replaced;
  }

  /** The open upload that a version ends. */
  #uploadOf(packed: string): string | undefined {
    // Most are of no upload, which is faster to see than to unpack.
    if (this.uploads.size === 0 || !packed.includes('"uploadId"')) return undefined;
    const version = this.#packing.unpack(packed);
    return version.marker ? undefined : version.uploadId;
  }

  /** @param beginning of the packed version: see `beginningOf` */
  #drop(key: string, beginning: string): string[] {
    const known = this.#packed(key);
    const dropped = known.find((each) => each.startsWith(beginning));
    if (dropped === undefined) return [];
    const left = known.filter((each) => each !== dropped);
    this.#count -= 1;
    if (left.length === 0) this.#versions.delete(key);
    else this.#versions.set(key, left);
    return blobsIn(dropped);
  }

  #endUpload(uploadId: string | undefined): string[] {
    const upload = uploadId === undefined ? undefined : this.uploads.get(uploadId);
    if (!upload) return [];
    this.uploads.delete(upload.uploadId);
    return [...upload.parts.values()].map((part) => part.blob);
  }

  #check(key: string, { ifNoneMatch, ifMatch }: WriteCondition): void {
    const current = this.current(key);
    if (ifNoneMatch && current) throw preconditionFailed('If-None-Match');
    if (ifMatch === undefined) return;
    if (!current) throw noSuchKey(key);
    if (ifMatch !== '*' && ifMatch !== current.etag) throw preconditionFailed('If-Match');
  }

  /**
   * "409 Conflict: a conflicting operation occurs during the upload" (API reference, PutObject). The User
   * Guide's page "Conditional writes" says 409 for a delete in between and 412 for a write in between.
   * Clients must treat both as "another client was first" and read again, so this always answers 409.
   */
  #conclude(attempt: Attempt): void {
    this.end(attempt);
    if (attempt.disturbed) {
      throw new ServiceError(
        'ConditionalRequestConflict',
        409,
        'The conditional request cannot succeed due to a conflicting operation against this resource.',
        { Key: attempt.key },
      );
    }
    this.#check(attempt.key, attempt.condition);
  }

  #newVersionId(stamp: Stamp): string {
    return this.settings.versioning === 'Enabled' ? stamp.id : 'null';
  }

  #detail(key: string, versionId: string, { now, sequencer }: Stamp) {
    return { key, versionId, time: now, sequencer };
  }
}
