import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { recipes } from '../../datasets/recipes.ts';
import { type Dataset, Filtered } from '../../domain/dataset.ts';
import { contradictions, summarize } from '../../domain/operations/reconciliation.ts';
import { limits } from '../../domain/records/part.ts';
import type { RejectLimit } from '../../domain/records/reject-limit.ts';
import { Registry } from '../../domain/registry.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import type { Announcement } from '../../domain/versions/announcement.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import type { Outcome } from '../../handlers/stages/outcome.ts';
import { Ledger } from '../../store/ledger.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { MemoryStore, storeWith } from '../store/memory-store.ts';
import {
  dataFiles,
  drain,
  extract,
  headsOf,
  ndjson,
  publications,
  putRaw,
  recipe,
  runAll,
  tableFiles,
  transform,
} from './flow.ts';

const recipesOnly = new Registry([recipes]);
let registry = recipesOnly;

const declare = (
  maxRejected: RejectLimit,
  onReject: 'keep' | 'replace' = 'keep',
  transformBy: Dataset['transform'] = recipes.transform,
) => {
  registry = new Registry([{ ...recipes, maxRejected, onReject, transform: transformBy }]);
};

const refusingTitle =
  (title: string): Dataset['transform'] =>
  (record, origin) => {
    const row = recipes.transform(record, origin);
    if (!(row instanceof Filtered) && row['title'] === title) throw new Error('is refused');
    return row;
  };

afterEach(() => {
  registry = recipesOnly;
});

const KEY = 'recipes/a.ndjson';

function rejectsOf(store: MemoryStore): string[] {
  const files = store.keys('failed').filter((key) => key.startsWith('rejects/'));
  return files.flatMap((key) => store.body('failed', key).toString().trimEnd().split('\n'));
}

