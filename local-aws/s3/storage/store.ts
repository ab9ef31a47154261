import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { Disk } from '../../core/disk.ts';
import { type Journal, noJournal, openJournal } from '../../core/journal.ts';
import { ServiceError } from '../../core/service-error.ts';
import { StateRefused } from '../../core/state.ts';
import { type Blobs, FileBlobs, MemoryBlobs } from './blobs.ts';
import { Bucket } from './bucket.ts';
import { eventOf, type Origin, type S3Event, Sequencers } from './events.ts';
import { SortedMap } from './keys.ts';
import type { BucketSettings, Change, CommandResult, Stamp } from './model.ts';

export interface StoreOptions {
  readonly buckets: readonly BucketSettings[];
  /** The directory of objects and journal; without it, everything is kept in memory. */
  readonly directory?: string | undefined;
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** Whether an event has a receiver; others are neither stored nor published. By default all have. */
  readonly wants?: (event: S3Event) => boolean;
  /** Accepts an event. It is called again until it resolves, also after a restart. */
  readonly publish: (event: S3Event) => Promise<void>;
  readonly disk?: Disk | undefined;
  /** Random ids; from a seed if a run must be repeatable. */
  readonly ids?: Ids | undefined;
}

export interface Ids {
  /** 32 characters of `A–Z a–z 0–9 . _`, like version ids. */
  versionId(): string;
  blobId(): string;
  eventId(): string;
}

const randomIds: Ids = {
  versionId: () => randomBytes(24).toString('base64url').replaceAll('-', '.'),
  blobId: () => randomBytes(16).toString('hex'),
  eventId: () => randomUUID(),
};

type Entry =
  | { readonly bucket: string; readonly change: Change; readonly sequencer: string; readonly event?: S3Event }
  | { readonly event: S3Event }
  | { readonly published: string }
  | { readonly sequencer: string };

const publishAgainAfterMs = 1000;

/**
 * The buckets with their bytes, their journal and their events. A change is acknowledged when it is in the
 * journal, in one line with its event; the event counts as delivered when `publish` resolves.
 */
