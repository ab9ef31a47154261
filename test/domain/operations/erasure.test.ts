import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErasedBucket, ErasureScope, fenced } from '../../../domain/operations/erasure.ts';
import {
  archiveKey,
  attemptKey,
  csvTableKey,
  dataKey,
  deletionKey,
  extractionReceiptKey,
  faultKey,
  gaveUpKey,
  ledgerEntryKey,
  loadingReceiptKey,
  partKey,
  publicationKey,
  rejectsKey,
  transformationReceiptKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import { decide, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import { partitionPath } from '../../../domain/versions/partition-path.ts';
import { revisionName } from '../../../domain/versions/revision.ts';

const key = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  fc.constantFrom('recipes/a', 'recipes/a.json', 'recipes/a.json~', 'recipes/_/a.json', 'r/a.json', '../a'),
);
const version = fc.oneof(
  fc.constantFrom('v1', 'v10', 'v', '_v1', '.v1', 'null'),
  fc.string({ minLength: 1, maxLength: 90 }).filter((text) => !text.includes('!')),
);
const place = fc.record({
  dataset: fc.constantFrom('recipes', 'passengers', '_unknown', 'gone'),
  revision: fc.integer({ min: 0, max: 3 }),
  value: fc.string({ unit: 'binary', maxLength: 20 }),
  codeVersion: fc.constantFrom('0123456789abcdef', 'odd code'),
});

type Place = typeof place extends fc.Arbitrary<infer Value> ? Value : never;

/** Every kind of key that the pipeline derives from a version, by bucket. */
function derived(of: string, versionId: string, { dataset, revision, value, codeVersion }: Place) {
  const path = versionPath({ dataset, key: of, versionId: revisionName(versionId, revision) });
  const folder = partitionPath([['difficulty', value]]);
  const file = dataKey(path, 2, folder, { codeVersion, extension: 'csv' });
  const item = { path, stage: 'loading', part: 2, partitionPath: folder } as const;
  return [
    ['temp', partKey(path, 2)],
    ['processed', file],
    ['processed', csvTableKey(file)],
    ['archive', archiveKey(file)],
    ['failed', rejectsKey({ path, stage: 'transformation', part: 1 }, 0, codeVersion)],
    ['failed', rejectsKey(item, 0, codeVersion)],
    ['failed', faultKey({ path, stage: 'extraction' })],
    ['failed', attemptKey(item)],
    ['failed', gaveUpKey(item)],
    ['ledger', extractionReceiptKey(path)],
    ['ledger', transformationReceiptKey(path, 2)],
    ['ledger', loadingReceiptKey(path, 2)],
    ['ledger', loadingReceiptKey(path, 2, folder)],
    ['ledger', publicationKey(path, 2, 4)],
    ['ledger', publicationKey(path, 3, 4)],
    ['ledger', deletionKey(path)],
  ] as const satisfies readonly (readonly [ErasedBucket, string])[];
}

describe('the scope of an erasure', () => {
  test('takes everything of its keys, and nothing of any other key', () => {
    fc.assert(
      fc.property(key, key, version, place, (mine, other, versionId, at) => {
        fc.pre(mine !== other);
        const scope = new ErasureScope([mine]);
        for (const [of, isTaken] of [
          [mine, true],
          [other, false],
        ] as const) {
          expect(scope.takes('raw', of, versionId)).toBe(isTaken);
          expect(scope.takes('ledger', ledgerEntryKey(versionPath({ ...at, key: of, versionId })), 'x')).toBe(
            isTaken,
          );
          for (const [bucket, name] of derived(of, versionId, at))
            expect([name, scope.takes(bucket, name, 'x')]).toEqual([name, isTaken]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('leaves all of the version to keep, in every revision, and takes the other versions', () => {
    fc.assert(
      fc.property(key, version, version, place, (mine, kept, old, at) => {
        fc.pre(kept !== old);
        const scope = new ErasureScope([mine], kept);
        for (const [of, isTaken] of [
          [kept, false],
          [old, true],
        ] as const) {
          expect(scope.takes('raw', mine, of)).toBe(isTaken);
          expect(scope.takesVersion(mine, revisionName(of, at.revision))).toBe(isTaken);
          for (const [bucket, name] of derived(mine, of, at))
            expect(scope.takes(bucket, name, 'x')).toBe(isTaken);
        }
        expect(
          scope.takes('ledger', ledgerEntryKey(versionPath({ ...at, key: mine, versionId: old })), 'x'),
        ).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test('takes no record of a run, no report and no copy of a table', () => {
    const scope = new ErasureScope(['rejects', '2026', 'x.json', 'recipes']);
    for (const name of [
      'erasures/2026-11-26T10-00-00.000Z-0a1b2c3d.json',
      'redrives/2026-11-26T10-00-00.000Z-0a1b2c3d.json',
      'reports/replay/x/batches/2026.json',
      'tables/rejects/2026-11-26T10-00-00.000Z/of-recipes/part-00000.parquet',
      'gave-up/_messages/extraction/0a1b2c3d.json',
    ])
      expect(scope.takes('failed', name, 'x')).toBe(false);
  });
});

describe('a ledger entry that is fenced', () => {
  const event: ObjectEvent = {
    type: 'created',
    bucket: 'raw',
    key: 'kept/a.json',
    versionId: 'v2',
    revision: 0,
    sequencer: '20',
    size: 1,
    permanent: false,
    reason: 'PutObject',
    time: '',
  };
  const claim = {
    dataset: 'kept',
    onDelete: 'keep',
    message: 'm',
    invocation: 'i',
    codeVersion: 'c',
    now: 1,
    deadline: 9,
  } as const;
  const extracting = {
    status: 'extracting',
    message: 'm',
    invocation: 'i',
    codeVersion: 'c',
    leaseUntil: 9,
    parts: 0,
  } as const;
  const entry: LedgerEntry = {
    dataset: 'kept',
    key: 'kept/a.json',
    current: { type: 'created', sequencer: '10', versionId: 'v1' },
    attempts: [{ ...extracting, sequencer: '20', versionId: 'v2' }],
    superseded: [],
  };

  test('shows no version, also of a dataset that keeps the rows of deleted objects', () => {
    expect(fenced(entry)).toMatchObject({
      current: { type: 'deleted' },
      attempts: [],
      superseded: ['v1', 'v2'],
    });
  });

  test('takes no version any more that it knew, and every one that is uploaded later', () => {
    const known = fenced(entry);
    expect(decide(known, event, claim).action).toBe('stale');
    expect(decide(known, { ...event, versionId: 'v3', sequencer: '21' }, claim).action).toBe('extract');
    expect(fenced(known)).toBe(known);
  });
});
