import { beforeEach, expect, it } from 'vitest';
import { maintain } from '../../../handlers/maintenance/maintain.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import {
  activeEvent,
  commit,
  dataFiles,
  extract,
  headsOf,
  metadataOf,
  ndjson,
  putRaw,
  recipe,
  tableFiles,
  transform,
  wholePublications,
} from '../flow.ts';
import { maintenanceOf } from './memory-maintenance.ts';

const keyOf = (n: number) => `recipes/${n}.ndjson`;
/** What the events of the tests say. */
const PUBLISHED = Date.parse('2026-01-01T00:00:00Z');
const HOUR = 3_600_000;
let time = PUBLISHED;
const now: Partial<StageContext> = { now: () => (time += 1) };
beforeEach(() => {
  time = PUBLISHED + HOUR;
});

async function publish(store: MemoryStore, n: number, versionId = 'v1', sequencer = '10'): Promise<void> {
  putRaw(store, keyOf(n), ndjson([recipe(n)]));
  await extract(store, keyOf(n), now, { versionId, sequencer });
  for (const part of store.keys('temp').filter((key) => key.includes(`/${versionId}/`)))
    await transform(store, part, now);
}

/** The document of the newest version of an object. */
const documentOf = (store: MemoryStore, n: number) =>
  wholePublications(store)
    .filter((key) => key.includes(`/${n}.ndjson~`))
    .at(-1) ?? '';

/** Commits, and dies when the table shows it: the ledger does not note it. */
async function commitAndDie(store: MemoryStore, n: number): Promise<void> {
  const catalog = store.catalog.moving(async (table, from, metadata) => {
    await store.catalog.move(table, from, metadata);
    throw new Error('The function was killed.');
  });
  await expect(commit(store, documentOf(store, n), { ...now, catalog })).rejects.toThrow('killed');
}

/** Another commit, after which all snapshots before it are forgotten. */
async function forget(store: MemoryStore): Promise<void> {
  await publish(store, 9);
  await commit(store, documentOf(store, 9), now);
  await maintain(
    maintenanceOf(store, 0, {
      async *list() {},
      retention: { age: 0, grace: 0, bytes: 0, garbage: 0, rejects: 0 },
      now: () => (time += 1),
      uuid: () => 'maintenance',
    }),
    { dryRun: false },
  );
  expect(metadataOf(store)?.snapshots).toHaveLength(1);
}

it('a commit that comes again when its snapshot is forgotten is found in the table, and not done twice', async () => {
  const store = new MemoryStore();
  await publish(store, 0);
  await commit(store, documentOf(store, 0), now);
  await publish(store, 1);
  await commitAndDie(store, 1);
  await forget(store);
  const { result } = await commit(store, documentOf(store, 1), now);
  expect(result).toBe('done');
  expect(await tableFiles(store)).toEqual(dataFiles(store));
  for (const entry of headsOf(store)) expect(entry.committed).toMatchObject(activeEvent(entry) ?? {});
});

it('a version whose commit was never noted leaves the table with its successor’s commit', async () => {
  const store = new MemoryStore();
  await publish(store, 0);
  await commit(store, documentOf(store, 0), now);
  await publish(store, 1);
  await commitAndDie(store, 1);
  await forget(store);
  await publish(store, 1, 'v2', '20');
  await commit(store, documentOf(store, 1), now);
  expect(await tableFiles(store)).toEqual(
    dataFiles(store).filter((key) => !key.includes('/1.ndjson~') || key.includes('/v2/')),
  );
});

it('a deletion that was committed and never noted is done when its message comes again', async () => {
  const store = new MemoryStore();
  await publish(store, 0);
  await publish(store, 1);
  for (const n of [0, 1]) await commit(store, documentOf(store, n), now);
  await extract(store, keyOf(1), now, { type: 'deleted', versionId: 'w', sequencer: '20' });
  await commitAndDie(store, 1);
  await forget(store);
  const { result } = await commit(store, documentOf(store, 1), now);
  expect(result).toBe('retracted');
  expect((await tableFiles(store)).filter((key) => key.includes('/1.ndjson~'))).toEqual([]);
  const entry = headsOf(store).find(({ key }) => key === keyOf(1));
  expect(entry?.committed).toMatchObject({ type: 'deleted', versionId: 'w' });
});

it('a new version costs no look at the table’s files, though old snapshots are forgotten', async () => {
  const store = new MemoryStore();
  time = PUBLISHED - HOUR;
  await publish(store, 0);
  await commit(store, documentOf(store, 0), now);
  await forget(store);
  await publish(store, 1);
  const before = store.calls.length;
  await commit(store, documentOf(store, 1), now);
  expect(store.calls.slice(before).filter((call) => /^bytes .*-m\d+\.avro$/.test(call))).toEqual([]);
});
