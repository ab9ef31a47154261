import { expect, it } from 'vitest';
import { maintain } from '../../../handlers/maintenance/maintain.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { extract, headsOf, ndjson, putRaw, recipe, runAll } from '../flow.ts';
import { maintenanceOf } from './memory-maintenance.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const rejects = (store: MemoryStore) => store.keys('failed').filter((key) => key.startsWith('rejects/'));

/** Runs the maintenance two days after what is in the store came. @param age of the files of rejects */
async function twoDaysLater(store: MemoryStore, age = DAY + HOUR): Promise<number> {
  const modified = () => 2 * DAY - age;
  const [recipes] = (await maintain(maintenanceOf(store, 2 * DAY, { modified }), { dryRun: false })).filter(
    ({ table }) => table === 'recipes',
  );
  return recipes?.files ?? Number.NaN;
}

/** A store with an object that has a row and a reject, and with a file of rejects of a version before it. */
async function withLeftOver(): Promise<{ store: MemoryStore; shown: string; left: string }> {
  const store = new MemoryStore();
  putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1), { title: 2 }]));
  await runAll(store, 'recipes/a.ndjson');
  const [shown = ''] = rejects(store);
  const left = shown.replace('/v1/', '/v0/');
  expect(left).not.toBe(shown);
  store.put({ bucket: 'failed', key: left, body: '{}\n', contentType: 'application/x-ndjson' });
  return { store, shown, left };
}

it('rejects of a version that the ledger entry does not know go, and those of the others stay', async () => {
  const { store, shown } = await withLeftOver();
  expect(await twoDaysLater(store)).toBe(1);
  expect(rejects(store)).toEqual([shown]);
});

it.each([
  ['younger than a day', DAY - HOUR],
  ['looked at before', 2 * DAY],
])('rejects that are %s stay', async (_, age) => {
  const { store, shown, left } = await withLeftOver();
  expect(await twoDaysLater(store, age)).toBe(0);
  expect(rejects(store).sort()).toEqual([left, shown].sort());
});

it.each([
  ['was lost', undefined],
  ['can’t be read', '{'],
])('rejects of an object whose ledger entry %s stay', async (_, body) => {
  const { store, shown, left } = await withLeftOver();
  const [key = ''] = store.keys('ledger').filter((each) => each.startsWith('heads/recipes/a'));
  if (body === undefined) await store.remove('ledger', [key]);
  else store.put({ bucket: 'ledger', key, body, contentType: 'application/json' });
  expect(await twoDaysLater(store)).toBe(0);
  expect(rejects(store).sort()).toEqual([left, shown].sort());
});

it('a version without parts that was rejected, as older code did it, keeps its rejects', async () => {
  const { store, shown } = await withLeftOver();
  putRaw(store, 'recipes/a.ndjson', 'title,ingredients');
  await extract(store, 'recipes/a.ndjson', {}, { versionId: 'v2', sequencer: '12' });
  const kept = shown.replace('/v1/', '/v2/');
  store.put({ bucket: 'failed', key: kept, body: '{}\n', contentType: 'application/x-ndjson' });
  expect(headsOf(store)[0]?.attempts).toMatchObject([{ versionId: 'v2', status: 'rejected', parts: 0 }]);
  expect(await twoDaysLater(store)).toBe(1);
  expect(rejects(store).sort()).toEqual([shown, kept].sort());
});
