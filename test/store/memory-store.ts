import { hash } from 'node:crypto';
import { registry } from '../../datasets/index.ts';
import { type ByteRange, boundsOf } from '../../domain/records/decoding/source.ts';
import { limits } from '../../domain/records/part.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { threadedZstd } from '../../formats/zstd.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import type { TableCatalog } from '../../lake/table-catalog.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import {
  type NewObject,
  type ObjectAddress,
  ObjectNotFound,
  type ObjectStore,
  type Snapshot,
  type StoredVersion,
  type Written,
} from '../../store/object-store.ts';
import { MemoryCatalog } from './memory-catalog.ts';

interface Stored extends StoredVersion {
  readonly bytes: number;
  readonly body: Buffer;
}

/**
 * Buckets in memory, and the catalog of the lake's tables: notes every call, and can stop answering as a
 * function does that is killed.
 */
export class MemoryStore implements ObjectStore {
  readonly catalog = new MemoryCatalog((operation, table, effect) =>
    this.#call(operation, 'catalog', table, effect),
  );
  /** Current objects under `bucket/key`; each has one version, whatever an address says. */
  readonly objects = new Map<string, Stored>();
  readonly calls: string[] = [];
  /** Keys that were removed, which S3 knows by their delete markers. */
  readonly #removed = new Set<string>();
  /** The call that fails, from 1, and whether it has had its effect by then. */
  crash: { readonly call: number; readonly afterEffect: boolean } | undefined;

  read({ bucket, key, versionId }: ObjectAddress, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    return this.#call('read', bucket, key, () => {
      const { body: whole } = this.#find({ bucket, key, versionId });
      const { start: from, end } = boundsOf(range, whole.length);
      const body = whole.subarray(from, end);
      return (async function* () {
        for (let start = 0; start < body.length; start += 65_536) yield body.subarray(start, start + 65_536);
      })();
    });
  }

  describe(address: ObjectAddress): Promise<StoredVersion> {
    return this.#call('describe', address.bucket, address.key, () => this.#find(address));
  }

  exists(bucket: string, key: string): Promise<boolean> {
    return this.#call('exists', bucket, key, () => this.objects.has(`${bucket}/${key}`));
  }

  find(bucket: string, key: string, wasDeleted?: () => void): Promise<Snapshot | undefined> {
    return this.#call('find', bucket, key, () => {
      const stored = this.objects.get(`${bucket}/${key}`);
      if (stored === undefined && this.#removed.has(`${bucket}/${key}`)) wasDeleted?.();
      return stored && { text: stored.body.toString(), etag: etagOf(stored), modified: 0 };
    });
  }

  bytes(bucket: string, key: string, range?: ByteRange): Promise<Uint8Array> {
    return this.#call('bytes', bucket, key, () => {
      const { body } = this.#find({ bucket, key, versionId: 'current' });
      const { start, end } = boundsOf(range, body.length);
      return body.subarray(start, end);
    });
  }

  replace(object: NewObject, etag: string): Promise<Written | undefined> {
    return this.#call('replace', object.bucket, object.key, () => {
      const stored = this.objects.get(`${object.bucket}/${object.key}`);
      return stored === undefined || etagOf(stored) !== etag ? undefined : this.put(object);
    });
  }

  list(bucket: string, prefix: string): Promise<string[]> {
    return this.#call('list', bucket, prefix, () =>
      this.keys(bucket).filter((key) => key.startsWith(prefix)),
    );
  }

  remove(bucket: string, keys: readonly string[]): Promise<void> {
    return this.#call('remove', bucket, keys.join(), () => {
      for (const key of keys) {
        this.objects.delete(`${bucket}/${key}`);
        this.#removed.add(`${bucket}/${key}`);
      }
    });
  }

  write(object: NewObject): Promise<Written> {
    return this.#call('write', object.bucket, object.key, () => this.put(object));
  }

  create(object: NewObject): Promise<Written | undefined> {
    return this.#call('create', object.bucket, object.key, () => {
      return this.objects.has(`${object.bucket}/${object.key}`) ? undefined : this.put(object);
    });
  }

  copy(from: ObjectAddress, to: { readonly bucket: string; readonly key: string }): Promise<Written> {
    return this.#call('copy', to.bucket, to.key, () => {
      const stored = this.#find(from);
      this.objects.set(`${to.bucket}/${to.key}`, stored);
      return { etag: etagOf(stored), versionId: 'v1' };
    });
  }

  put({ bucket, key, body, metadata = {} }: NewObject): Written {
    const bytes = Buffer.from(body);
    const stored = { body: bytes, bytes: bytes.length, metadata };
    this.objects.set(`${bucket}/${key}`, stored);
    return { etag: etagOf(stored), versionId: 'v1' };
  }

  /** Another store with the same content, and no calls yet. */
  twin(): MemoryStore {
    const twin = new MemoryStore();
    for (const [key, stored] of this.objects) twin.objects.set(key, stored);
    twin.catalog.takeFrom(this.catalog);
    return twin;
  }

  keys(bucket: string): string[] {
    const prefix = `${bucket}/`;
    return [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
      .sort();
  }

  body(bucket: string, key: string): Buffer {
    return this.#find({ bucket, key, versionId: 'v' }).body;
  }

  /** Everything that is stored, as it can be compared. */
  contents(): Record<string, unknown> {
    const entries = [...this.objects].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      entries.map(([key, { body, metadata }]) => [key, { body: body.toString('base64'), metadata }]),
    );
  }

  #find(address: ObjectAddress): Stored {
    const stored = this.objects.get(`${address.bucket}/${address.key}`);
    if (stored === undefined) throw new ObjectNotFound(address);
    return stored;
  }

  async #call<Answer>(operation: string, bucket: string, key: string, effect: () => Answer): Promise<Answer> {
    const call = this.calls.push(`${operation} ${bucket}/${key}`);
    if (this.crash && (call > this.crash.call || (call === this.crash.call && !this.crash.afterEffect))) {
      throw new Error('The function was killed.');
    }
    const answer = effect();
    if (call === this.crash?.call) throw new Error('The function was killed.');
    return answer;
  }
}

function etagOf({ body }: Stored): string {
  return hash('md5', body);
}

/** The same store, in which some operations do something else. */
export function storeWith(store: MemoryStore, changes: Partial<ObjectStore>): MemoryStore {
  return new Proxy(store, {
    get(target, name) {
      const operation: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof operation === 'function' ? operation.bind(target) : operation;
    },
  });
}

export function stageContextOf(
  store: ObjectStore & { readonly catalog?: TableCatalog },
  changes: Partial<StageContext> = {},
): StageContext {
  return {
    store,
    now: () => 0,
    elapsed: () => 0,
    wait: async () => {},
    zstd: threadedZstd,
    // Each stage by itself.
    limits: { ...limits, inPlaceBytes: 0 },
    catalog: store.catalog,
    tableSchema: recordedSchemas([]),
    codeVersion: 'test',
    registry,
    batch: {},
    deadline: 1,
    isEnding: () => false,
    handOver: () => Promise.reject(new Error('Nothing is handed over.')),
    message: 'test',
    invocation: 'test',
    sentAt: 0,
    receives: 1,
    ...changes,
  };
}

export function createdEvent(bucket: string, key: string, versionId = 'v1'): ObjectEvent {
  return {
    type: 'created',
    bucket,
    key,
    versionId,
    sequencer: '0A',
    size: 1,
    permanent: false,
    reason: 'PutObject',
    revision: 0,
    time: '2026-01-01T00:00:00Z',
  };
}
