import { describe, expect, it } from 'vitest';
import { limits } from '../../domain/records/part.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import { archiveKey, parseDataKey } from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { extractObject } from '../../handlers/stages/extraction/extract-object.ts';
import type { Outcome } from '../../handlers/stages/outcome.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { createdEvent, MemoryStore, stageContextOf, storeWith } from '../store/memory-store.ts';
import {
  buckets,
  commit,
  dataFiles,
  drain,
  headsOf,
  leftBy,
  load,
  ndjson,
  publications,
  putRaw,
  recipe,
  tableFiles,
  transform,
} from './flow.ts';

const KEY = 'recipes/a.ndjson';
const easy = ndjson([recipe(1)]);
const easyAndHard = ndjson([recipe(1), { ...recipe(2), directions: undefined }, recipe(3, 13)]);
const useless = ndjson([{ title: 'no recipe' }]);
const unreadable = 'title,ingredients,directions';

function event(versionId: string, sequencer: string, changes: Partial<ObjectEvent> = {}): ObjectEvent {
  return { ...createdEvent('raw', KEY, versionId), sequencer, ...changes };
}

function extract(store: MemoryStore, of: ObjectEvent, changes: Partial<StageContext> = {}): Promise<Outcome> {
  // Each event comes in a message of its own.
  return extractObject(of, buckets, stageContextOf(store, { message: of.versionId, ...changes }));
}

async function put(
  store: MemoryStore,
  body: string,
  of: ObjectEvent,
  changes: Partial<StageContext> = {},
): Promise<Outcome> {
  putRaw(store, KEY, body);
  const outcome = await extract(store, of, changes);
  await drain(store, changes);
  return outcome;
}

/**
 * Loses the answer to one write of an entry, the n-th from now.
 *
 * @returns how many there were
 */
function loseAnswer(store: MemoryStore, nth: number): () => number {
  const replace = store.replace.bind(store);
  let writes = 0;
  store.replace = async (object, etag) => {
    writes += 1;
    const isLost = writes === nth;
    const written = await replace(object, etag);
    return isLost ? undefined : written;
  };
  return () => writes;
}

/** Versions and partitions of the files of the lake's table; the archive has the same. */
async function lake(store: MemoryStore): Promise<string[]> {
  const files = await tableFiles(store);
  expect(store.keys('archive')).toEqual(files.map(archiveKey).sort());
  return namesOf(files);
}

const namesOf = (files: readonly string[]) =>
  files
    .map((key) => {
      const { version, partitionPath } = parseDataKey(key) ?? {};
      return `${version} ${partitionPath?.slice(0, -1)}`;
    })
    .sort();

function headOf(store: MemoryStore): LedgerEntry {
  const [head] = headsOf(store);
  if (head === undefined) throw new Error('The ledger has no entry.');
  return head;
}

