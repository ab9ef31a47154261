import { describe, expect, it } from 'vitest';
import { rebuiltEntry } from '../../../domain/versions/rebuilt-entry.ts';
import {
  type ExtractionReceipt,
  extractionReceipt,
  transformationReceipt,
} from '../../../domain/versions/receipt.ts';

const common = { dataset: 'recipes', key: 'recipes/a', rejects: [], finishedAt: '2026-11-01T10:00:00.000Z' };

function extraction(
  versionId: string,
  sequencer: string,
  changes: Partial<ExtractionReceipt> = {},
): ExtractionReceipt {
  const counts = { bytes: 1, read: 0, rejected: {}, parts: [] };
  const work = { durationMs: 1, codeVersion: 'c', stage: 'extraction' } as const;
  return extractionReceipt.parse({ ...common, ...counts, ...work, versionId, sequencer, ...changes });
}

const useless = { read: 1, rejected: { empty: 1 } };

describe('an entry that is rebuilt from receipts', () => {
  it('has the newest version that took effect, in its newest revision, and supersedes all others', () => {
    const receipts = [extraction('v1', '10'), extraction('v2', '2'), extraction('v2!0001', '2')];
    expect(rebuiltEntry(receipts, { onReject: 'keep' })).toEqual({
      dataset: 'recipes',
      key: 'recipes/a',
      current: { type: 'created', sequencer: '2', versionId: 'v2!0001', parts: 0, records: 0 },
      attempts: [],
      superseded: ['v1', 'v2'],
    });
  });

  it('keeps the last good version if a newer one was rejected, and the rejects of the newer one', () => {
    const receipts = [
      extraction('v1', '10'),
      extraction('v2', '20', useless),
      extraction('v3', '30', useless),
    ];
    expect(rebuiltEntry(receipts, { onReject: 'keep' })).toMatchObject({
      current: { versionId: 'v1' },
      attempts: [{ versionId: 'v3', status: 'rejected' }],
      superseded: ['v2'],
    });
    expect(rebuiltEntry(receipts, { onReject: 'replace' })).toMatchObject({
      current: { versionId: 'v3' },
      attempts: [],
    });
  });

  it('has the version before one that shrank too far, as its dataset says', () => {
    const receipts = [
      extraction('v2', '20', useless),
      extraction('v1', '10', { read: 10, rejected: { empty: 10 } }),
    ];
    const rules = { onReject: 'replace', maxShrink: 0.5 } as const;
    expect(rebuiltEntry(receipts, rules)?.current).toMatchObject({
      ...{ versionId: 'v2', records: 1 },
      fault: { code: 'shrunk' },
    });
  });

  it('supersedes a version whose extraction has no receipt', () => {
    const work = {
      stage: 'transformation',
      part: 0,
      read: 0,
      written: 0,
      filtered: {},
      rejected: {},
      outputs: [],
    };
    const half = { ...common, ...work, versionId: 'v0', sequencer: '05', durationMs: 1, codeVersion: 'c' };
    const receipts = [extraction('v1', '10'), transformationReceipt.parse(half)];
    expect(rebuiltEntry(receipts, { onReject: 'keep' })).toMatchObject({ superseded: ['v0'] });
  });

  it('waits for the transformation of a version that is extracted', () => {
    const parts = [{ key: 'part', records: 1, bytes: 1 }];
    const receipts = [
      extraction('v1', '10'),
      extraction('v2', '20', { read: 3, rejected: { empty: 2 }, parts }),
    ];
    expect(rebuiltEntry(receipts, { onReject: 'keep' })).toMatchObject({
      current: { versionId: 'v1' },
      attempts: [{ versionId: 'v2', status: 'extracted', parts: 1, extraction: { read: 3, rejected: 2 } }],
      superseded: [],
    });
  });

  it('does not exist if nothing was extracted', () => {
    expect(rebuiltEntry([], { onReject: 'keep' })).toBeUndefined();
  });
});
