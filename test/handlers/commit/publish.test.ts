import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { limits } from '../../../domain/records/part.ts';
import { Registry } from '../../../domain/registry.ts';
import {
  ledgerEntryKey,
  parsePublicationKey,
  publicationKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import { publication } from '../../../domain/versions/publication.ts';
import { MemoryStore, storeWith } from '../../store/memory-store.ts';
import { dataFiles, extract, headsOf, ndjson, publications, putRaw, recipe, transform } from '../flow.ts';

const KEY = 'recipes/a.ndjson';
const path = versionPath({ dataset: 'recipes', key: KEY, versionId: 'v1' });
/** Each record is a part. */
const single = { limits: { ...limits, partRecords: 1 } };

async function extracted(records: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  putRaw(store, KEY, ndjson(Array.from({ length: records }, (_, n) => recipe(n))));
  await extract(store, KEY, single);
  return store;
}

const documentsOf = (store: MemoryStore) =>
  publications(store).map((key) => publication.parse(JSON.parse(store.body('ledger', key).toString())));

const writesOf = (store: MemoryStore) =>
  store.calls.filter((call) => /^(create|write) ledger\/publications\//.test(call));

const permutations = <Item>(all: readonly Item[]): Item[][] =>
  all.length === 0
    ? [[]]
    : all.flatMap((first, i) => permutations(all.toSpliced(i, 1)).map((rest) => [first, ...rest]));

describe('a version is published', () => {
  it.each(permutations([0, 1, 2]).map((order) => [order]))(
    'by whoever writes the last receipt, once: parts %j',
    async (order) => {
      const store = await extracted(3);
      const parts = store.keys('temp');
      for (const part of order.slice(0, -1)) await transform(store, parts[part] ?? '');
      expect(publications(store)).toEqual([]);
      await transform(store, parts[order.at(-1) ?? 0] ?? '');
      expect(publications(store)).toEqual([0, 1, 2].map((part) => publicationKey(path, part, 3)));
      // The last document is written last, and each once.
      expect(writesOf(store)).toHaveLength(3);
      expect(writesOf(store).at(-1)).toContain('00002.whole.json');
      const documents = documentsOf(store);
      expect(documents).toMatchObject(
        [0, 1, 2].map((part) => ({ type: 'created', part, parts: 3, key: KEY })),
      );
      expect(
        documents.flatMap((each) => (each.type === 'created' ? each.files : [])).map(({ key }) => key),
      ).toEqual(dataFiles(store));
    },
  );

  it('by its extraction, if all its parts were transformed before it took effect', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([recipe(1), recipe(2)]));
    let transformed = false;
    const faster = storeWith(store, {
      // Just before the ledger notes that the version is extracted.
      replace: async (object, etag) => {
        if (!transformed) for (const part of store.keys('temp')) await transform(store, part);
        transformed = true;
        return store.replace(object, etag);
      },
    });
    const writes = store.calls.length;
    await extract(store, KEY, { ...single, store: faster });
    expect(publications(store)).toHaveLength(2);
    // One note for both parts.
    const replaced = store.calls.slice(writes).filter((call) => call.startsWith('replace ledger/heads/'));
    expect(replaced).toHaveLength(4);
  });

  it('and not before is it active: its predecessor stays so until its last part is transformed', async () => {
    const store = await extracted(1);
    for (const part of store.keys('temp')) await transform(store, part);
    putRaw(store, KEY, ndjson([recipe(8), recipe(9)]));
    await extract(store, KEY, single, { versionId: 'v2', sequencer: '0B' });
    const activeIn = () => headsOf(store)[0]?.current?.versionId;
    for (const part of store.keys('temp').filter((key) => key.includes('/v2/'))) {
      expect(activeIn()).toBe('v1');
      expect(headsOf(store)[0]?.attempts).toMatchObject([{ versionId: 'v2', status: 'extracted', parts: 2 }]);
      await transform(store, part);
    }
    expect(activeIn()).toBe('v2');
    expect(headsOf(store)[0]).toMatchObject({ attempts: [], superseded: ['v1'] });
  });

  it('if older code made it active before its parts were transformed', async () => {
    const store = await extracted(2);
    const [head] = headsOf(store);
    const [attempt] = head?.attempts ?? [];
    const { versionId = '', sequencer = '', parts } = attempt ?? {};
    const current = { type: 'created', versionId, sequencer, parts };
    const body = JSON.stringify({ ...head, current, attempts: [] });
    store.put({ bucket: 'ledger', key: ledgerEntryKey(path), body, contentType: 'application/json' });
    for (const part of store.keys('temp')) await transform(store, part);
    expect(publications(store)).toHaveLength(2);
  });

  it('with its last two parts at once, by either or both with the same documents', async () => {
    const store = await extracted(2);
    await Promise.all(store.keys('temp').map((part) => transform(store, part)));
    expect(publications(store)).toEqual([0, 1].map((part) => publicationKey(path, part, 2)));
  });

  it('by its extraction if it has no parts', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, '[]');
    await extract(store, KEY);
    expect(publications(store)).toEqual([publicationKey(path, 0, 0)]);
    expect(documentsOf(store)).toMatchObject([{ part: 0, parts: 0, files: [] }]);
  });

  it('when a message comes again whose first attempt died after its receipt', async () => {
    const store = await extracted(2);
    const [first = '', last = ''] = store.keys('temp');
    await transform(store, first);
    const dying = storeWith(store, {
      list: () => Promise.reject(new Error('It was killed.')),
    });
    await expect(transform(store, last, { store: dying })).rejects.toThrow('killed');
    expect(publications(store)).toEqual([]);
    expect(await transform(store, last, { receives: 2 })).toMatchObject({ result: 'duplicate' });
    expect(publications(store)).toHaveLength(2);
  });

  it('by a copy of a message that was read before the extraction ended, if who transformed the part died', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([recipe(1)]));
    const entries: string[] = [];
    const noting = storeWith(store, {
      replace: (object, etag) => {
        entries.push(store.body('ledger', ledgerEntryKey(path)).toString());
        return store.replace(object, etag);
      },
    });
    await extract(store, KEY, { store: noting });
    const [part = ''] = store.keys('temp');
    const dying = storeWith(store, {
      create: async (object) => {
        if (parsePublicationKey(object.key) !== undefined) throw new Error('It was killed.');
        return store.create(object);
      },
    });
    await expect(transform(store, part, { store: dying })).rejects.toThrow('killed');
    const early = storeWith(store, {
      find: async (bucket, key) => {
        const text = key === ledgerEntryKey(path) ? entries.shift() : undefined;
        return text === undefined ? store.find(bucket, key) : { text, etag: '', modified: 0 };
      },
    });
    expect(await transform(store, part, { store: early })).toMatchObject({ result: 'duplicate' });
    expect(entries).toEqual([]);
    expect(publications(store)).toHaveLength(1);
  });

  it('as one event of each document, though a message comes again', async () => {
    const store = await extracted(2);
    for (const part of [...store.keys('temp'), ...store.keys('temp')]) await transform(store, part);
    const before = store.contents();
    await extract(store, KEY);
    expect(store.contents()).toEqual(before);
  });
});

