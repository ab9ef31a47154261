import { expect, test } from 'vitest';
import { stateIn } from '../../../cli/lake/ledger-rows.ts';
import { UnreadableDocument } from '../../../domain/versions/document.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';

const work = {
  dataset: 'recipes',
  key: 'recipes/a.json',
  versionId: 'v2',
  sequencer: '02',
  rejects: [],
  finishedAt: '2026-11-01T10:00:00.000Z',
  durationMs: 1,
  codeVersion: 'c',
};
const extraction: Receipt = {
  ...work,
  stage: 'extraction',
  bytes: 1,
  read: 1,
  rejected: {},
  parts: [{ key: 'p', records: 1, bytes: 1 }],
};
const faulty: Receipt = { ...extraction, parts: [], fault: { code: 'truncated', message: '' } };
const attempt = (status: 'extracting' | 'rejected') => ({
  sequencer: '02',
  versionId: 'v2',
  status,
  message: '',
  invocation: '',
  codeVersion: 'c',
  leaseUntil: 0,
  parts: 0,
});
const entry = (some: Partial<LedgerEntry>): LedgerEntry => ({
  dataset: 'recipes',
  key: 'recipes/a.json',
  attempts: [],
  superseded: [],
  ...some,
});
const current = (type: 'created' | 'deleted', versionId: string) =>
  entry({ current: { type, sequencer: '03', versionId } });

test.each<[string, LedgerEntry | UnreadableDocument | undefined, Receipt[], string]>([
  [
    'that is active is in the stage that lacks a receipt',
    current('created', 'v2'),
    [extraction],
    'transformation',
  ],
  ['that is active and faulty failed', current('created', 'v2'), [faulty], 'failed'],
  [
    'that is being extracted is in extraction',
    entry({ attempts: [attempt('extracting')] }),
    [],
    'extraction',
  ],
  [
    'that never became active was rejected',
    entry({ attempts: [attempt('rejected')] }),
    [extraction],
    'rejected',
  ],
  [
    'that never became active for its fault failed',
    entry({ attempts: [attempt('rejected')] }),
    [faulty],
    'failed',
  ],
  ['under a newer one is superseded', current('created', 'v3'), [extraction], 'superseded'],
  ['under a newer rejected one is superseded', entry({}), [extraction], 'superseded'],
  ['of a deleted object is retracted', current('deleted', 'marker'), [extraction], 'retracted'],
  ['that was deleted for good is retracted', current('deleted', 'v2'), [extraction], 'retracted'],
  ['whose ledger entry is gone is as its receipts say', undefined, [extraction], 'transformation'],
  [
    'whose ledger entry is damaged is unreadable',
    new UnreadableDocument({ bucket: 'b', key: 'k' }, 'torn'),
    [extraction],
    'unreadable',
  ],
])('a version %s', (_, known, receipts, state) => {
  expect(stateIn(known, { versionId: 'v2', sequencer: '02' }, receipts)).toBe(state);
});
