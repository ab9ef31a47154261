import { describe, expect, it } from 'vitest';
import { type Load, type Requests, totalsOf, workOf } from '../../domain/cost/load.ts';
import { limits } from '../../domain/records/part.ts';
import { type Stage, WHOLE } from '../../domain/stage.ts';
import { parsePublicationKey } from '../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { Commits } from '../../handlers/stages/commit/commits.ts';
import { extractObject } from '../../handlers/stages/extraction/extract-object.ts';
import { loadPart } from '../../handlers/stages/loading/load-part.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../store/memory-store.ts';
import { buckets, ndjson, putRaw, recipe } from './flow.ts';

const KEY = 'recipes/a.ndjson';

function priced(calls: readonly string[]): Requests {
  const of = (kinds: RegExp) => calls.filter((call) => kinds.test(call)).length;
  return {
    writes: of(/^(write|create|replace|copy|list) /),
    reads: of(/^(read|describe|exists|find|bytes) /),
  };
}

const sum = (all: readonly Requests[]): Requests => ({
  writes: all.reduce((total, { writes }) => total + writes, 0),
  reads: all.reduce((total, { reads }) => total + reads, 0),
});

/** A pipeline in which events come once, in order and at once. */
class Flow {
  readonly #store = new MemoryStore();
  readonly #outside = stageContextOf(this.#store, { limits: { ...limits, partRecords: 10 } });
  readonly #commits = new Commits(buckets);
  #events = 0;

