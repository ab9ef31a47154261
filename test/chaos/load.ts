import { setTimeout as wait } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { localCredentials, type Target } from '../../cli/target/target.ts';
import { versionsOf } from '../../store/listing.ts';
import { Random } from '../simulation/random.ts';
import type { Change } from './model.ts';
import { makeUnknown, type Upload } from './objects.ts';
import { makePassengers } from './passengers.ts';
import { makeRecipes } from './recipes.ts';

/** So many writers, each with keys of its own: what happened to a key has an order. */
const WRITERS = 4;
/** Of each prefix: few, so that versions of a key overtake one another. */
const KEYS_OF_A_WRITER = 3;

/** What a call was asked for, and what the key has when it took effect. */
interface Asked {
  readonly key: string;
  readonly send: () => Promise<{ readonly VersionId?: string | undefined }>;
  /** The version that came of it; `undefined` if it did not take effect. */
  readonly find: () => Promise<string | undefined>;
}

/** Does what users do to the raw bucket, and notes it. */
export class Load {
  /** In the order in which it happened, by key. */
  readonly history: Change[] = [];
  readonly #target: Target;
  /** Asks once: what is asked twice may be done twice. */
  readonly #s3: S3Client;
  readonly #seed: number;
  readonly #backlog: () => number;

  /** @param backlog how many messages wait: above a hundred, the writers wait as well */
  constructor(target: Target, endpoint: string, seed: number, backlog: () => number) {
    this.#target = target;
    this.#s3 = new S3Client({
      endpoint,
      region: target.outputs.region,
      credentials: localCredentials,
      maxAttempts: 1,
    });
    this.#seed = seed;
    this.#backlog = backlog;
  }

  async run(until: number): Promise<void> {
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer, until)));
  }

  async #write(writer: number, until: number): Promise<void> {
    const random = new Random(this.#seed + writer);
    while (Date.now() < until) {
      const number = random.between(1, KEYS_OF_A_WRITER);
      const [prefix, name] = random.pick([
        ['recipes', 'é.json'],
        ['passengers', 'ü 1.csv'],
        ['recipes', 'é.json'],
        ['passengers', 'ü 1.csv'],
        ['unknown', 'x'],
      ]);
      const key = `${prefix}/${writer}/${number} ${name}`;
      const held = this.#held(key);
      if (held.length > 0 && random.chance(0.15)) await this.#remove(key, chosen(random, held));
      else if (random.chance(0.2)) await this.#markAsDeleted(key);
      else await this.#put(makers[prefix]?.(random, key) ?? makeUnknown(random, key));
      await wait(random.between(0, 600));
      while (this.#backlog() > 100 && Date.now() < until) await wait(200);
    }
  }

  /** What the bucket has of a key: versions and delete markers, oldest first. */
  #held(key: string): string[] {
    const own = this.history.filter((change) => change.key === key);
    const removed = new Set(own.filter(({ what }) => what === 'removed').map(({ versionId }) => versionId));
    return own.map(({ versionId }) => versionId).filter((versionId) => !removed.has(versionId));
  }

  async #put(upload: Upload): Promise<void> {
    const { key, body } = upload;
    const command = { Bucket: this.#bucket, Key: key, Body: body };
    const send = () => this.#s3.send(new PutObjectCommand(command));
    const versionId = await this.#once({ key, send, find: () => this.#unknown(key) });
    this.history.push({ key, what: 'put', versionId, upload });
  }

  async #markAsDeleted(key: string): Promise<void> {
    const send = () => this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
    const versionId = await this.#once({ key, send, find: () => this.#unknown(key) });
    this.history.push({ key, what: 'marked as deleted', versionId });
  }

  async #remove(key: string, VersionId: string): Promise<void> {
    const command = { Bucket: this.#bucket, Key: key, VersionId };
    const send = () => this.#s3.send(new DeleteObjectCommand(command));
    const find = async () => {
      const left = await versionsOf(this.#target, this.#bucket, key);
      return left.some(({ versionId }) => versionId === VersionId) ? undefined : VersionId;
    };
    const versionId = await this.#once({ key, send, find });
    this.history.push({ key, what: 'removed', versionId });
  }

  /** The version of a key that the history does not have: somebody was killed before he could tell of it. */
  async #unknown(key: string): Promise<string | undefined> {
    const known = new Set(this.history.map(({ versionId }) => versionId));
    const all = await versionsOf(this.#target, this.#bucket, key);
    return all.find(({ versionId }) => !known.has(versionId))?.versionId;
  }

  /** Tries until it is done: the local cloud may be dead just now. */
  async #once({ send, find }: Asked): Promise<string> {
    for (;;) {
      try {
        const { VersionId } = await send();
        if (VersionId === undefined)
          throw new Error('S3 named no version: the raw bucket must have versions.');
        return VersionId;
      } catch {
        await wait(300);
        const done = await persist(find);
        if (done !== undefined) return done;
      }
    }
  }

  get #bucket(): string {
    return this.#target.outputs.buckets.raw;
  }
}

/** The newest, which brings back what was before, or any. */
function chosen(random: Random, held: readonly string[]): string {
  const newest = held.length - 1;
  return held[random.chance(0.5) ? newest : random.between(0, newest)] ?? '';
}

const makers: Readonly<Record<string, (random: Random, key: string) => Upload>> = {
  recipes: makeRecipes,
  passengers: makePassengers,
};

/** Tries until it is done: the local cloud may be dead just now. */
export async function persist<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 200) throw error;
      await wait(300);
    }
  }
}
