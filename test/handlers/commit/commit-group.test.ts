import { describe, expect, it } from 'vitest';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import { isShown } from '../../../domain/versions/table-mentions.ts';
import { snapshotFiles } from '../../../formats/iceberg/metadata/expire.ts';
import { Commits } from '../../../handlers/stages/commit/commits.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import type { Outcome } from '../../../handlers/stages/outcome.ts';
import type { TableCatalog } from '../../../lake/table-catalog.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../../store/memory-store.ts';
import {
  activeEvent,
  buckets,
  dataFiles,
  extract,
  headsOf,
  metadataOf,
  ndjson,
  publications,
  putRaw,
  recipe,
  tableFiles,
  transform,
  wholePublications,
} from '../flow.ts';

const keyOf = (n: number) => `recipes/${n}.ndjson`;
const pathOf = (n: number, versionId = 'v1') => versionPath({ dataset: 'recipes', key: keyOf(n), versionId });

/** Takes an object as far as its publication. */
async function publish(
  store: MemoryStore,
  n: number,
  { versionId = 'v1', sequencer = '10', records = [recipe(n)] as readonly unknown[] } = {},
): Promise<void> {
  putRaw(store, keyOf(n), ndjson(records));
  await extract(store, keyOf(n), {}, { versionId, sequencer });
  const { objectId, version } = pathOf(n, versionId);
  for (const part of store.keys('temp').filter((key) => key.includes(`/${objectId}/${version}/`)))
    await transform(store, part);
}

const documentOf = (store: MemoryStore, n: number, versionId = 'v1') =>
  wholePublications(store).find((key) => key.includes(`/${pathOf(n).objectId}/${versionId}/`)) ?? '';

/** One invocation of the function, with the messages of one batch. */
function batch(
  store: MemoryStore,
  keys: readonly string[],
  changes: Partial<StageContext> = {},
): Promise<Outcome[]> {
  const commits = new Commits(buckets);
  const context = stageContextOf(store, changes);
  return Promise.all(keys.map((key) => commits.commit(createdEvent('ledger', key), context)));
}

const snapshotsOf = (store: MemoryStore) => metadataOf(store)?.snapshots ?? [];

/** The keys of the files of a table's metadata that nothing names. */
async function unnamed(store: MemoryStore): Promise<string[]> {
  const metadata = metadataOf(store);
  if (metadata === undefined) return [];
  const files = await snapshotFiles(metadata, async (uri) => store.body('processed', parseS3Uri(uri).key));
  const named = [
    store.catalog.metadataOf('recipes') ?? '',
    ...metadata['metadata-log'].map((each) => each['metadata-file']),
    ...files.manifests,
    ...files.manifestLists,
  ].map((uri) => parseS3Uri(uri).key);
  const all = store.keys('processed').filter((key) => key.startsWith('recipes/metadata/'));
  return all.filter((key) => !named.includes(key));
}

/** A context whose catalog does something else when a pointer is moved. */
const moving = (store: MemoryStore, move: TableCatalog['move']): Partial<StageContext> => ({
  catalog: store.catalog.moving(move),
});

describe('the messages of a batch', () => {
  it('become one snapshot, which shows all their versions', async () => {
    const store = new MemoryStore();
    for (let n = 0; n < 5; n += 1) await publish(store, n);
    const outcomes = await batch(store, wholePublications(store));
    expect(outcomes.map(({ result }) => result)).toEqual(['done', 'done', 'done', 'done', 'done']);
    expect(snapshotsOf(store)).toHaveLength(1);
    expect(await tableFiles(store)).toEqual(dataFiles(store));
    const [snapshot] = snapshotsOf(store);
    for (const entry of headsOf(store))
      expect(entry.committed).toEqual({
        ...activeEvent(entry),
        snapshot: String(snapshot?.['snapshot-id']),
        sequence: snapshot?.['sequence-number'],
      });
  });

  it('that come again find themselves committed, and make no snapshot', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    await publish(store, 1);
    await batch(store, wholePublications(store));
    const before = store.contents();
    const outcomes = await batch(store, wholePublications(store));
    expect(outcomes.map(({ result }) => result)).toEqual(['duplicate', 'duplicate']);
    expect(store.contents()).toEqual(before);
  });

  it('about one object, twice, get one answer each and commit it once', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    const document = documentOf(store, 0);
    const outcomes = await batch(store, [document, document]);
    expect(outcomes.map(({ result }) => result)).toEqual(['done', 'done']);
    expect(await tableFiles(store)).toEqual(dataFiles(store));
    expect(snapshotsOf(store)).toHaveLength(1);
  });

  it('fail together if the table can not be read, and are done when they come again', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    await publish(store, 1);
    const broken = { ...moving(store, store.catalog.move), wait: async () => {} };
    const find = () => Promise.reject(new Error('Glue is away.'));
    const catalog = { ...broken.catalog, find } as TableCatalog;
    await expect(batch(store, wholePublications(store), { catalog })).rejects.toThrow('Glue is away.');
    await batch(store, wholePublications(store));
    expect(await tableFiles(store)).toEqual(dataFiles(store));
  });
});