describe('an object with too many rejects', () => {
  /** Takes an object through extraction and transformation. @returns the outcome of the last part */
  async function prepared(body: string) {
    const store = new MemoryStore();
    const told: Announcement[] = [];
    const announce = async (events: readonly Announcement[]) => {
      told.push(...events);
    };
    putRaw(store, KEY, body);
    const options = { registry, announce, limits: { ...limits, partRecords: 2 } };
    await extract(store, KEY, options);
    expect(told).toEqual([]);
    let outcome: Outcome | undefined;
    for (const part of store.keys('temp')) outcome = await transform(store, part, options);
    return { store, told, outcome, entry: headsOf(store)[0] };
  }

  it('is judged by its share of rejects when all of it is processed, whatever comes first', async () => {
    declare({ share: 0.5 });
    const { store, told, outcome, entry } = await prepared(ndjson([{}, 2, 3, recipe(1), recipe(2)]));
    const fault = {
      code: 'too_many_rejects',
      message:
        '3 of its 5 records are rejected; the dataset allows a share of 0.5 (maxRejected). Upload a better file, or raise the limit and replay.',
    };
    expect(outcome).toMatchObject({ result: 'failed', fault });
    expect(entry).toMatchObject({ attempts: [{ status: 'rejected', parts: 3, fault }] });
    expect(entry?.current).toBeUndefined();
    const rejected = { missing_field: 1, wrong_type: 2 };
    expect(told).toMatchObject([
      { type: 'Version Failed', detail: { takesEffect: false, read: 5, rejected, fault } },
    ]);
    expect(store.keys('processed')).toEqual([]);
    expect(publications(store)).toEqual([]);
    const [note = ''] = store.keys('failed').filter((key) => key.startsWith('faults/'));
    expect(JSON.parse(store.body('failed', note).toString())).toMatchObject(fault);
  });

  it('keeps its fault when one that was slow decides the same as who took it over, and is killed', async () => {
    declare({ share: 0.5 });
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([{}, 2, recipe(1)]));
    // By its clock, the lease of the slow one is over.
    const other = { registry, limits, invocation: 'other', now: () => 2, deadline: 3 };
    let isTakenOver = false;
    const slow = storeWith(store, {
      async create(object) {
        if (object.key.endsWith('/extraction.json')) throw new Error('killed');
        const created = await store.create(object);
        if (!isTakenOver && object.key.includes('/transformation/')) {
          isTakenOver = true;
          await extract(store, KEY, other);
          for (const part of store.keys('temp')) await transform(store, part, other);
        }
        return created;
      },
    });
    await expect(extract(slow, KEY, { registry, limits })).rejects.toThrow('killed');
    expect(isTakenOver).toBe(true);
    expect(headsOf(store)).toMatchObject([{ attempts: [{ status: 'rejected' }] }]);
    expect(store.keys('failed').filter((key) => key.startsWith('faults/'))).toHaveLength(1);
  });

  it('that was deleted for good leaves no fault of one that was slow', async () => {
    declare({ share: 0.5 }, 'replace');
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([{}, 2, recipe(1)]));
    const other = { registry, limits, invocation: 'other', now: () => 2, deadline: 3 };
    let isDeleted = false;
    const slow = storeWith(store, {
      async create(object) {
        if (object.key.endsWith('/extraction.json')) throw new Error('killed');
        const created = await store.create(object);
        if (!isDeleted && object.key.includes('/transformation/')) {
          isDeleted = true;
          await runAll(store, KEY, other);
          expect(headsOf(store)).toMatchObject([{ current: { type: 'created' } }]);
          const deletion = { type: 'deleted', permanent: true } as const;
          await extract(store, KEY, { ...other, message: 'deletion' }, deletion);
          await drain(store, other);
        }
        return created;
      },
    });
    await Promise.allSettled([extract(slow, KEY, { registry, limits })]);
    expect(isDeleted).toBe(true);
    expect(headsOf(store)).toMatchObject([{ current: { type: 'deleted' } }]);
    expect(store.keys('failed')).toEqual([]);
  });

  it('is judged by the rejects of all stages', async () => {
    declare({ share: 0.5 }, 'keep', refusingTitle('Recipe 1'));
    const body = ndjson([{}, recipe(1), recipe(2), recipe(1), recipe(3)]);
    const { outcome, store } = await prepared(body);
    expect(outcome).toMatchObject({
      result: 'failed',
      fault: { message: expect.stringContaining('3 of its 5') },
    });
    expect(store.keys('processed')).toEqual([]);
    declare({ records: 2 }, 'keep', refusingTitle('Recipe 1'));
    expect((await prepared(body)).outcome).toMatchObject({
      fault: { message: expect.stringContaining('the dataset allows 2 (maxRejected)') },
    });
    declare({ share: 0.6, records: 3 }, 'keep', refusingTitle('Recipe 1'));
    const { entry } = await prepared(body);
    expect(entry).toMatchObject({ current: { versionId: 'v1' }, attempts: [] });
  });

  it('is reported as such even if it breaks off', async () => {
    declare({ share: 0.1 });
    const { entry } = await prepared(`[1, ${JSON.stringify(recipe(1))}, {"title`);
    expect(entry?.attempts[0]?.fault).toMatchObject({
      code: 'too_many_rejects',
      message: expect.stringContaining('and it ends in a fault, truncated: '),
    });
  });

  it('leaves the last good version in every sink if its dataset keeps it', async () => {
    declare({ share: 0.5 });
    const store = new MemoryStore();
    const { server, tables } = calmMysql();
    putRaw(store, KEY, ndjson([recipe(1), recipe(2)]));
    await runAll(store, KEY, { tables, registry });
    const before = await tableFiles(store);
    expect(before).toHaveLength(1);
    putRaw(store, KEY, ndjson([recipe(3), 1, 2]));
    const event = { versionId: 'v2', sequencer: '0B' };
    await extract(store, KEY, { tables, registry }, event);
    const [part = ''] = store.keys('temp').filter((key) => key.includes('/v2/'));
    expect(await transform(store, part, { registry })).toMatchObject({
      result: 'failed',
      fault: { code: 'too_many_rejects' },
    });
    expect(headsOf(store)[0]?.current?.versionId).toBe('v1');
    expect(dataFiles(store)).toEqual(before);
    expect(publications(store)).toHaveLength(1);
    const rows = server.rows('recipes', objectHash(KEY));
    expect(rows.map((row) => row['_sequencer'])).toEqual(['0A', '0A']);
  });

  it('loses its prepared files, also if whoever decided that died before', async () => {
    declare({ share: 0.5 });
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([recipe(1), 1, 2]));
    await extract(store, KEY, { registry });
    const [part = ''] = store.keys('temp');
    const dying = storeWith(store, { list: () => Promise.reject(new Error('It was killed.')) });
    await expect(transform(store, part, { registry, store: dying })).rejects.toThrow('killed');
    expect(dataFiles(store)).toHaveLength(1);
    expect(headsOf(store)[0]?.attempts).toMatchObject([{ status: 'rejected' }]);
    const again = { registry, receives: 2 };
    expect(await transform(store, part, again)).toMatchObject({ result: 'duplicate' });
    expect(dataFiles(store)).toEqual([]);
  });

  it.each([
    ['lives', false],
    ['is killed, and its message comes again', true],
  ])(
    'leaves no fault if a newer version took its place while that was decided by a function that %s',
    async (_, isKilled) => {
      declare({ share: 0.5 });
      const store = new MemoryStore();
      putRaw(store, KEY, ndjson([recipe(1), 1, 2]));
      await extract(store, KEY, { registry });
      const [part = ''] = store.keys('temp');
      let newer: Promise<void> | undefined;
      const slow = storeWith(store, {
        async write(object) {
          if (!object.key.startsWith('faults/')) return store.write(object);
          putRaw(store, KEY, ndjson([recipe(2)]));
          newer ??= extract(store, KEY, { registry }, { versionId: 'v2', sequencer: '0B' }).then(() =>
            drain(store, { registry }),
          );
          await newer;
          const written = await store.write(object);
          if (isKilled) store.crash = { call: 0, afterEffect: false };
          return written;
        },
      });
      const work = transform(store, part, { registry, store: slow });
      if (isKilled) {
        await expect(work).rejects.toThrow('killed');
        store.crash = undefined;
        expect(store.keys('failed')).toEqual([expect.stringMatching(/^faults\/.*\/v1\//)]);
        const again = { registry, receives: 2 };
        expect(await transform(store, part, again)).toMatchObject({ result: 'stale' });
      } else expect(await work).toMatchObject({ result: 'stale' });
      expect(newer).toBeDefined();
      expect(headsOf(store)).toMatchObject([{ current: { versionId: 'v2' }, attempts: [], superseded: [] }]);
      expect(store.keys('failed')).toEqual([]);
    },
  );

  it('takes effect with the good records if its dataset replaces, and says what is amiss', async () => {
    declare({ share: 0.5 }, 'replace');
    const { entry, outcome, told, store } = await prepared(ndjson([recipe(1), 1, 2]));
    const fault = { code: 'too_many_rejects' };
    expect(entry).toMatchObject({ current: { versionId: 'v1', fault }, attempts: [] });
    expect(outcome).toMatchObject({ result: 'done', fault });
    expect(told).toMatchObject([{ detail: { takesEffect: true, fault } }]);
    expect(publications(store)).toHaveLength(2);
  });

  describe('keeps the lines of', () => {
    const rejectedParts = async (lines: number, options: Partial<StageContext>) => {
      const store = new MemoryStore();
      putRaw(store, KEY, gzipSync(`${JSON.stringify(recipe(1))}\n${'1\n'.repeat(lines)}`));
      await extract(store, KEY, options);
      for (const part of store.keys('temp')) await transform(store, part, options);
      const { receipts } = await new Ledger(store, 'ledger').readableReceipts(
        store.keys('ledger').filter((key) => key.startsWith('receipts/')),
      );
      const transformations = receipts.filter((each) => each.stage === 'transformation');
      const found = contradictions(receipts).filter(({ kind }) => kind === 'counts');
      return { store, receipts, transformations, found };
    };

    it('the first parts with many rejects, until they are more than it allows', async () => {
      declare({ records: 2500 });
      const options = { registry, limits: { ...limits, partRecords: 2000 } };
      const { store, receipts, transformations, found } = await rejectedParts(7999, options);
      expect(transformations.map(({ rejected }) => rejected)).toEqual([
        { wrong_type: 1999 },
        ...Array(3).fill({ wrong_type: 2000 }),
      ]);
      // The second has seen the rejects of the first: with 1,001 of its own these are too many.
      expect(transformations.map(({ withoutLines }) => withoutLines)).toEqual([
        undefined,
        ...Array(3).fill({ wrong_type: 2000 }),
      ]);
      expect(rejectsOf(store)).toHaveLength(1999);
      expect(found).toEqual([]);
      const { read, rejected, withLines, files } = summarize(receipts, { refused: true });
      expect({ read, rejected, withLines }).toEqual({
        read: 8000,
        rejected: { wrong_type: 7999, too_many_rejects: 1 },
        withLines: { wrong_type: 1999 },
      });
      expect(files.map(({ records }) => records)).toEqual([1999]);
      expect(headsOf(store)[0]?.attempts).toMatchObject([
        { status: 'rejected', fault: { code: 'too_many_rejects' } },
      ]);
    });

    it('a thousand rejects of each part in any case', async () => {
      declare({ records: 2 });
      const options = { registry, limits: { ...limits, partRecords: 1000 } };
      const { store, transformations } = await rejectedParts(1999, options);
      expect(transformations.map(({ withoutLines }) => withoutLines)).toEqual([undefined, undefined]);
      expect(rejectsOf(store)).toHaveLength(1999);
    });

    it('no more rejects of one part than it allows for all', async () => {
      declare({ records: 1500 });
      const { store, transformations, found } = await rejectedParts(1999, { registry });
      expect(transformations[0]).toMatchObject({
        rejected: { wrong_type: 1999 },
        withoutLines: { wrong_type: 499 },
      });
      expect(rejectsOf(store)).toHaveLength(1500);
      expect(found).toEqual([]);
    });

    it('a bounded number, even of a kilobyte of gzip', async () => {
      const { store, transformations, found } = await rejectedParts(499_999, { registry });
      expect(transformations).toHaveLength(25);
      expect(rejectsOf(store).length).toBeLessThan(120_000);
      expect(found).toEqual([]);
    });
  });
});
