import { describe, expect, test } from 'vitest';
import { notesOf } from '../../../../cli/ledger/states/key-state.ts';
import type { LedgerEntry } from '../../../../domain/versions/ledger.ts';

const attempt = (versionId: string, leaseUntil: number): LedgerEntry['attempts'][number] => ({
  sequencer: '20',
  versionId,
  status: leaseUntil === 0 ? 'rejected' : 'extracting',
  message: 'm',
  invocation: 'i',
  codeVersion: 'c',
  leaseUntil,
  parts: 0,
});
const entry = (attempts: LedgerEntry['attempts']): LedgerEntry => ({
  dataset: 'recipes',
  key: 'recipes/a.json',
  current: { type: 'created', sequencer: '10', versionId: 'v1' },
  attempts,
  superseded: [],
});
const latest = { key: 'recipes/a.json', versionId: 'v2', latest: true, deleted: false, size: 1, modified: 0 };
const notes = (known: LedgerEntry, shown: string | undefined) => notesOf(known, latest, shown, 1000);

describe('the notes on a key', () => {
  test.each([
    ['under way', 1500, 'a newer version is being extracted'],
    ['interrupted, before anybody has reported it', 999, 'the extraction of a newer version was interrupted'],
    ['rejected', 0, 'a newer version was rejected; the last good one stays active'],
  ])('the notes say that a newer version is %s', (_, leaseUntil, note) => {
    expect(notes(entry([attempt('v2', leaseUntil)]), 'v1')).toEqual([note]);
  });

  test('the notes say that the first version was interrupted', () => {
    const { current: _, ...first } = entry([attempt('v2', 999)]);
    expect(notes(first, 'v2')).toEqual(['the extraction of it was interrupted']);
  });
});
