import { describe, expect, it } from 'vitest';
import { isDirectoryMarker } from '../../../domain/versions/object-event.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { extract, ndjson, putRaw, recipe, runAll } from '../flow.ts';

const written = (store: MemoryStore) =>
  ['temp', 'failed', 'ledger', 'processed', 'archive'].flatMap((bucket) => store.keys(bucket));

describe('a directory marker', () => {
  it.each([
    ['recipes/', 0, true],
    ['recipes/2026/', 0, true],
    ['recipes_$folder$', 0, true],
    ['no-dataset/', 0, true],
    ['recipes/', 1, false],
    ['recipes/', undefined, false],
    ['recipes/a.json', 0, false],
    ['recipes/$folder$', 0, false],
    ['recipes/_$folder$.json', 0, false],
  ])('%s of %s bytes: %s', (key, size, expected) => {
    expect(isDirectoryMarker({ key, size })).toBe(expected);
  });

  it.each(['recipes/', 'recipes/2026_$folder$', 'nothing-reads-this/'])(
    '%s leaves no fault and no trace, and nor does its deletion',
    async (key) => {
      const store = new MemoryStore();
      putRaw(store, key, '');
      expect(await extract(store, key, {}, { size: 0 })).toMatchObject({ result: 'ignored', read: 0 });
      const deletion = { type: 'deleted', versionId: 'v2', sequencer: '0B', size: undefined } as const;
      expect(await extract(store, key, {}, deletion)).toMatchObject({ result: 'ignored' });
      expect(written(store)).toEqual([]);
    },
  );

  it('does not replace the records of the object before it, whose deletion still retracts them', async () => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a/', ndjson([recipe(1)]));
    await runAll(store, 'recipes/a/');
    const before = written(store);
    expect(
      await extract(store, 'recipes/a/', {}, { size: 0, versionId: 'v2', sequencer: '0B' }),
    ).toMatchObject({ result: 'ignored' });
    expect(written(store)).toEqual(before);
    const deletion = { type: 'deleted', versionId: 'v3', sequencer: '0C', size: undefined } as const;
    expect(await extract(store, 'recipes/a/', {}, deletion)).toMatchObject({ result: 'retracted' });
  });

  it('is told from an empty file, which is a fault', async () => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.json', '');
    expect(await extract(store, 'recipes/a.json', {}, { size: 0 })).toMatchObject({
      result: 'failed',
      fault: { code: 'empty_file' },
    });
  });
});
