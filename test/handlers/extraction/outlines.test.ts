import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { type Limits, limits } from '../../../domain/records/part.ts';
import { outlineKey } from '../../../domain/records/segments/outline.ts';
import { Registry } from '../../../domain/registry.ts';
import type { SourceFormat } from '../../../domain/source-format.ts';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { outlineSegment } from '../../../handlers/stages/extraction/outline-segment.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../../store/memory-store.ts';
import { buckets, extract, putRaw } from '../flow.ts';

const letters = z.object({ a: z.string().optional(), b: z.string().optional() });
const datasetOf = (name: string, source: SourceFormat): Dataset =>
  defineDataset({
    name,
    source: { prefix: `${name}/`, ...source },
    record: letters,
    row: z.object({ a: z.string() }),
    key: ['a'],
    partitionBy: [],
    onDelete: 'retract',
    onReject: 'replace',
    transform: () => ({ a: 'a' }),
  });
const registry = new Registry([
  datasetOf('csv', { format: 'csv' }),
  datasetOf('bare', { format: 'csv', header: false, comment: '#', encoding: 'latin1' }),
  datasetOf('json', { format: 'json' }),
]);
const tiny: Limits = {
  ...limits,
  blockBytes: 8,
  segmentBytes: 32,
  partRecords: 4,
  partBytes: 48,
  inPlaceBytes: 0,
};
const enough = { registry, limits: tiny, now: () => 1000, deadline: 2000 };

/** How much of an object was outlined. */
interface Counts {
  asked: number;
  outlined: number;
}

const storeOf = (key: string, body: string | Uint8Array) => {
  const store = new MemoryStore();
  putRaw(store, key, body);
  return store;
};
const pathOf = (key: string) =>
  versionPath({ dataset: key.slice(0, key.indexOf('/')), key, versionId: 'v1' });

/** Others who outline a segment as soon as that is asked for. @param isLost which of the messages get lost */
function helpers(
  store: MemoryStore,
  counts: Counts,
  isLost: (segment: number) => boolean = () => false,
): Partial<StageContext> {
  return {
    handOver: async ({ segment, ...event }: ObjectEvent) => {
      counts.asked += 1;
      if (segment === undefined || isLost(segment)) return;
      const helper = { ...enough, message: `outline ${segment}`, invocation: `helper ${segment}` };
      const made = await outlineSegment(event, segment, buckets, stageContextOf(store, helper)).catch(String);
      if (made === 'outlined') counts.outlined += 1;
    },
  };
}

/** What is there, but for times. */
const contents = (store: MemoryStore) =>
  Object.entries(store.contents()).map(([key, stored]) => {
    const text = Buffer.from((stored as { body: string }).body, 'base64').toString('latin1');
    return [key, text.replaceAll(/"(sentAt|finishedAt|durationMs)":[^,}]*/g, '')];
  });

/** Extracts an object alone, and then with help. @returns what both leave, and how much help there was */
async function both(
  key: string,
  body: string | Uint8Array,
  isLost?: (segment: number) => boolean,
  changes: Partial<StageContext> = {},
) {
  const size = Buffer.byteLength(body);
  const alone = storeOf(key, body);
  // Nobody gets its messages.
  await extract(alone, key, enough, { size });
  const helped = storeOf(key, body);
  const counts = { asked: 0, outlined: 0 };
  helped.calls.length = 0;
  await extract(helped, key, { ...enough, ...helpers(helped, counts, isLost), ...changes }, { size });
  return { alone, helped, counts };
}

const tokens = [
  '"',
  '""',
  ',',
  '\n',
  '\n',
  '\r\n',
  '\r',
  ' ',
  'x',
  'é',
  '{"a":"1"}\n',
  '{',
  '#',
  '"\n',
  '1,2\n',
];
const anyText = fc.array(fc.constantFrom(...tokens), { minLength: 40, maxLength: 200 });
const beginnings: readonly (readonly [key: string, beginning: string])[] = [
  ['csv/a.csv', 'a,b\n'],
  ['csv/mark.csv', '\ufeff\n\na,b\r\n'],
  ['bare/a.csv', '#\n1,2\n'],
  ['json/a.ndjson', ' \n{"a":"0"}\n'],
  ['json/array.json', '[{"a":"0"},\n'],
];

