import { setTimeout as wait } from 'node:timers/promises';
import type { FaultRequest } from '../../cli/target/control.ts';
import type { Random } from '../simulation/random.ts';
import type { Code } from './code.ts';
import { persist } from './load.ts';
import type { MortalCloud } from './mortal-cloud.ts';

const MINUTE_MS = 60_000;
/**
 * A function may be ahead of another by ten minutes, and of the local cloud by seven: SigV4 allows fifteen.
 */
const within = { cloud: 2 * MINUTE_MS, function: 5 * MINUTE_MS };
/** Further than any clock was: no lease and no time-out that one of them wrote lies ahead of it. */
const FINAL_MS = 8 * MINUTE_MS;

/** When which code is deployed, as a share of the time: the last is there to stay. */
const deploys: readonly (readonly [at: number, code: Code])[] = [
  [0.3, 'new'],
  [0.5, 'old'],
  [0.7, 'new'],
];

/** Everything that goes wrong around the pipeline, until it is over. */
export class Storm {
  readonly #cloud: MortalCloud;
  readonly #random: Random;
  readonly #until: number;
  readonly #from = Date.now();
  #clockSteps = 0;
  #faults = 0;
  #deploys = 0;

  constructor(cloud: MortalCloud, random: Random, until: number) {
    this.#cloud = cloud;
    this.#random = random;
    this.#until = until;
  }

  get summary(): string {
    return `${this.#clockSteps} steps of clocks, at least ${this.#faults} calls, events and messages that met a fault, ${this.#deploys} deploys`;
  }

  async rage(): Promise<void> {
    const random = this.#random;
    await Promise.all([
      this.#every(200, 3_000, async () => this.#cloud.crashFunction((count) => random.between(0, count - 1))),
      this.#every(1_000, 8_000, async () => this.#stepClocks()),
      this.#every(3_000, 9_000, () => this.#changeFaults()),
      this.#every(5_000, 25_000, () => this.#cloud.crashMysql(random.between(0, 3_000))),
      this.#crashAndDeploy(),
    ]);
    await persist(async () => this.#control.clearFaults());
    this.#cloud.setClocks({ turn: this.#cloud.turn + 1, within, ahead: FINAL_MS });
  }

  async #every(least: number, most: number, work: () => Promise<unknown>): Promise<void> {
    for (;;) {
      await wait(this.#random.between(least, most));
      if (Date.now() >= this.#until) return;
      await work();
    }
  }

  #stepClocks(): void {
    this.#clockSteps += 1;
    this.#cloud.setClocks({ turn: this.#cloud.turn + 1, within });
  }

  async #crashAndDeploy(): Promise<void> {
    const due = [...deploys];
    const total = this.#until - this.#from;
    await this.#every(5_000, Math.min(40_000, total / 6), async () => {
      const [at, code] = due[0] ?? [1];
      if (code === undefined || Date.now() < this.#from + at * total) {
        await this.#cloud.crash(this.#random.chance(0.2) ? this.#random.between(0, 3_000) : undefined);
      } else {
        due.shift();
        await this.#deploy(code);
      }
    });
    for (const [, code] of due) await this.#deploy(code);
  }

  /**
   * As on a laptop: the code is changed, and the local cloud started again. It is killed while it builds, and
   * soon after.
   */
  async #deploy(code: Code): Promise<void> {
    this.#cloud.choose(code);
    this.#deploys += 1;
    await this.#cloud.crash(this.#random.between(500, 4_000));
    await wait(this.#random.between(0, 2_000));
    if (this.#random.chance(0.5)) await this.#cloud.crash();
  }

  /** The local cloud forgets its faults when it is killed, and learns others some seconds later. */
  async #changeFaults(): Promise<void> {
    const random = this.#random;
    const requests = Array.from({ length: random.between(1, 4) }, () => this.#fault());
    try {
      for (const { hits } of await this.#control.faults()) this.#faults += hits;
      await this.#control.clearFaults();
      for (const request of requests) await this.#control.addFault(request);
    } catch {
      // It is dead just now.
    }
  }

  #fault(): FaultRequest {
    const random = this.#random;
    const { buckets, functions } = this.#cloud.target.outputs;
    const some = { times: null, share: 0.05 + random.next() / 3, seed: random.between(1, 1e6) };
    const bucket = `arn:aws:s3:::${random.pick([buckets.ledger, buckets.temp, buckets.processed, buckets.archive, buckets.failed])}`;
    const name = random.pick([functions.extraction, functions.transformation, functions.loading]);
    const operation = random.pick([
      'PutObject',
      'GetObject',
      'DeleteObjects',
      'ListObjectsV2',
      'CopyObject',
      'HeadObject',
    ]);
    const of = random.pick(['events', 'messages'] as const);
    const when = random.pick(['before', 'after'] as const);
    return random.pick<FaultRequest>([
      { kind: 'answer', operation, status: random.pick([500, 503]), function: name, ...some },
      { kind: 'answer', operation: 'PutObject', status: 409, resource: bucket, ...some },
      // As many as the SDK tries, so that the function sees it.
      { kind: 'answer', operation, status: 503, function: name, times: 3 },
      { kind: 'close', operation, when, function: name, ...some },
      { kind: 'kill', operation, when, function: name, ...some },
      { kind: 'duplicate', of, copies: random.between(1, 2), ...some },
      { kind: 'delay', of, delayMs: random.between(1_000, 20_000), ...some },
      { kind: 'reorder', of, delayMs: random.between(500, 8_000), ...some },
    ]);
  }

  get #control() {
    const { control } = this.#cloud.target;
    if (control === undefined) throw new Error('AWS can’t be told to fail.');
    return control;
  }
}