  /** Counts the requests of each stage until all that comes of it is done. */
  put(recipes: readonly unknown[], key = KEY): Promise<Record<Stage, Requests>> {
    putRaw(this.#store, key, ndjson(recipes));
    return this.#take({ ...this.#next(), key, size: 1 });
  }

  /** The requests of one commit of so many objects. */
  async commitOf(objects: number): Promise<Requests> {
    const before = new Set(this.#store.keys('ledger'));
    for (let n = 0; n < objects; n += 1) {
      putRaw(this.#store, `${KEY}-${n}`, ndjson(small));
      await extractObject({ ...this.#next(), key: `${KEY}-${n}` }, buckets, this.#outside);
    }
    for (const key of this.#store.keys('temp'))
      await transformPart(createdEvent('temp', key), buckets, this.#outside);
    const isNew = (key: string) => !before.has(key) && key.endsWith(WHOLE);
    const batch = { ...this.#outside, batch: {} };
    return this.#counted(() =>
      Promise.all(
        this.#store
          .keys('ledger')
          .filter(isNew)
          .map((key) => this.#commits.commit(createdEvent('ledger', key), batch)),
      ),
    );
  }

  delete(): Promise<Record<Stage, Requests>> {
    return this.#take({ ...this.#next(), type: 'deleted' });
  }

  /** The last event comes once more. */
  async again(): Promise<Requests> {
    const event = createdEvent('raw', KEY, `v${this.#events}`);
    return this.#counted(() => extractObject(event, buckets, this.#outside));
  }

  #next(): ObjectEvent {
    this.#events += 1;
    return { ...createdEvent('raw', KEY, `v${this.#events}`), sequencer: String(this.#events) };
  }

  async #take(event: ObjectEvent): Promise<Record<Stage, Requests>> {
    const before = new Set(this.#keys());
    const isNew = (key: string) => !before.has(key);
    const published = (key: string) => parsePublicationKey(key) !== undefined && isNew(key);
    const each = async (keys: readonly string[], work: (of: ObjectEvent) => Promise<unknown>) => {
      for (const key of keys) await work(createdEvent('', key));
    };
    return {
      extraction: await this.#counted(() => extractObject(event, buckets, this.#outside)),
      transformation: await this.#counted(() =>
        each(this.#store.keys('temp').filter(isNew), (of) =>
          transformPart({ ...of, bucket: 'temp' }, buckets, this.#outside),
        ),
      ),
      commit: await this.#counted(() =>
        each(
          this.#store.keys('ledger').filter((key) => published(key) && key.endsWith(WHOLE)),
          (of) => this.#commits.commit(of, { ...this.#outside, batch: {} }),
        ),
      ),
      loading: await this.#counted(() =>
        each(this.#store.keys('ledger').filter(published), (of) => loadPart(of, buckets, this.#outside)),
      ),
    };
  }

  #keys(): string[] {
    return ['temp', 'ledger'].flatMap((bucket) => this.#store.keys(bucket));
  }

  async #counted(work: () => Promise<unknown>): Promise<Requests> {
    const from = this.#store.calls.length;
    await work();
    return priced(this.#store.calls.slice(from));
  }
}

const small = [recipe(1)];
/** Three parts, each with an easy, a medium and a hard recipe. */
const large = Array.from({ length: 30 }, (_, n) => recipe(n, [1, 8, 13][n % 3]));

/** What the estimate says of an object (docs/cost.md). */
function estimated(load: Pick<Load, 'records' | 'partitions'>): Requests {
  // The flow's parts are smaller.
  const records = (load.records / 10) * limits.partRecords;
  const memory = { extraction: 1, transformation: 1, commit: 1, loading: 1 };
  return totalsOf(workOf({ objects: 1, bytes: 1, ...load, records }, false), memory).requests;
}

/** A flow that has made its first commit, which makes the table, and reads what later ones know. */
async function flowWithTable(): Promise<Flow> {
  const flow = new Flow();
  await flow.put(small, 'recipes/first.ndjson');
  return flow;
}

const total = (of: Record<Stage, Requests>) => sum(Object.values(of));

describe('the S3 requests', () => {
  it('of a small object, by stage', async () => {
    const flow = await flowWithTable();
    expect(await flow.put(small)).toEqual({
      // It is transformed in place.
      extraction: { writes: 5, reads: 2 },
      transformation: { writes: 0, reads: 0 },
      commit: { writes: 4, reads: 1 },
      loading: { writes: 3, reads: 1 },
    });
  });

  it('are what npx sluice cost estimates of a load', async () => {
    const [one, many] = [await flowWithTable(), await flowWithTable()];
    expect(total(await one.put(small))).toEqual(estimated({ records: 1, partitions: 1 }));
    expect(total(await many.put(large))).toEqual(estimated({ records: 30, partitions: 3 }));
  });

  it('of an object of three parts and three partitions', async () => {
    const [parts, files] = [3, 9];
    expect(await (await flowWithTable()).put(large)).toEqual({
      extraction: { writes: 3 + parts, reads: 2 },
      // The last part finds the version whole, and reads the receipts of the others.
      // All parts but the first are read from the object.
      transformation: { writes: parts + files + parts + parts + 1, reads: 4 * parts - 1 + 2 * (parts - 1) },
      commit: { writes: 4, reads: 1 + parts },
      loading: { writes: files + parts + parts + 1, reads: 4 * parts },
    });
  });

  it('of two objects that are committed together are fewer', async () => {
    const [one, two] = [await (await flowWithTable()).commitOf(1), await (await flowWithTable()).commitOf(2)];
    expect(one).toEqual({ writes: 4, reads: 1 });
    expect(two).toEqual({ writes: 5, reads: 2 });
  });

  it('of a repeated event', async () => {
    const flow = new Flow();
    await flow.put(small);
    expect(await flow.again()).toEqual({ writes: 0, reads: 1 });
  });

  it('of a small object that takes the place of another one', async () => {
    const flow = await flowWithTable();
    await flow.put(small);
    expect(total(await flow.put(small))).toEqual({ writes: 23, reads: 9 });
  });

  it('of a large object that takes the place of another one', async () => {
    const flow = await flowWithTable();
    await flow.put(large);
    expect(total(await flow.put(large))).toEqual({ writes: 56, reads: 41 });
  });

  it('of a small object that is deleted', async () => {
    const flow = await flowWithTable();
    await flow.put(small);
    expect(total(await flow.delete())).toEqual({ writes: 16, reads: 6 });
  });
});