it.each(beginnings)(
  'an extraction with help leaves the same as one alone, whatever is in the object: %s',
  async (key, beginning) => {
    let used = 0;
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(fc.boolean(), { maxLength: 8 }), async (text, lost) => {
        const body = beginning + text.join('');
        const { alone, helped, counts } = await both(key, body, (segment) => lost[segment % 8] === true);
        expect(contents(helped)).toEqual(contents(alone));
        used += counts.outlined;
      }),
      { numRuns: 150 },
    );
    if (key === 'json/array.json') expect(used).toBe(0);
    else expect(used).toBeGreaterThan(20);
  },
);

const lines = Array.from({ length: 40 }, (_, n) => `${n},${'x'.repeat(n % 5)}\n`);
const CSV = `a,b\n${lines.join('')}`;

it('reads a segment that is outlined no further than to its first records', async () => {
  const { helped, counts } = await both('csv/a.csv', CSV);
  const segments = Math.ceil(CSV.length / tiny.segmentBytes);
  // Neither the one that the extraction is in nor the next one.
  expect(counts).toEqual({ asked: segments - 2, outlined: segments - 2 });
  const reads = helped.calls.filter((call) => call.startsWith('read raw/')).length;
  // Each of the others reads the beginning of the object, shortly before its segment, and the segment.
  expect(reads).toBe(1 + counts.outlined + 3 * counts.outlined);
  expect(helped.keys('temp').filter((key) => !key.includes('/part-'))).toEqual([]);
});

it('takes no outline from a line ending within quotes', async () => {
  // From within the quotes, each line seems to be a record.
  const quoted = `1,"${'in quotes\n'.repeat(30)}end"\n`;
  const body = `a,b\n${lines.slice(0, 8).join('')}${quoted}${lines.join('')}`;
  const { alone, helped, counts } = await both('csv/a.csv', body);
  // Whoever begins before the quote finds no record that ends in the next segment.
  expect(counts).toEqual({ asked: 17, outlined: 16 });
  expect(contents(helped)).toEqual(contents(alone));
});

it('takes no outline of other code, nor one that can’t be read', async () => {
  const key = 'csv/a.csv';
  const store = storeOf(key, CSV);
  const alone = storeOf(key, CSV);
  await extract(alone, key, enough, { size: CSV.length });
  const address = (segment: number) => ({ bucket: 'temp', key: outlineKey(pathOf(key), segment) });
  const counts = { asked: 0, outlined: 0 };
  const { handOver } = helpers(store, counts);
  const spoils: Partial<StageContext> = {
    handOver: async (event) => {
      await handOver?.(event);
      const at = address(event.segment ?? 0);
      const text = store.body('temp', at.key).toString();
      const body = (event.segment ?? 0) % 2 === 0 ? '{' : text.replace('"test"', '"other"');
      store.put({ ...at, body: body.replace('"records":', '"records":1'), contentType: '' });
    },
  };
  await extract(store, key, { ...enough, ...spoils }, { size: CSV.length });
  expect(counts.outlined).toBeGreaterThan(5);
  expect(contents(store)).toEqual(contents(alone));
});

it('does not take the first part of an object from an outline: that one has its records', async () => {
  const key = 'bare/a.csv';
  // The first record is in a later segment.
  const body = `${'#\n'.repeat(60)}${lines.join('')}`;
  const alone = storeOf(key, body);
  await extract(alone, key, enough, { size: body.length });
  const store = storeOf(key, body);
  const event = { ...createdEvent('raw', key), size: body.length };
  const made: string[] = [];
  const read = store.read.bind(store);
  store.read = async (...asked) => {
    store.read = read;
    for (let segment = 1; segment < 8; segment += 1)
      made.push(await outlineSegment(event, segment, buckets, stageContextOf(store, enough)));
    return read(...asked);
  };
  await extract(store, key, enough, { size: body.length });
  expect(made).toContain('outlined');
  expect(contents(store)).toEqual(contents(alone));
});

it('asks for nothing where records can’t be told from the middle, or the object is small', async () => {
  const array = `[${lines.map((_, n) => `{"a":"${n}"}`).join(',\n')}]`;
  for (const [key, body] of [
    ['json/array.json', array],
    ['csv/a.csv.gz', gzipSync(CSV)],
    ['csv/utf16.csv', Buffer.from(`\ufeff${CSV}`, 'utf16le')],
    ['csv/small.csv', CSV.slice(0, 60)],
  ] as const) {
    const { alone, helped, counts } = await both(key, body);
    expect([key, counts]).toEqual([key, { asked: 0, outlined: 0 }]);
    expect(contents(helped)).toEqual(contents(alone));
  }
});

