import { objectId, parseFileKey, parsePartKey, type VersionPath } from '../../domain/versions/key-layout.ts';
import { attemptAt } from '../../domain/versions/publishing/conclusion.ts';
import { isVersion, parseRevision } from '../../domain/versions/revision.ts';
import type { Change } from './checks/specification.ts';
import type { Deed, Poison } from './load/workload.ts';
import { Maintainer } from './maintainer.ts';
import type { Network } from './network.ts';
import type { Operator } from './operator.ts';
import type { Pipeline } from './pipeline.ts';
import { put, remove } from './services/store.ts';

/** Does what the workload says, and notes what has come of it. */
export class Deeds {
  readonly history: Change[];
  readonly replayed: string[] = [];
  readonly poison: Poison[] = [];
  /** Raw keys of which somebody took parts or files away. */
  readonly #spoilt = new Set<string>();
  /** Those of them that no replay has mended, with the version whose file it was. */
  readonly #unmended = new Map<string, VersionPath>();
  swept = false;
  purged = false;
  /** Whether anything was done that only a sweep makes good. */
  needsSweep = false;
  readonly #pipeline: Pipeline;
  readonly #network: Network;
  readonly #operator: Operator;
  readonly #raw: string;
  readonly #maintainer: Maintainer;
  #pending = 0;

  constructor(pipeline: Pipeline, network: Network, operator: Operator, history: Change[]) {
    this.#pipeline = pipeline;
    this.#network = network;
    this.#operator = operator;
    this.#maintainer = new Maintainer(pipeline, network);
    this.history = history;
    this.#raw = pipeline.contents.bucket('raw').settings.name;
  }

  /** How many are still to be done, or under way. */
  get pending(): number {
    return this.#pending;
  }

  /** Puts them on the clock. */
  schedule(deeds: readonly Deed[]): void {
    this.#pending += deeds.length;
    for (const deed of deeds) {
      this.#network.clock.schedule(deed.at, () => {
        void this.#do(deed)
          .catch((error: Error) => this.#network.violations.push(`${deed.kind} failed: ${error.stack}`))
          .finally(() => {
            this.#pending -= 1;
          });
      });
    }
  }

  async #replay(key: string): Promise<readonly string[]> {
    const names = await this.#operator.replay(key);
    this.replayed.push(...names);
    return names;
  }

  /** Replays what has lost a file by hand, as `reconcile` advises. What is not whole yet waits. */
  async mend(): Promise<void> {
    for (const [key, path] of this.#unmended) {
      const names = await this.#replay(key);
      const entry = (await this.#pipeline.contents.entries()).get(key);
      // A replay of another version does not help the one before it, which may yet become whole.
      const isLeft = entry !== undefined && attemptAt(entry, path) !== undefined;
      const isReplayed = names.some((name) => isVersion(name, parseRevision(path.version).versionId));
      if (names.length > 0 && (isReplayed || !isLeft)) this.#unmended.delete(key);
    }
  }

  /** Has the small files of the lake become larger ones. */
  async compact(): Promise<void> {
    this.#mustWork(await this.#maintainer.run(0));
  }

  /** Has the lake maintained until nothing goes any more that may. */
  async maintain(): Promise<void> {
    for (let run = 1; run <= 2; run += 1) this.#mustWork(await this.#maintainer.run(0, { compacts: false }));
  }

  #mustWork(errors: readonly string[]): void {
    for (const error of errors) this.#network.violations.push(`maintenance: ${error}`);
  }

  async #do(deed: Deed): Promise<void> {
    const { store } = this.#pipeline;
    switch (deed.kind) {
      case 'put': {
        const { key, body } = deed.upload;
        const object = { bucket: this.#raw, key, body, contentType: 'application/octet-stream' };
        const { versionId } = await put(store, object);
        this.#note(`put ${key} as ${versionId.slice(0, 6)}`);
        this.history.push({ ...deed.upload, versionId });
        return;
      }
      case 'delete': {
        const versionId = await remove(store, this.#raw, deed.key);
        this.#note(`delete ${deed.key}`);
        this.history.push({ key: deed.key, deleted: true, versionId });
        return;
      }
      case 'erase': {
        const versions = this.#versions(deed.key);
        const version = deed.which === 'newest' ? versions[0] : this.#network.random.pickOf(versions);
        return this.#erase(deed.key, version?.versionId, 'deleted for good');
      }
      case 'expire': {
        const version = this.#network.random.pickOf(this.#versions(deed.key).slice(1));
        if (version !== undefined) this.#pipeline.expired.add(version.versionId);
        return this.#erase(deed.key, version?.versionId, 'expired');
      }
      case 'replay':
        await this.#replay(deed.key);
        return;
      case 'sweep':
        this.swept = true;
        await this.#operator.sweep(deed.olderThanMs);
        return;
      case 'deploy':
        return this.#pipeline.deploy();
      case 'maintain':
        // What fails is left to the next run.
        await this.#maintainer.run(deed.ageMs);
        return;
      case 'compact':
        // Long before anything is old enough to go.
        await this.#maintainer.run(7 * 86_400_000);
        return;
      case 'vandalism':
        return this.#takeAway(deed.bucket, deed.forGood);
      case 'purge':
        this.purged = true;
        this.needsSweep = true;
        return this.#pipeline.purge(deed.queueArn);
      case 'poison':
        await this.#pipeline.queue(deed.queueArn).send({ body: deed.body });
        this.#note(`poison for ${deed.queueArn.split(':').at(-1)}`);
        this.poison.push(deed);
    }
  }

  #versions(key: string) {
    return this.#pipeline.contents.bucket('raw').versions(key);
  }

  async #erase(key: string, versionId: string | undefined, how: string): Promise<void> {
    // Of what is gone nobody could make again what somebody else takes away.
    if (versionId === undefined || this.#spoilt.has(key)) return;
    this.needsSweep = true;
    await remove(this.#pipeline.store, this.#raw, key, versionId);
    this.#note(`${key} ${versionId.slice(0, 6)} is ${how}`);
    this.history.push({ key, erased: versionId });
  }

  async #takeAway(purpose: 'temp' | 'processed', forGood: boolean): Promise<void> {
    const { contents, reader, store } = this.#pipeline;
    const addressOf = (key: string) => (purpose === 'temp' ? parsePartKey(key) : parseFileKey(key));
    // A table without its metadata can't be mended.
    const key = this.#network.random.pickOf(contents.keys(purpose).filter((each) => addressOf(each)));
    const address = key === undefined ? undefined : addressOf(key);
    if (key === undefined || address === undefined) return;
    const own = this.history.filter((change) => objectId(change.key) === address.objectId);
    if (own.some((change) => 'erased' in change)) return;
    const bucket = contents.bucket(purpose);
    reader.spoil(address.dataset, address.objectId, address.version);
    for (const { key: spoilt } of own) {
      this.#spoilt.add(spoilt);
      this.#unmended.set(spoilt, address);
    }
    this.needsSweep = true;
    this.#note(`somebody takes away ${purpose}/${key}${forGood ? ' for good' : ''}`);
    await remove(store, bucket.settings.name, key, forGood ? bucket.current(key)?.versionId : undefined);
  }

  #note(line: string): void {
    this.#network.note(line);
  }
}