export class Store {
  readonly region: string;
  readonly accountId: string;
  readonly blobs: Blobs;
  readonly ids: Ids;
  readonly #options: StoreOptions;
  readonly #disk: Disk;
  readonly #served: ReadonlyMap<string, BucketSettings>;
  /** Includes buckets that are no longer served: their contents stay until the directory is deleted. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #sequencers = new Sequencers();
  /** By id. Of all that ever passed through a `Map`, V8 would keep much until its next full collection. */
  readonly #unpublished = new SortedMap<S3Event>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #retries = new Set<() => void>();
  /** The reported creation time of all buckets. */
  readonly startedAt: number;
  #journal: Journal<Entry> = noJournal;
  #closed = false;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#disk = options.disk ?? new Disk();
    this.region = options.region;
    this.accountId = options.accountId;
    this.startedAt = options.clock.now();
    this.ids = options.ids ?? randomIds;
    this.blobs =
      options.directory === undefined ? new MemoryBlobs() : new FileBlobs(options.directory, this.#disk);
    this.#served = new Map(options.buckets.map((settings) => [settings.name, settings]));
    for (const name of this.#served.keys()) this.#open(name);
  }

  /**
   * Restores the journal, cleans up after a crash, and publishes unpublished events.
   *
   * @throws {StateRefused} if there are objects, but no journal that knows them
   */
  async start(): Promise<void> {
    const { directory } = this.#options;
    if (directory !== undefined) {
      const path = join(directory, 'journal.ndjson');
      if (isLost(path) && !this.blobs.isEmpty) throw new StateRefused(journalLost(path, directory));
      this.#journal = await openJournal<Entry>(
        path,
        (entry) => this.#replay(entry),
        () => this.#snapshot(),
        { disk: this.#disk, entries: () => this.#entries },
      );
    }
    await this.blobs.sweep(this.#referenced());
    for (const event of [...this.#unpublished.values()].sort(bySequencer)) this.#publish(event);
  }

  /** Waits for running work. Unpublished events are kept for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#retries) cancel();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await this.#journal.close();
    this.blobs.close();
  }

  /** Sorted by name. */
  get buckets(): Bucket[] {
    return [...this.#served.keys()].sort().map((name) => this.bucket(name));
  }

  /** @throws NoSuchBucket */
  bucket(name: string): Bucket {
    const bucket = this.#served.has(name) ? this.#buckets.get(name) : undefined;
    if (bucket) return bucket;
    throw new ServiceError('NoSuchBucket', 404, 'The specified bucket does not exist', { BucketName: name });
  }

  stamp(): Stamp {
    const now = this.#options.clock.now();
    return { now, id: this.ids.versionId(), sequencer: this.#sequencers.next(now) };
  }

  now(): number {
    return this.#options.clock.now();
  }

  /**
   * Stores `content` as a blob and lets `use` refer to it. If either throws, the blob is removed. `use` runs
   * a bucket's command, whose result is committed.
   */
  async take<T extends CommandResult>(
    bucket: Bucket,
    origin: Origin,
    content: AsyncIterable<Uint8Array>,
    use: (blob: string) => T,
  ): Promise<T> {
    const blob = await this.blobs.write(this.ids.blobId(), content);
    let done: T;
    try {
      done = use(blob);
    } catch (error) {
      await this.blobs.remove([blob]);
      throw error;
    }
    await this.commit(bucket, origin, done);
    return done;
  }

  /** Makes a command's change durable; publishes its event and deletes its garbage in the background. */
  async commit(bucket: Bucket, origin: Origin, { change, detail, garbage }: CommandResult): Promise<void> {
    const { name, eventBridge } = bucket.settings;
    const told =
      detail && eventBridge
        ? eventOf(detail, origin, {
            id: this.ids.eventId(),
            account: this.accountId,
            region: this.region,
            bucket: name,
          })
        : undefined;
    const event = told && (this.#options.wants?.(told) ?? true) ? told : undefined;
    if (event) this.#unpublished.set(event.id, event);
    const { last: sequencer } = this.#sequencers;
    await this.#journal.append({ bucket: name, change, sequencer, ...(event && { event }) });
    if (event) this.#publish(event);
    // If a blob can't be removed now, the sweep at the next start removes it.
    if (garbage.length > 0) this.#inBackground(this.blobs.remove(garbage).catch(() => {}));
  }

  /** Resolves when all changes so far are durable. */
  settled(): Promise<void> {
    return this.#journal.append({ sequencer: this.#sequencers.last });
  }

  *#referenced(): Generator<string> {
    for (const bucket of this.#buckets.values()) yield* bucket.blobs();
  }

  /** How many entries `#snapshot` yields. */
  get #entries(): number {
    const changes = this.#buckets.values().reduce((sum, bucket) => sum + bucket.entries, 0);
    return 1 + changes + this.#unpublished.size;
  }

  #open(name: string): Bucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const bucket = new Bucket(this.#served.get(name) ?? { name, eventBridge: false });
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #replay(entry: Entry): void {
    if ('sequencer' in entry) this.#sequencers.seen(entry.sequencer);
    if ('change' in entry) this.#open(entry.bucket).apply(entry.change);
    if ('event' in entry && entry.event) this.#unpublished.set(entry.event.id, entry.event);
    if ('published' in entry) this.#unpublished.delete(entry.published);
  }

  *#snapshot(): Generator<Entry> {
    const { last: sequencer } = this.#sequencers;
    yield { sequencer };
    for (const [name, bucket] of this.#buckets) {
      for (const change of bucket.changes()) yield { bucket: name, change, sequencer };
    }
    for (const event of this.#unpublished.values()) yield { event };
  }

  #publish(event: S3Event): void {
    if (this.#closed) return;
    const attempt = async () => {
      try {
        await this.#options.publish(event);
      } catch {
        if (this.#closed) return;
        const cancel = this.#options.clock.schedule(publishAgainAfterMs, () => {
          this.#retries.delete(cancel);
          this.#publish(event);
        });
        this.#retries.add(cancel);
        return;
      }
      this.#unpublished.delete(event.id);
      await this.#journal.append({ published: event.id });
    };
    this.#inBackground(attempt());
  }

  #inBackground(task: Promise<void>): void {
    this.#underWay.add(task);
    void task.finally(() => this.#underWay.delete(task));
  }
}

const sequencerOf = ({ detail }: S3Event) => detail.object.sequencer;
/** As they came. */
const bySequencer = (a: S3Event, b: S3Event) => (sequencerOf(a) < sequencerOf(b) ? -1 : 1);

/** A journal has at least one line since its first start. */
const isLost = (path: string) => !existsSync(path) || statSync(path).size === 0;

const journalLost = (path: string, directory: string) =>
  `${join(directory, 'blobs')} holds objects, but ${path}, the journal of their keys, is missing or empty. Nothing was changed. Restore the journal, or choose another --directory. To discard these objects: rm -r ${directory}`;