it('goes on in another invocation from the middle of an outlined segment, and leaves the same', async () => {
  const key = 'csv/a.csv';
  // More parts in a segment than are stored at once.
  const many = { ...tiny, segmentBytes: 160, partRecords: 1 };
  const body = `a,b\n${'1,2\n'.repeat(200)}`;
  const event = { size: body.length };
  const alone = storeOf(key, body);
  await extract(alone, key, { ...enough, limits: many }, event);
  const store = storeOf(key, body);
  const counts = { asked: 0, outlined: 0 };
  let next: Partial<ObjectEvent> | undefined = event;
  let invocations = 0;
  for (; next !== undefined; invocations += 1) {
    const rest: ObjectEvent[] = [];
    const others = helpers(store, counts);
    const hurried = {
      ...enough,
      ...others,
      limits: many,
      isEnding: () => true,
      message: `message ${invocations}`,
      invocation: `invocation ${invocations}`,
      handOver: async (each: ObjectEvent) => {
        if (each.segment === undefined) rest.push(each);
        else {
          const helper = stageContextOf(store, { ...enough, limits: many });
          const made = await outlineSegment(each, each.segment, buckets, helper);
          if (made === 'outlined') counts.outlined += 1;
        }
      },
    };
    await extract(store, key, hurried, next);
    next = rest[0];
  }
  expect(counts.outlined).toBeGreaterThan(2);
  expect(invocations).toBeGreaterThan(8);
  expect(contents(store)).toEqual(contents(alone));
});

it('goes on after an invocation that was killed at any call, and leaves the same', async () => {
  const key = 'csv/a.csv';
  const event = { size: CSV.length };
  const alone = storeOf(key, CSV);
  await extract(alone, key, enough, event);
  const counted = storeOf(key, CSV);
  await extract(counted, key, { ...enough, ...helpers(counted, { asked: 0, outlined: 0 }) }, event);
  const calls = counted.calls.length;
  // Until then, the time at which it is begun is not known.
  const claimed = counted.calls.findIndex((each) => each.startsWith('create ledger/heads/')) + 1;
  expect(claimed).toBeGreaterThan(0);
  for (const afterEffect of [false, true])
    for (let call = claimed + 1; call <= calls; call += 1) {
      const store = storeOf(key, CSV);
      const others = helpers(store, { asked: 0, outlined: 0 });
      store.crash = { call, afterEffect };
      await extract(store, key, { ...enough, ...others }, event).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
      store.crash = undefined;
      const again = { now: () => 5000, deadline: 9000, receives: 2, invocation: 'again' };
      await extract(store, key, { ...enough, ...others, ...again }, event);
      const left = contents(store).filter(([name]) => !name?.includes('/segment-'));
      expect(left, `killed at call ${call}`).toEqual(contents(alone));
    }
});

it('outlines nothing of a version that nobody extracts, and leaves no outline of one that ended meanwhile', async () => {
  const key = 'csv/a.csv';
  const store = storeOf(key, CSV);
  const event = { ...createdEvent('raw', key), size: CSV.length };
  const outlined = () => outlineSegment(event, 3, buckets, stageContextOf(store, enough));
  expect(await outlined()).toBe('unwanted');
  expect(store.calls.filter((call) => call.startsWith('read '))).toEqual([]);
  const results: unknown[] = [];
  const write = store.write.bind(store);
  const slow: Partial<StageContext> = {
    handOver: async ({ segment }) => {
      // It is written when the extraction has ended.
      if (segment !== 3) return;
      let isEnded = () => {};
      const end = new Promise<void>((resolve) => {
        isEnded = resolve;
      });
      store.write = async (object) => {
        if (object.key.includes('/segment-')) await end;
        return write(object);
      };
      const late = outlined();
      setTimeout(isEnded, 200);
      results.push(late);
    },
  };
  await extract(store, key, { ...enough, ...slow }, event);
  expect(await Promise.all(results)).toEqual(['unwanted']);
  expect(store.keys('temp').filter((name) => !name.includes('/part-'))).toEqual([]);
});

it('outlines nothing without the time for it', async () => {
  const key = 'csv/a.csv';
  const store = storeOf(key, CSV);
  const results: string[] = [];
  const hurried: Partial<StageContext> = {
    handOver: async ({ segment = 0, ...event }) => {
      const helper = stageContextOf(store, { ...enough, isEnding: () => true });
      results.push(await outlineSegment(event, segment, buckets, helper));
    },
  };
  await extract(store, key, { ...enough, ...hurried }, { size: CSV.length });
  expect(new Set(results)).toEqual(new Set(['impossible']));
});
