import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { objectHash } from '../../../domain/tables/row-identity.ts';
import { parseDataKey } from '../../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { loadPart } from '../../../handlers/stages/loading/load-part.ts';
import type { Outcome } from '../../../handlers/stages/outcome.ts';
import { plainVersion } from '../../documents/plain-version.ts';
import { calmMysql } from '../../simulation/services/calm-mysql.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../../store/memory-store.ts';
import {
  buckets,
  drain,
  extract as extractObject,
  headsOf,
  load,
  ndjson,
  publications,
  putRaw,
  recipe,
  tableFiles,
  transform,
} from '../flow.ts';

const KEY = 'recipes/a.ndjson';
const { file, documents } = plainVersion(KEY, 'v1');

/** A lake with one version, which older code has taken to every sink. */
async function oldLake() {
  const store = new MemoryStore();
  const put = (bucket: string, key: string, body: string) =>
    store.put({ bucket, key, body, contentType: '' });
  for (const [key, document] of Object.entries(documents)) put('ledger', key, JSON.stringify(document));
  put('processed', file, 'plain');
  put('archive', file, 'plain');
  putRaw(store, KEY, ndjson([recipe(1)]));
  const { server, tables } = calmMysql();
  const transformed = recipes.transform(recipe(9), { key: KEY, recordNumber: 9 });
  const row = { ...transformed, _record: 9 };
  await tables.load({
    dataset: recipes,
    key: KEY,
    sequencer: '0A',
    versionId: 'v1',
    rows: [{ record: 9, row }],
  });
  const mysql = () => server.rows('recipes', objectHash(KEY)).map(({ _sequencer }) => _sequencer);
  expect(mysql()).toEqual(['0A']);
  return { store, tables, mysql };
}

const event = (versionId: string, sequencer: string, changes: Partial<ObjectEvent> = {}) => ({
  ...createdEvent('raw', KEY, versionId),
  sequencer,
  ...changes,
});

const extract = (
  store: MemoryStore,
  of: ObjectEvent,
  changes: Partial<StageContext> = {},
): Promise<Outcome> =>
  extractObject(store, KEY, { message: `${of.versionId}!${of.revision}`, ...changes }, of);

/** The versions of the table's files. */
const shown = async (store: MemoryStore) =>
  (await tableFiles(store)).map((key) => parseDataKey(key)?.version);

describe('a version that older code took to every sink', () => {
  it('is not published by its event that comes again, since no table can show its files', async () => {
    const { store, tables, mysql } = await oldLake();
    const before = store.contents();
    expect(await extract(store, event('v1', '0A'))).toMatchObject({ result: 'duplicate' });
    await drain(store, { tables });
    expect(store.contents()).toEqual(before);
    expect(mysql()).toEqual(['0A']);
  });

  it('is taken over by its next revision: every sink shows that, and the plain files are gone', async () => {
    const { store, tables, mysql } = await oldLake();
    await extract(store, event('v1', '0A', { revision: 1 }));
    for (const part of store.keys('temp')) await transform(store, part);
    // MySQL and the archive show it until they show the revision.
    expect(headsOf(store)).toMatchObject([{ current: { versionId: 'v1!0001' }, superseded: ['v1'] }]);
    expect(store.keys('archive')).toEqual([file]);
    await drain(store, { tables });
    expect(await shown(store)).toEqual(['v1!0001']);
    expect(mysql()).toEqual(['0A!0001']);
    expect(store.keys('processed')).not.toContain(file);
    expect(store.keys('archive')).toEqual([expect.stringContaining('~v1!0001~')]);
    expect(headsOf(store)).toMatchObject([{ superseded: [], loaded: { versionId: 'v1!0001' } }]);
  });

  it('is replaced in every sink by a newer version, and its plain files are gone', async () => {
    const { store, tables, mysql } = await oldLake();
    await extract(store, event('v2', '0B'));
    await drain(store, { tables });
    expect(await shown(store)).toEqual(['v2']);
    expect(mysql()).toEqual(['0B']);
    expect([...store.keys('processed'), ...store.keys('archive')]).not.toContain(file);
    expect(headsOf(store)).toMatchObject([{ superseded: [] }]);
  });

  it('leaves the archive before the table shows the newer version, once that is loaded', async () => {
    const { store, tables } = await oldLake();
    await extract(store, event('v2', '0B'));
    for (const part of store.keys('temp')) await transform(store, part);
    for (const key of publications(store)) await load(store, key, { tables });
    expect(store.keys('archive')).toEqual([expect.stringContaining('~v2~')]);
    expect(headsOf(store)).toMatchObject([{ superseded: ['v1'] }]);
  });

  it('is removed from every sink by a deletion', async () => {
    const { store, tables, mysql } = await oldLake();
    const deletion = event('marker', '0B', { type: 'deleted' });
    expect(await extract(store, deletion)).toMatchObject({ result: 'retracted' });
    expect(headsOf(store)).toMatchObject([{ superseded: ['v1'] }]);
    await drain(store, { tables });
    expect(mysql()).toEqual([]);
    expect(store.keys('processed')).not.toContain(file);
    expect(store.keys('archive')).toEqual([]);
    expect(headsOf(store)).toMatchObject([{ superseded: [] }]);
  });
});

it.each(['created', 'deleted'] as const)(
  'a message about a plain file that older code left in the queue is acknowledged: %s',
  async (type) => {
    const { store } = await oldLake();
    const before = store.contents();
    const message = { ...createdEvent('processed', file), type };
    expect(await loadPart(message, buckets, stageContextOf(store))).toMatchObject({ result: 'stale' });
    expect(store.contents()).toEqual(before);
  },
);
