import { describe, expect, it } from 'vitest';
import { type Requests, requestsOfMessage } from '../../domain/cost/load.ts';
import { limits } from '../../domain/records/part.ts';
import { type Stage, stages, WHOLE } from '../../domain/stage.ts';
import { parsePublicationKey } from '../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { Commits } from '../../handlers/stages/commit/commits.ts';
import { extractObject } from '../../handlers/stages/extract-object.ts';
import { loadPart } from '../../handlers/stages/load-part.ts';
import { transformPart } from '../../handlers/stages/transform-part.ts';
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
  put(recipes: readonly unknown[]): Promise<Record<Stage, Requests>> {
    putRaw(this.#store, KEY, ndjson(recipes));
    return this.#take({ ...this.#next(), size: 1 });
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
function estimated(parts: number): Requests {
  const messages = { extraction: 1, transformation: parts, commit: 1, loading: parts };
  return sum(
    stages.flatMap((stage) => Array.from({ length: messages[stage] }, () => requestsOfMessage[stage])),
  );
}

describe('the S3 requests', () => {
  it('of a small object', async () => {
    const flow = new Flow();
    await flow.put(small);
    console.log('first', await new Flow().put(small));
    console.log('large', await new Flow().put(large));
    const g = new Flow();
    await g.put(small);
    console.log('replaced', await g.put(small));
    console.log('deleted', await g.delete());
    const h = new Flow();
    await h.put(large);
    console.log('replaced', await h.put(large));
  });
});
