import { describe, expect, it } from 'vitest';
import { type Requests, requestsOfMessage } from '../../domain/cost/load.ts';
import { limits } from '../../domain/records/part.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { extractObject } from '../../handlers/stages/extract-object.ts';
import { loadFile } from '../../handlers/stages/load-file.ts';
import { transformPart } from '../../handlers/stages/transform-part.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../store/memory-store.ts';
import { buckets, ndjson, putRaw, recipe } from './flow.ts';

const KEY = 'recipes/a.ndjson';

function priced(calls: readonly string[]): Requests {
  const of = (kinds: RegExp) => calls.filter((call) => kinds.test(call)).length;
  return { writes: of(/^(write|create|replace|copy|list) /), reads: of(/^(read|describe|exists|find) /) };
}

/** A pipeline in which events come once, in order and at once. */
class Flow {
  readonly #store = new MemoryStore();
  readonly #outside = stageContextOf(this.#store, { limits: { ...limits, partRecords: 10 } });
  #events = 0;

  /** Counts the requests until all that comes of it is done. */
  put(recipes: readonly unknown[]): Promise<Requests> {
    putRaw(this.#store, KEY, ndjson(recipes));
    return this.#take({ ...this.#next(), size: 1 });
  }

  delete(): Promise<Requests> {
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

  #take(event: ObjectEvent): Promise<Requests> {
    return this.#counted(async () => {
      const before = this.#keys();
      await extractObject(event, buckets, this.#outside);
      for (const key of this.#keys().temp.difference(before.temp))
        await transformPart(createdEvent('temp', key), buckets, this.#outside);
      for (const key of this.#keys().processed.difference(before.processed))
        await loadFile(createdEvent('processed', key), buckets, this.#outside);
      for (const key of before.processed.difference(this.#keys().processed))
        await loadFile({ ...createdEvent('processed', key), type: 'deleted' }, buckets, this.#outside);
    });
  }

  #keys() {
    const of = (bucket: string) => new Set(this.#store.keys(bucket));
    return { temp: of('temp'), processed: of('processed') };
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
function estimated(parts: number, files: number): Requests {
  const { extraction, transformation, loading } = requestsOfMessage;
  const sum = (kind: keyof Requests) =>
    extraction[kind] + parts * transformation[kind] + files * loading[kind];
  return { writes: sum('writes'), reads: sum('reads') };
}

describe('the S3 requests', () => {
  it('of a small object', async () => {
    expect(await new Flow().put(small)).toEqual({ writes: 8, reads: 12 });
  });

  it('are what npx sluice cost estimates of a load', async () => {
    expect(await new Flow().put(small)).toEqual(estimated(1, 1));
    expect(await new Flow().put(large)).toEqual(estimated(3, 9));
  });

  it('of an object of three parts and three partitions', async () => {
    const [parts, files] = [3, 9];
    expect(await new Flow().put(large)).toEqual({
      writes: 3 + parts + (parts + files) + 2 * files,
      reads: 4 + 4 * parts + 4 * files,
    });
  });

  it('of a repeated event', async () => {
    const flow = new Flow();
    await flow.put(small);
    expect(await flow.again()).toEqual({ writes: 0, reads: 1 });
  });

  it('of a small object that takes the place of another one', async () => {
    const flow = new Flow();
    await flow.put(small);
    expect(await flow.put(small)).toEqual({ writes: 21, reads: 24 });
  });

  it('of a large object that takes the place of another one', async () => {
    const flow = new Flow();
    await flow.put(large);
    expect(await flow.put(large)).toEqual({ writes: 67, reads: 110 });
  });

  it('of a small object that is deleted', async () => {
    const flow = new Flow();
    await flow.put(small);
    expect(await flow.delete()).toEqual({ writes: 9, reads: 6 });
  });
});