describe('a commit', () => {
  it('adds the files of a version, and removes those of the one before, in one snapshot', async () => {
    const store = new MemoryStore();
    await publish(store, 0, { records: [recipe(1), recipe(2, 13)] });
    await batch(store, [documentOf(store, 0)]);
    await publish(store, 0, { versionId: 'v2', sequencer: '20' });
    await batch(store, [documentOf(store, 0, 'v2')]);
    expect(await tableFiles(store)).toEqual(dataFiles(store).filter((key) => key.includes('/v2/')));
    // An older snapshot still shows the version before.
    expect(dataFiles(store).filter((key) => key.includes('/v1/'))).toHaveLength(2);
    expect(snapshotsOf(store)).toHaveLength(2);
    expect(isShown(snapshotsOf(store), pathOf(0, 'v1'))).toBe(false);
    expect(isShown(snapshotsOf(store), pathOf(0, 'v2'))).toBe(true);
  });

  it('of a version that was overtaken does nothing', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    await publish(store, 0, { versionId: 'v2', sequencer: '20' });
    const [outcome] = await batch(store, [documentOf(store, 0, 'v1')]);
    expect(outcome?.result).toBe('stale');
    expect(snapshotsOf(store)).toEqual([]);
    await batch(store, [documentOf(store, 0, 'v2')]);
    expect(await tableFiles(store)).toEqual(dataFiles(store).filter((key) => key.includes('/v2/')));
  });

  it('whose answer was lost is found in the table, and not done twice', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    await batch(store, [documentOf(store, 0)]);
    await publish(store, 1);
    const lost = moving(store, async (table, from, metadata) => {
      await store.catalog.move(table, from, metadata);
      throw new Error('The connection was lost.');
    });
    await expect(batch(store, [documentOf(store, 1)], lost)).rejects.toThrow('lost');
    expect(headsOf(store).filter(({ committed }) => committed !== undefined)).toHaveLength(1);
    const [outcome] = await batch(store, [documentOf(store, 1)]);
    expect(outcome?.result).toBe('done');
    expect(await tableFiles(store)).toEqual(dataFiles(store));
    expect(snapshotsOf(store)).toHaveLength(2);
    expect(headsOf(store).filter(({ committed }) => committed !== undefined)).toHaveLength(2);
  });

  it('in conflict with another one is tried again on fresh metadata', async () => {
    const store = new MemoryStore();
    for (const n of [0, 1, 2]) await publish(store, n);
    await batch(store, [documentOf(store, 0)]);
    let conflicts = 0;
    const others = moving(store, async (table, from, metadata) => {
      if (conflicts === 0) {
        conflicts += 1;
        await batch(store, [documentOf(store, 1)]);
      }
      return store.catalog.move(table, from, metadata);
    });
    const [outcome] = await batch(store, [documentOf(store, 2)], others);
    expect(conflicts).toBe(1);
    expect(outcome?.result).toBe('done');
    expect(await tableFiles(store)).toEqual(dataFiles(store));
    expect(snapshotsOf(store).map((each) => each['sequence-number'])).toEqual([1, 2, 3]);
    expect(await unnamed(store)).toEqual([]);
  });

  it('that is taken for one in conflict, since only its first answer was lost, is found in the table', async () => {
    const store = new MemoryStore();
    for (const n of [0, 1]) await publish(store, n);
    await batch(store, [documentOf(store, 0)]);
    const asked = moving(store, async (table, from, metadata) => {
      await store.catalog.move(table, from, metadata);
      return store.catalog.move(table, from, metadata);
    });
    const [outcome] = await batch(store, [documentOf(store, 1)], asked);
    expect(outcome?.result).toBe('done');
    expect(await tableFiles(store)).toEqual(dataFiles(store));
    expect(snapshotsOf(store)).toHaveLength(2);
    expect(await unnamed(store)).toEqual([]);
  });

  it('that always comes too late goes back to the queue', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    const waits: number[] = [];
    const late = { ...moving(store, async () => false), wait: async (ms: number) => waits.push(ms) };
    await expect(batch(store, [documentOf(store, 0)], late)).rejects.toMatchObject({
      name: 'TransientError',
      code: 'in_progress',
    });
    // It waits longer each time.
    expect(waits.slice(1)).toEqual(waits.slice(1).toSorted((a, b) => a - b));
    expect(new Set(waits).size).toBe(waits.length);
  });

  it.each([
    ['a version without rows', { records: [] }],
    ['a deletion', undefined],
  ])('of %s is in conflict with the commit of an older version that is in flight', async (_, version) => {
    const store = new MemoryStore();
    await publish(store, 1);
    await batch(store, [documentOf(store, 1)]);
    await publish(store, 0);
    // Who commits v1 has read everything when its successor comes and is committed.
    let isOvertaken = false;
    const slow = moving(store, async (table, from, metadata) => {
      if (!isOvertaken) {
        isOvertaken = true;
        if (version === undefined)
          await extract(store, keyOf(0), {}, { type: 'deleted', versionId: 'v2', sequencer: '20' });
        else {
          putRaw(store, keyOf(0), '[]');
          await extract(store, keyOf(0), {}, { versionId: 'v2', sequencer: '20' });
        }
        await batch(store, [documentOf(store, 0, 'v2')]);
      }
      return store.catalog.move(table, from, metadata);
    });
    const [outcome] = await batch(store, [documentOf(store, 0)], slow);
    expect(isOvertaken).toBe(true);
    expect(outcome?.result).toBe('stale');
    expect(await tableFiles(store)).toEqual(
      dataFiles(store).filter((key) => key.includes(pathOf(1).objectId)),
    );
  });

  it('of a deletion takes the files of its object out of the table', async () => {
    const store = new MemoryStore();
    await publish(store, 0);
    await publish(store, 1);
    await batch(store, wholePublications(store));
    await extract(store, keyOf(0), {}, { type: 'deleted', versionId: 'marker', sequencer: '20' });
    const [outcome] = await batch(store, [documentOf(store, 0, 'marker')]);
    expect(outcome?.result).toBe('retracted');
    expect(await tableFiles(store)).toEqual(
      dataFiles(store).filter((key) => key.includes(pathOf(1).objectId)),
    );
  });
});

