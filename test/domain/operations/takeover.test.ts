import { describe, expect, it } from 'vitest';
import { takeover } from '../../../domain/operations/takeover.ts';
import { ledgerEntryKey } from '../../../domain/versions/key-layout.ts';
import { type LedgerEntry, ledgerEntry } from '../../../domain/versions/ledger.ts';
import { type Receipt, receipt } from '../../../domain/versions/receipt.ts';
import { plainVersion } from '../../documents/plain-version.ts';

const { path, documents } = plainVersion('recipes/a.ndjson', 'v1');
const entry = ledgerEntry.parse(documents[ledgerEntryKey(path)]);
const receipts = Object.entries(documents)
  .filter(([key]) => key.startsWith('receipts/'))
  .map(([, document]) => receipt.parse(document));
const stages = (...names: Receipt['stage'][]) => receipts.filter(({ stage }) => names.includes(stage));
const attempt = { sequencer: '0A', message: '', invocation: '', codeVersion: '', leaseUntil: 0, parts: 0 };

const of = (changes: Partial<LedgerEntry> = {}, its: readonly Receipt[] = receipts, isPublished = false) =>
  takeover({ ...entry, ...changes }, its, isPublished, ['v1', 'v1!0004']);

describe('an object that older code left', () => {
  it('is reprocessed in a revision above all that have receipts', () => {
    expect(of()).toMatchObject({
      work: 'reprocess',
      event: { type: 'created', versionId: 'v1', revision: 5, sequencer: '0A', size: 90 },
    });
  });

  it('is reprocessed if only some of its parts were transformed by older code', () => {
    const [extraction] = stages('extraction');
    const [transformation] = stages('transformation');
    if (extraction?.stage !== 'extraction' || transformation?.stage !== 'transformation') throw new Error();
    const key = 'recipes/data/a.ndjson~7d80340be06c628b6dcd4f13/v1/difficulty=easy/part-00001~c0de.parquet';
    const newer = { ...transformation, part: 1, outputs: [{ key, records: 1, bytes: 1 }] };
    const twoParts = { ...extraction, parts: [...extraction.parts, ...extraction.parts] };
    expect(of({}, [twoParts, transformation, newer])).toMatchObject({ work: 'reprocess' });
    expect(of({}, [twoParts, newer, { ...newer, part: 0 }])).toMatchObject({ work: 'publish' });
  });

  it('is published as it is if it has no files', () => {
    const [extraction] = stages('extraction');
    const empty = { ...extraction, parts: [] } as Receipt;
    expect(of({}, [empty])).toMatchObject({ work: 'publish', event: { versionId: 'v1', revision: 0 } });
  });

  it('and that is deleted has its deletion published', () => {
    const current = { type: 'deleted', sequencer: '0B', versionId: 'marker' } as const;
    expect(of({ current }, [])).toMatchObject({
      work: 'publish',
      event: { type: 'deleted', versionId: 'marker', sequencer: '0B', permanent: false },
    });
  });

  it.each([
    ['rejected', 'rejected'],
    ['extracting', 'under_way'],
  ] as const)('is left while a revision of it is %s', (status, left) => {
    const attempts = [{ ...attempt, status, versionId: 'v1!0001' }];
    expect(of({ attempts })).toEqual({ left });
  });

  it('is not left for a newer version that is under way or rejected', () => {
    const attempts = [{ ...attempt, status: 'rejected' as const, sequencer: '0C', versionId: 'v2' }];
    expect(of({ attempts })).toMatchObject({ work: 'reprocess' });
  });
});

describe('there is nothing to take over of an object', () => {
  it.each<[string, Partial<LedgerEntry>, readonly Receipt[], boolean]>([
    ['whose extraction has no receipt', {}, [], false],
    ['whose parts are still being transformed', {}, stages('extraction'), false],
    ['that is published', {}, receipts, true],
    ['that every sink shows', { committed: entry.current, loaded: entry.current }, receipts, false],
    ['that never had an active version', { current: undefined }, [], false],
    ['of no dataset', { dataset: '_unknown' }, receipts, false],
  ])('%s', (_, changes, its, isPublished) => {
    expect(of(changes, its, isPublished)).toBeUndefined();
  });
});