describe('a new version', () => {
  it('replaces all output of the one before, even in partitions where it has no rows', async () => {
    const store = new MemoryStore();
    await put(store, easyAndHard, event('v1', '10'));
    expect(await lake(store)).toEqual(['v1 difficulty=easy', 'v1 difficulty=hard']);
    expect(store.keys('failed')).toHaveLength(1);
    await put(store, easy, event('v2', '20'));
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
    expect(store.keys('failed')).toEqual([]);
    expect(store.keys('temp')).toHaveLength(1);
    expect(headOf(store)).toMatchObject({ current: { versionId: 'v2' }, attempts: [], superseded: [] });
  });

  it('leaves the files of the one before, which older snapshots of the table show', async () => {
    const store = new MemoryStore();
    await put(store, easyAndHard, event('v1', '10'));
    const before = dataFiles(store);
    await put(store, easy, event('v2', '20'));
    expect(headOf(store).superseded).toEqual([]);
    expect(dataFiles(store)).toEqual(expect.arrayContaining(before));
    expect(namesOf(before)).toEqual(['v1 difficulty=easy', 'v1 difficulty=hard']);
  });

  it('leaves the one before in place until it is complete itself', async () => {
    const store = new MemoryStore();
    await put(store, easyAndHard, event('v1', '10'));
    putRaw(store, KEY, easy);
    await extract(store, event('v2', '20'));
    expect(await lake(store)).toEqual(['v1 difficulty=easy', 'v1 difficulty=hard']);
    await drain(store);
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
  });

  it('that is overtaken while its completeness is checked does not make the newer one complete', async () => {
    const store = new MemoryStore();
    const single = { limits: { ...limits, partRecords: 1 } };
    await put(store, easy, event('v1', '10'));
    putRaw(store, KEY, easyAndHard);
    await extract(store, event('v2', '20'), single);
    const list = store.list.bind(store);
    let overtaken = false;
    store.list = async (bucket, prefix) => {
      const keys = await list(bucket, prefix);
      // Every part of v2 is loaded.
      const isLast = keys.filter((key) => key.includes('/loading/')).length === 3;
      if (prefix.includes('/v2/') && isLast && !overtaken) {
        overtaken = true;
        await extract(store, event('v3', '30'));
        for (const key of store.keys('temp').filter((each) => each.includes('/v3/')))
          await transform(store, key);
      }
      return keys;
    };
    await drain(store);
    expect(overtaken).toBe(true);
    expect(headOf(store)).toMatchObject({ current: { versionId: 'v3' }, superseded: ['v1', 'v2'] });
    expect(headOf(store).loaded?.versionId).not.toBe('v3');
    expect(await lake(store)).toEqual(['v2 difficulty=easy', 'v2 difficulty=hard']);
  });

  it.each([
    ['a new key', false],
    ['a known key', true],
  ])(
    'of %s keeps its parts when an extraction goes on whose lease another one took over',
    async (_, known) => {
      const store = new MemoryStore();
      if (known) await put(store, easy, event('v1', '01'));
      putRaw(store, KEY, easy);
      const read = store.read.bind(store);
      let isTakenOver = false;
      store.read = async (address, range) => {
        if (!isTakenOver && address.bucket === 'raw') {
          isTakenOver = true;
          // By its clock, the lease of the first one is over.
          const other = { message: 'v2', invocation: 'other', now: () => 10, deadline: 11 };
          await extractObject(event('v2', '02'), buckets, stageContextOf(store, other));
        }
        return read(address, range);
      };
      await extract(store, event('v2', '02'));
      expect(isTakenOver).toBe(true);
      const parts = store.keys('temp').filter((key) => !key.includes('/v1/'));
      expect(parts).toEqual([expect.stringContaining('/v2/part-00000')]);
    },
  );

  it('of a key does not become active by an extraction that read it before another one found it deleted for good', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easy);
    const read = store.read.bind(store);
    let isDeleted = false;
    store.read = async (address) => {
      const bytes = await read(address);
      if (isDeleted) return bytes;
      isDeleted = true;
      await store.remove('raw', [KEY]);
      const other = { message: 'copy', invocation: 'other', now: () => 10, deadline: 11 };
      await extractObject(event('v1', '01'), buckets, stageContextOf(store, other));
      return bytes;
    };
    await extract(store, event('v1', '01'));
    expect(isDeleted).toBe(true);
    expect(headOf(store).current).toBeUndefined();
    await drain(store);
    expect(await lake(store)).toEqual([]);
    expect(store.keys('temp')).toEqual([]);
  });

  it('that is rejected is removed when a newer one is rejected, even if the answer to that write is lost', async () => {
    const store = new MemoryStore();
    await put(store, unreadable, event('v3', '30'));
    // The claim is the first write of the entry, the conclusion the second.
    loseAnswer(store, 2);
    expect(await put(store, unreadable, event('v2', '20'))).toMatchObject({ result: 'stale' });
    expect(headOf(store)).toMatchObject({
      attempts: [{ versionId: 'v3', status: 'rejected' }],
      superseded: [],
    });
    expect(store.keys('failed')).toEqual([expect.stringContaining('/v3/')]);
  });

  it('that is rejected is removed with what its other parts left, even if the answer to that write is lost', async () => {
    const store = new MemoryStore();
    await put(store, unreadable, event('v3', '30'));
    putRaw(store, KEY, ndjson([{ title: 'no recipe' }, { title: 'no recipe either' }]));
    const single = { limits: { ...limits, partRecords: 1 } };
    await extract(store, event('v2', '20'), single);
    const [first = '', last = ''] = store.keys('temp');
    await transform(store, first, single);
    const writes = loseAnswer(store, 1);
    await transform(store, last, single);
    expect(writes()).toBeGreaterThan(0);
    expect(headOf(store)).toMatchObject({
      attempts: [{ versionId: 'v3', status: 'rejected' }],
      superseded: [],
    });
    expect(store.keys('temp')).toEqual([]);
    expect(store.keys('failed')).toEqual([expect.stringContaining('/v3/')]);
  });

  it('replaces the one before even if receipts of that one are unreadable, but reports its own unreadable document', async () => {
    const store = new MemoryStore();
    await put(store, easyAndHard, event('v1', '10'));
    for (const key of store.keys('ledger').filter((each) => each.startsWith('receipts/')))
      store.put({ bucket: 'ledger', key, body: '{"stage":', contentType: '' });
    await put(store, easy, event('v2', '20'));
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
    putRaw(store, KEY, easyAndHard);
    await extract(store, event('v3', '30'));
    for (const part of store.keys('temp')) await transform(store, part);
    // As older code made the entry: the sinks read the files in the publication.
    const [entry = ''] = store.keys('ledger').filter((key) => key.startsWith('heads/'));
    const { current: { files: _, ...current } = {}, ...rest } = headOf(store);
    const body = JSON.stringify({ ...rest, current });
    store.put({ bucket: 'ledger', key: entry, body, contentType: '' });
    const own = publications(store).find((each) => each.includes('/v3/')) ?? '';
    store.put({ bucket: 'ledger', key: own, body: '{}', contentType: '' });
    for (const stage of [commit, load])
      await expect(stage(store, own)).rejects.toThrow(`${own} can’t be read`);
  });

  it('leaves the last good one active, and its own rejects, if none of its records is usable', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v1', '10'));
    await put(store, useless, event('v2', '20'));
    expect(await lake(store)).toEqual(['v1 difficulty=easy']);
    expect(store.keys('failed')).toEqual([expect.stringContaining('/v2/')]);
    await put(store, easy, event('v3', '30'));
    expect(await lake(store)).toEqual(['v3 difficulty=easy']);
    expect(store.keys('failed')).toEqual([]);
  });

  it('that was rejected before a newer one was is not extracted again when its event comes again', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v1', '10'));
    await put(store, useless, event('v2', '20'));
    await put(store, useless, event('v3', '30'));
    // The ledger entry has forgotten it, and only its receipt tells that it was done.
    expect(headOf(store).attempts.map(({ versionId }) => versionId)).toEqual(['v3']);
    const before = store.contents();
    expect(await extract(store, event('v2', '20'))).toMatchObject({ result: 'stale' });
    expect(store.contents()).toEqual(before);
  });

  it('replaces the one before with nothing when it holds no records', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v1', '10'));
    await put(store, '[]', event('v2', '20'));
    expect(await lake(store)).toEqual([]);
  });

  it('is not affected by an older one that comes late', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v2', '20'));
    expect(await put(store, easyAndHard, event('v1', '10'))).toMatchObject({ result: 'stale' });
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
  });

  it('takes effect while an older one is still in progress, whose work items are discarded', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easyAndHard);
    await extract(store, event('v1', '10'));
    const [part = ''] = store.keys('temp');
    await transform(store, part);
    await put(store, easy, event('v2', '20'));
    await drain(store);
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
    expect(store.keys('failed')).toEqual([]);
  });

  it('takes effect while a part of an older one is transformed, whose late files go again', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easyAndHard);
    await extract(store, event('v1', '10'));
    const [part = ''] = store.keys('temp');
    let newer: Promise<Outcome> | undefined;
    const overtaken = storeWith(store, {
      async write(object) {
        if (object.bucket !== 'processed') return store.write(object);
        newer ??= put(store, easy, event('v2', '20'), { limits });
        await newer;
        return store.write(object);
      },
    });
    expect(await transform(store, part, { store: overtaken })).toMatchObject({ result: 'stale' });
    expect(newer).toBeDefined();
    expect(namesOf(dataFiles(store))).toEqual(['v2 difficulty=easy']);
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
    expect([...store.keys('temp'), ...store.keys('failed')]).toEqual([]);
  });

  it.each([
    { before: 'never', wasTransformed: false },
    { before: 'once', wasTransformed: true },
  ])(
    'takes effect before a part of an older one comes late, which is removed unread if it was $before transformed',
    async ({ wasTransformed }) => {
      const store = new MemoryStore();
      putRaw(store, KEY, easyAndHard);
      await extract(store, event('v1', '10'));
      const [key = ''] = store.keys('temp');
      const late = { bucket: 'temp', key, body: store.body('temp', key), contentType: '' };
      if (wasTransformed) await drain(store);
      await put(store, easy, event('v2', '20'), { limits });
      expect(store.keys('temp')).toEqual([]);
      const files = dataFiles(store);
      // An attempt to extract the older one goes on, although its lease is over.
      store.put(late);
      store.calls.length = 0;
      expect(await transform(store, key)).toMatchObject({ result: 'stale' });
      expect(store.keys('temp')).toEqual([]);
      expect(store.calls.filter((call) => /^(read|write|create|replace) /.test(call))).toEqual([]);
      expect(dataFiles(store)).toEqual(files);
    },
  );

  it('leaves no files of an older one of which only some parts were transformed', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easyAndHard);
    await extract(store, event('v1', '10'), { limits: { ...limits, partRecords: 1 } });
    const [part = ''] = store.keys('temp');
    await transform(store, part);
    expect(namesOf(dataFiles(store))).toEqual(['v1 difficulty=easy']);
    // In place.
    await put(store, easy, event('v2', '20'), { limits });
    expect(namesOf(dataFiles(store))).toEqual(['v2 difficulty=easy']);
  });

  it('leaves no rejects of an older one whose part is transformed meanwhile', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easyAndHard);
    await extract(store, event('v1', '10'));
    const [part = ''] = store.keys('temp');
    let written = '';
    const overtaken = storeWith(store, {
      write: async (object) => {
        if (object.bucket === 'failed') {
          await put(store, easy, event('v2', '20'));
          written = object.key;
        }
        return store.write(object);
      },
    });
    expect(await transform(store, part, { store: overtaken })).toMatchObject({ result: 'stale' });
    expect(written).toMatch(/^rejects\/.*\/v1\//);
    expect(store.keys('failed')).toEqual([]);
  });

  it.each([
    { end: 'ends', dies: false },
    { end: 'dies, once its message comes again', dies: true },
  ])('leaves nothing of an older one that is being read meanwhile, and $end', async ({ dies }) => {
    const store = new MemoryStore();
    const read = store.read.bind(store);
    const create = store.create.bind(store);
    const putNewer = async () => {
      store.read = read;
      await put(store, easy, event('v2', '20'));
      putRaw(store, KEY, easyAndHard);
      if (dies) store.create = () => Promise.reject(new Error('It was killed.'));
    };
    store.read = async (address) => {
      await putNewer();
      return read(address);
    };
    putRaw(store, KEY, easyAndHard);
    const older = extract(store, event('v1', '10'));
    if (dies) await expect(older).rejects.toThrow('killed');
    else expect(await older).toMatchObject({ result: 'stale' });
    store.create = create;
    const ofOlder = () => [...store.keys('temp'), ...store.keys('failed')].filter((key) => /v1/.test(key));
    if (dies) {
      expect(ofOlder()).toHaveLength(1);
      expect(await extract(store, event('v1', '10'))).toMatchObject({ result: 'stale' });
    }
    expect(ofOlder()).toEqual([]);
    expect(await lake(store)).toEqual(['v2 difficulty=easy']);
  });

  it('keeps its parts when an older event of the same version comes again while it is extracted anew', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v1', '10'));
    await put(store, easy, event('v1', '20', { revision: 1 }), { message: 'first replay' });
    const list = store.list.bind(store);
    store.list = async (bucket, prefix) => {
      store.list = list;
      const again = event('v1', '30', { revision: 2 });
      expect(await extract(store, again, { message: 'second replay' })).toMatchObject({ result: 'done' });
      return list(bucket, prefix);
    };
    const before = store.keys('temp');
    expect(await extract(store, event('v1', '10'))).toMatchObject({ result: 'stale' });
    const added = store.keys('temp').filter((key) => !before.includes(key));
    expect(added).toEqual([expect.stringContaining('/v1!0002/part-00000')]);
    await drain(store);
    expect(await lake(store)).toEqual(['v1!0002 difficulty=easy']);
  });

  it('that was deleted before it was read replaces nothing', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v1', '10'));
    store.objects.delete(`raw/${KEY}`);
    expect(await extract(store, event('v2', '20'))).toMatchObject({ fault: { code: 'version_not_found' } });
    expect(await lake(store)).toEqual(['v1 difficulty=easy']);
  });

  it.each([
    { left: 'part', bucket: 'temp', changes: {} },
    { left: 'file', bucket: 'processed', changes: { limits } },
  ])(
    'that was deleted before a second attempt leaves no $left of the attempt that died, even if the second is killed',
    async ({ bucket, changes }) => {
      const store = new MemoryStore();
      putRaw(store, KEY, easyAndHard);
      store.crash = { call: 4, afterEffect: true };
      await expect(extract(store, event('v1', '10'), changes)).rejects.toThrow('killed');
      expect(store.keys(bucket)).toHaveLength(1);
      store.objects.delete(`raw/${KEY}`);
      for (let call = 1; ; call += 1) {
        store.calls.length = 0;
        store.crash = { call, afterEffect: true };
        try {
          await extract(store, event('v1', '10'), changes);
          break;
        } catch {
          // Its message comes back.
        }
      }
      expect([...store.keys('temp'), ...store.keys('processed')]).toEqual([]);
      expect(store.keys('failed')).toEqual([expect.stringMatching(/^faults\//)]);
    },
  );
});

it('the rows of a version carry the sequencer of its ledger entry, whichever event they are made for', async () => {
  const store = new MemoryStore();
  const { server, tables } = calmMysql();
  putRaw(store, KEY, easy);
  // After the claim.
  store.crash = { call: 2, afterEffect: true };
  await expect(extract(store, event('v1', '2001'))).rejects.toThrow('killed');
  store.crash = undefined;
  await extractObject(event('v1', '10'), buckets, stageContextOf(store, { tables }));
  await drain(store, { tables });
  expect(headOf(store)).toMatchObject({ current: { sequencer: '2001' } });
  expect(server.rows('recipes', objectHash(KEY))).toMatchObject([{ _sequencer: '2001' }]);
});

describe('a new revision of a version', () => {
  it.each([
    { used: 'v1!0001', asked: event('v1', '10', { revision: 1 }), done: 'v1!0002' },
    { used: 'v2', asked: event('v2', '20'), done: 'v2!0001' },
  ])(
    'is never done under the name $used of one that came to nothing: what its receipts name is gone',
    async ({ used, asked, done }) => {
      const store = new MemoryStore();
      await put(store, easy, event('v1', '10'));
      const [known = ''] = store.keys('ledger').filter((each) => each.includes('/transformation/'));
      const left = known.replace('/v1/', `/${used}/`);
      store.put({ bucket: 'ledger', key: left, body: store.body('ledger', known), contentType: '' });
      await put(store, easyAndHard, asked);
      expect(await lake(store)).toEqual([`${done} difficulty=easy`, `${done} difficulty=hard`]);
      expect(headOf(store)).toMatchObject({ current: { versionId: done }, attempts: [], superseded: [] });
    },
  );

  it('replaces the one before, and its rejects replace the earlier rejects', async () => {
    const store = new MemoryStore();
    await put(store, easyAndHard, event('v1', '10'));
    expect(await put(store, easyAndHard, event('v1', '10', { revision: 1 }))).toMatchObject({
      result: 'done',
    });
    expect(await lake(store)).toEqual(['v1!0001 difficulty=easy', 'v1!0001 difficulty=hard']);
    expect(store.keys('failed')).toEqual([expect.stringContaining('/v1!0001/')]);
    expect(await extract(store, event('v1', '10', { revision: 1 }))).toMatchObject({ result: 'duplicate' });
    expect(await extract(store, event('v1', '10'))).toMatchObject({ result: 'stale' });
  });
});

describe('a deletion', () => {
  const deletion = event('marker', '20', { type: 'deleted' });

  it('removes all output, also from the archive', async () => {
    const store = new MemoryStore();
    await put(store, easyAndHard, event('v1', '10'));
    expect(await extract(store, deletion)).toMatchObject({ result: 'retracted' });
    await drain(store);
    expect(await lake(store)).toEqual([]);
    expect([...store.keys('failed'), ...store.keys('temp')]).toEqual([]);
  });

  it('that overtakes the creation of its object wins', async () => {
    const store = new MemoryStore();
    await extract(store, deletion);
    expect(await put(store, easy, event('v1', '10'))).toMatchObject({ result: 'stale' });
    expect(await lake(store)).toEqual([]);
  });

  it('ends when the key is put again', async () => {
    const store = new MemoryStore();
    await put(store, easy, event('v1', '10'));
    await extract(store, deletion);
    await put(store, easyAndHard, event('v3', '30'));
    expect(await lake(store)).toEqual(['v3 difficulty=easy', 'v3 difficulty=hard']);
  });

  it('of a version for good removes its rows from every sink', async () => {
    const store = new MemoryStore();
    const { server, tables } = calmMysql();
    await put(store, easyAndHard, event('v1', '10'), { tables });
    expect(server.rows('recipes', objectHash(KEY))).toHaveLength(2);
    const forGood = event('v1', '20', { type: 'deleted', permanent: true });
    expect(await extract(store, forGood)).toMatchObject({ result: 'retracted' });
    await drain(store, { tables });
    expect(await lake(store)).toEqual([]);
    expect(server.rows('recipes', objectHash(KEY))).toEqual([]);
    expect([...store.keys('failed'), ...store.keys('temp')]).toEqual([]);
  });

  it('of a version for good leaves nothing of an attempt that was killed while it read', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easyAndHard);
    const write = store.write.bind(store);
    store.write = async (object) => {
      const written = await write(object);
      store.crash = { call: store.calls.length, afterEffect: false };
      return written;
    };
    const outside = stageContextOf(store, { limits: { ...limits, partRecords: 1 } });
    await expect(extractObject(event('v1', '10'), buckets, outside)).rejects.toThrow('killed');
    store.write = write;
    store.crash = undefined;
    const parts = store.keys('temp');
    expect(parts).toHaveLength(1);

    store.objects.delete(`raw/${KEY}`);
    expect(await extractObject(event('v1', '10'), buckets, outside)).toMatchObject({
      fault: { code: 'version_not_found' },
    });
    expect(store.keys('temp')).toEqual([]);
    // The event of the part was under way.
    for (const part of parts)
      expect(await transformPart(createdEvent('temp', part), buckets, outside)).toMatchObject({
        result: 'stale',
      });
    expect(await lake(store)).toEqual([]);
  });
});