/** Takes a newer version up to its publication. */
async function overtake(store: MemoryStore): Promise<void> {
  putRaw(store, KEY, ndjson([recipe(9)]));
  await extract(store, KEY, {}, { versionId: 'v2', sequencer: '0B' });
  for (const part of store.keys('temp').filter((key) => key.includes('/v2/'))) await transform(store, part);
}

describe('nothing is published', () => {
  it('of a version whose receipts contradict each other: that is an error, each time', async () => {
    const store = await extracted(1);
    const [part = ''] = store.keys('temp');
    const [head] = headsOf(store);
    // As if the extraction had read a record that is nowhere.
    const attempts = head?.attempts.map((each) => ({ ...each, extraction: { read: 2, rejected: 0 } }));
    const body = JSON.stringify({ ...head, attempts });
    store.put({ bucket: 'ledger', key: ledgerEntryKey(path), body, contentType: 'application/json' });
    const contradicts =
      /"recipes\/a.ndjson" is not published.*of 2 records.*rejected 0.*have 1.*npx sluice replay/;
    for (const receives of [1, 2])
      await expect(transform(store, part, { receives })).rejects.toThrow(contradicts);
    expect(publications(store)).toEqual([]);
    expect(headsOf(store)[0]?.current).toBeUndefined();
  });

  it('of a version that was overtaken, whichever of its parts comes late', async () => {
    const store = await extracted(2);
    const [first = '', last = ''] = store.keys('temp');
    await transform(store, first);
    await overtake(store);
    const published = publications(store);
    await transform(store, last);
    expect(publications(store)).toEqual(published);
    expect(dataFiles(store).filter((key) => key.includes('/v1/'))).toEqual([]);
  });

  it('of a version that is overtaken while its last part is transformed, and its files go', async () => {
    const store = await extracted(1);
    const [part = ''] = store.keys('temp');
    const overtaken = storeWith(store, {
      write: async (object) => {
        const written = await store.write(object);
        await overtake(store);
        return written;
      },
    });
    expect(await transform(store, part, { store: overtaken })).toMatchObject({ result: 'stale' });
    expect(publications(store).filter((key) => key.includes('/v1/'))).toEqual([]);
    expect(dataFiles(store).filter((key) => key.includes('/v1/'))).toEqual([]);
  });

  it('of a version that is rejected after a newer one was, which leaves nothing even if its removal fails at first', async () => {
    const transformOf = () => {
      throw new Error('no recipe');
    };
    const registry = new Registry([{ ...recipes, transform: transformOf as never }]);
    const store = await extracted(1);
    const [part = ''] = store.keys('temp');
    putRaw(store, KEY, ndjson([{ title: 'no recipe' }]));
    await extract(store, KEY, {}, { versionId: 'v2', sequencer: '0B' });
    for (const other of store.keys('temp').filter((key) => key !== part)) await transform(store, other);
    const failing = storeWith(store, {
      remove: async (_, keys) => {
        if (keys.length > 0) throw new Error('The removal failed.');
      },
    });
    await expect(transform(store, part, { registry, store: failing })).rejects.toThrow('removal failed');
    expect(headsOf(store)[0]?.superseded).toEqual(['v1']);
    await transform(store, part, { registry, receives: 2 });
    expect(headsOf(store)[0]).toMatchObject({ attempts: [{ versionId: 'v2' }], superseded: [] });
    expect(store.keys('failed').filter((key) => key.includes('/v1/'))).toEqual([]);
  });

  it('of a version that is rejected', async () => {
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([{ title: 'no recipe' }]));
    await extract(store, KEY);
    for (const part of store.keys('temp')) await transform(store, part);
    expect(publications(store)).toEqual([]);
  });

  it('of an object that belongs to no dataset', async () => {
    const store = new MemoryStore();
    putRaw(store, 'unsorted/list.txt', 'milk');
    await extract(store, 'unsorted/list.txt');
    await extract(store, 'unsorted/list.txt', {}, { type: 'deleted', versionId: 'marker', sequencer: '0B' });
    expect(publications(store)).toEqual([]);
  });
});