it('twenty versions that as many functions commit at once are each in the table once', async () => {
  const store = new MemoryStore();
  const all = Array.from({ length: 20 }, (_, n) => n);
  for (const n of all) await publish(store, n);
  const wait = () => new Promise((resolve) => setImmediate(resolve));
  let open = publications(store);
  // Messages that did not get their turn come again, as a queue has it.
  for (let round = 0; open.length > 0 && round < 20; round += 1) {
    const ends = await Promise.allSettled(open.map((key) => batch(store, [key], { wait })));
    open = open.filter((_, i) => ends[i]?.status === 'rejected');
  }
  expect(open).toEqual([]);
  expect(await tableFiles(store)).toEqual(dataFiles(store));
  expect(dataFiles(store)).toHaveLength(20);
  for (const n of all) expect(isShown(snapshotsOf(store), pathOf(n))).toBe(true);
  for (const entry of headsOf(store)) expect(entry.committed).toMatchObject(activeEvent(entry) ?? {});
});

it('a commit that has nothing to do is not noted over a newer one, however late it is', async () => {
  const store = new MemoryStore();
  const remove = (versionId: string, sequencer: string) =>
    extract(store, keyOf(1), {}, { type: 'deleted', versionId, sequencer });
  const deletions = () => wholePublications(store).filter((key) => key.includes('/deleted'));
  await remove('d1', '10');
  const [older = ''] = deletions();
  let newer: Promise<unknown> | undefined;
  const meanwhile = async () => {
    await publish(store, 1, { versionId: 'v2', sequencer: '20' });
    await remove('d3', '30');
    await batch(
      store,
      deletions().filter((key) => key !== older),
    );
  };
  const announce = async () => {
    newer ??= meanwhile();
    await newer;
  };
  await batch(store, [older], { announce });
  expect(newer).toBeDefined();
  expect(headsOf(store)).toMatchObject([{ current: { versionId: 'd3' }, committed: { versionId: 'd3' } }]);
});