describe('a work item of a version', () => {
  it('that is active is at fault if its input is missing, but not one of a superseded version', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, easy);
    await extract(store, event('v1', '10'));
    const [part = ''] = store.keys('temp');
    await transform(store, part);
    const [file = ''] = dataFiles(store);
    const [published = ''] = publications(store);
    const pieces = [() => transform(store, part), () => load(store, published)];
    // As though somebody had deleted both, and the receipt of the part were not there yet.
    store.objects.delete(`temp/${part}`);
    store.objects.delete(`processed/${file}`);
    await expect(pieces[1]?.()).rejects.toMatchObject({ name: 'ObjectNotFound' });
    const [receipt = ''] = store.keys('ledger').filter((key) => key.includes('/transformation/'));
    store.objects.delete(`ledger/${receipt}`);
    await expect(pieces[0]?.()).rejects.toMatchObject({ name: 'ObjectNotFound' });

    await extract(store, event('marker', '20', { type: 'deleted' }));
    for (const again of pieces) expect(await again()).toMatchObject({ result: 'stale' });
  });
});

describe('whoever is killed while an object changes', () => {
  const changes = {
    'a new version': { ...event('v2', '20'), body: easy },
    'a version without records': { ...event('v2', '20'), body: '[]' },
    'a deletion': { ...event('marker', '20', { type: 'deleted' }), body: easy },
    'a deletion for good': { ...event('v1', '20', { type: 'deleted', permanent: true }), body: easy },
  };
  it.each(Object.entries(changes))('is followed by who finishes: %s', async (_, { body, ...of }) => {
    const before = new MemoryStore();
    await put(before, easyAndHard, event('v1', '10'));
    const undisturbed = before.twin();
    await put(undisturbed, body, of);
    const calls = undisturbed.calls.length;
    expect(calls).toBeGreaterThan(20);
    const expected = await leftBy(undisturbed);
    for (const afterEffect of [false, true])
      for (let call = 1; call <= calls; call += 1) {
        const store = before.twin();
        store.crash = { call, afterEffect };
        await expect(put(store, body, of)).rejects.toThrow('The function was killed.');
        await new Promise((resolve) => setImmediate(resolve));
        store.crash = undefined;
        await put(store, body, of);
        expect(await leftBy(store), `killed at call ${call}, ${afterEffect}`).toEqual(expected);
      }
  });
});
