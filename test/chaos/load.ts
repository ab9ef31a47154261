import { setTimeout as wait } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Target } from '../../ops/target.ts';
import type { Random } from '../simulation/random.ts';
import type { Change } from '../simulation/specification.ts';
import { makeObject } from '../simulation/workload.ts';

/** So many writers, each with keys of its own: what happened to a key has an order. */
const WRITERS = 3;
const KEYS_OF_A_WRITER = 12;

/** Does what users do to the raw bucket, and notes it. */
export class Load {
  /** In the order in which it happened, by key. */
  readonly history: Change[] = [];
  readonly #target: () => Target;
  readonly #random: Random;
  readonly #backlog: () => number;

  /** @param backlog how many messages wait: above a hundred, the writers wait as well */
  constructor(target: () => Target, random: Random, backlog: () => number) {
    this.#target = target;
    this.#random = random;
    this.#backlog = backlog;
  }

  async run(until: number): Promise<void> {
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer, until)));
  }

  async #write(writer: number, until: number): Promise<void> {
    while (Date.now() < until) {
      const key = `recipes/${writer}/${this.#random.between(1, KEYS_OF_A_WRITER)} é.json`;
      if (this.#random.chance(0.2)) await this.#delete(key);
      else await this.#put(key);
      await wait(this.#random.between(0, 600));
      while (this.#backlog() > 100 && Date.now() < until) await wait(200);
    }
  }

  async #put(key: string): Promise<void> {
    const upload = { at: 0, ...makeObject(this.#random, key) };
    const { buckets } = this.#target().outputs;
    const command = { Bucket: buckets.raw, Key: upload.key, Body: upload.body };
    await persist(() => this.#target().s3.send(new PutObjectCommand(command)));
    this.history.push({ ...upload, versionId: '' });
  }

  async #delete(key: string): Promise<void> {
    const Bucket = this.#target().outputs.buckets.raw;
    await persist(() => this.#target().s3.send(new DeleteObjectCommand({ Bucket, Key: key })));
    this.history.push({ key, deleted: true });
  }
}

/** Tries until it is done: the local cloud may be dead just now. */
export async function persist<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 200) throw error;
      await wait(300);
    }
  }
}
