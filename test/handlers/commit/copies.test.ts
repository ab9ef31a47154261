import { describe, expect, it } from 'vitest';
import { registry as deployed } from '../../../datasets/index.ts';
import { passengers } from '../../../datasets/passengers.ts';
import type { Dataset } from '../../../domain/dataset.ts';
import { Registry } from '../../../domain/registry.ts';
import { csvTableKey } from '../../../domain/versions/key-layout.ts';
import { MemoryStore, storeWith } from '../../store/memory-store.ts';
import {
  commit,
  dataFiles,
  extract,
  headsOf,
  leftBy,
  load,
  publications,
  putRaw,
  transform,
} from '../flow.ts';

const KEY = 'passengers/titanic.csv';
const byClass: Dataset = { ...(passengers as Dataset), partitionBy: ['pclass'] };
const HEADER = 'PassengerId,Survived,Pclass,Name,Sex,Age,Cabin';
const csv = (...names: string[]) =>
  [HEADER, ...names.map((name, i) => `${i + 1},1,3,${name},female,30,`), ''].join('\r\n');

/** Takes a version as far as its publication. */
async function publish(
  store: MemoryStore,
  versionId: string,
  sequencer: string,
  body: string,
  registry = deployed,
) {
  putRaw(store, KEY, body);
  await extract(store, KEY, { registry }, { versionId, sequencer });
  for (const part of store.keys('temp').filter((key) => key.includes(`/${versionId}/`)))
    await transform(store, part, { registry });
}

const of = (keys: readonly string[], versionId: string) =>
  keys.filter((key) => key.includes(`/${versionId}/`));
const documentOf = (store: MemoryStore, versionId: string) => of(publications(store), versionId).at(-1) ?? '';
const table = (store: MemoryStore) =>
  store.keys('processed').filter((key) => key.startsWith('passengers/table/'));
const copiesOf = (files: readonly string[]) => files.map(csvTableKey).sort();

describe('the table of a dataset that is processed as CSV', () => {
  it('has copies of the files of the active version, and no others', async () => {
    const store = new MemoryStore();
    await publish(store, 'v1', '10', csv('a', 'b'));
    expect(table(store)).toEqual([]);
    expect(await commit(store, documentOf(store, 'v1'))).toMatchObject({ result: 'done' });
    expect(table(store)).toEqual(copiesOf(dataFiles(store)));
    await publish(store, 'v2', '20', csv('c'));
    expect(table(store)).toEqual(copiesOf(of(dataFiles(store), 'v1')));
    expect(await commit(store, documentOf(store, 'v2'))).toMatchObject({ result: 'done' });
    expect(table(store)).toEqual(copiesOf(of(dataFiles(store), 'v2')));
    expect(table(store)).toHaveLength(1);
  });

  it('loses the copies of an object that is deleted', async () => {
    const store = new MemoryStore();
    await publish(store, 'v1', '10', csv('a'));
    await commit(store, documentOf(store, 'v1'));
    await extract(store, KEY, {}, { type: 'deleted', versionId: 'marker', sequencer: '20' });
    expect(await commit(store, documentOf(store, 'marker'))).toMatchObject({ result: 'retracted' });
    expect(table(store)).toEqual([]);
  });

  it('has no copies of a version that is deleted for good while they are made', async () => {
    const store = new MemoryStore();
    await publish(store, 'v1', '10', csv('a'));
    const document = documentOf(store, 'v1');
    const slow = storeWith(store, {
      copy: async (from, to) => {
        const copied = await store.copy(from, to);
        await extract(store, KEY, {}, { type: 'deleted', versionId: 'v1', sequencer: '20', permanent: true });
        const deletion = of(publications(store), 'v1').find((key) => key.includes('deleted')) ?? '';
        expect(await commit(store, deletion)).toMatchObject({ result: 'retracted' });
        await store.copy(from, to);
        return copied;
      },
    });
    expect(await commit(store, document, { store: slow })).toMatchObject({ result: 'stale' });
    expect(table(store)).toEqual([]);
    expect(headsOf(store)[0]?.committed).toMatchObject({ type: 'deleted' });
  });

  it('has its new partitions known to the catalog before the entry says that it is committed', async () => {
    const store = new MemoryStore();
    const registry = new Registry([byClass]);
    await publish(store, 'v1', '10', csv('a'), registry);
    const document = documentOf(store, 'v1');
    const refused = { ...store.catalog, register: () => Promise.reject(new Error('no Glue')) };
    const failing = { registry, catalog: Object.setPrototypeOf(refused, store.catalog) };
    await expect(commit(store, document, failing)).rejects.toThrow('no Glue');
    expect(headsOf(store)[0]?.committed).toBeUndefined();
    await commit(store, document, { registry });
    const folder = 's3://processed/passengers/table/pclass=3/';
    expect(store.catalog.partitionsOf('passengers')).toEqual({ [folder]: ['3'] });
    expect(table(store).map((key) => `s3://processed/${key.slice(0, key.lastIndexOf('/') + 1)}`)).toEqual([
      folder,
    ]);
  });

  it('is unchanged by a message that comes again, and by one that was overtaken', async () => {
    const store = new MemoryStore();
    await publish(store, 'v1', '10', csv('a'));
    await commit(store, documentOf(store, 'v1'));
    await publish(store, 'v2', '20', csv('b'));
    expect(await commit(store, documentOf(store, 'v1'))).toMatchObject({ result: 'stale' });
    await commit(store, documentOf(store, 'v2'));
    await load(store, documentOf(store, 'v2'));
    const before = store.contents();
    expect(await commit(store, documentOf(store, 'v1'))).toMatchObject({ result: 'stale' });
    expect(await commit(store, documentOf(store, 'v2'))).toMatchObject({ result: 'duplicate' });
    expect(store.contents()).toEqual(before);
  });

  it('keeps no copies that come after their version was replaced', async () => {
    const store = new MemoryStore();
    await publish(store, 'v1', '10', csv('a'));
    const slow = storeWith(store, {
      copy: async (from, to) => {
        await publish(store, 'v2', '20', csv('b'));
        await commit(store, documentOf(store, 'v2'));
        return store.copy(from, to);
      },
    });
    expect(await commit(store, documentOf(store, 'v1'), { store: slow })).toMatchObject({ result: 'stale' });
    expect(table(store)).toEqual(copiesOf(of(dataFiles(store), 'v2')));
  });

  it('is the same if a commit was killed at any call and its message comes again', async () => {
    const before = new MemoryStore();
    await publish(before, 'v1', '10', csv('a'));
    for (const sink of [commit, load]) await sink(before, documentOf(before, 'v1'));
    await publish(before, 'v2', '20', csv('b'));
    await load(before, documentOf(before, 'v2'));
    const undisturbed = before.twin();
    await commit(undisturbed, documentOf(before, 'v2'));
    const calls = undisturbed.calls.length;
    expect(calls).toBeGreaterThan(8);
    const expected = await leftBy(undisturbed);
    for (const afterEffect of [false, true])
      for (let call = 1; call <= calls; call += 1) {
        const store = before.twin();
        store.crash = { call, afterEffect };
        await expect(commit(store, documentOf(store, 'v2'))).rejects.toThrow('killed');
        await new Promise((resolve) => setImmediate(resolve));
        store.crash = undefined;
        await commit(store, documentOf(store, 'v2'));
        expect(await leftBy(store), `killed at call ${call}, ${afterEffect}`).toEqual(expected);
      }
    expect(headsOf(undisturbed)).toMatchObject([{ superseded: [] }]);
  });
});
