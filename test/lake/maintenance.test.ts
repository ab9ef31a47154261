import { describe, expect, it } from 'vitest';
import { mentioned } from '../../domain/versions/table-mentions.ts';
import { expire } from '../../formats/iceberg/metadata/expire.ts';
import { nextMetadata } from '../../formats/iceberg/metadata/files.ts';
import type { Snapshot, TableMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { expiryOf, type Retention } from '../../lake/maintenance.ts';

const HOUR = 3_600_000;

const snapshot = (i: number, time: number, versions = 1): Snapshot => ({
  'snapshot-id': 1e15 + i,
  'sequence-number': i + 1,
  'timestamp-ms': time,
  'manifest-list': `s3://sluice-dev-processed-0123456789/recipes/metadata/snap-${1e15 + i}-1-5f1e3f0e-0000-4000-8000-000000000000.avro`,
  'schema-id': 0,
  summary: {
    operation: 'append',
    ...mentioned({
      committed: Array.from({ length: versions }, (_, n) => ({
        dataset: 'recipes',
        objectId: `${i}-${n}`,
        version: 'v1',
      })),
      removed: [],
    }),
    ...Object.fromEntries(
      ['added-data-files', 'added-records', 'added-files-size', 'changed-partition-count'].flatMap((each) => [
        [each, '12345678'],
        [`total-${each}`, '12345678'],
      ]),
    ),
  },
});

/** The snapshots that stay, by their number. */
function kept(times: readonly number[], retention: Partial<Retention>, now: number): number[] {
  const snapshots = times.map((time, i) => snapshot(i, time));
  const before = expiryOf(
    { snapshots },
    { grace: 0, age: 0, bytes: Number.POSITIVE_INFINITY, ...retention },
    now,
  );
  return snapshots.flatMap((each, i) => (each['timestamp-ms'] >= before ? [i] : []));
}

describe('the time before which snapshots expire', () => {
  it('counts the age of a snapshot from its successor, since it was shown until then', () => {
    expect(kept([0, 100, 200], { age: 150 }, 250)).toEqual([0, 1, 2]);
    expect(kept([0, 100, 200], { age: 150 }, 251)).toEqual([1, 2]);
    expect(kept([0, 100, 200], { age: 150 }, 1_000)).toEqual([2]);
    expect(kept([], { age: 150 }, 1_000)).toEqual([]);
  });

  it('leaves as many as the metadata has room for, but those that a query may still read', () => {
    const room = { age: 10_000, bytes: 2.5 * JSON.stringify(snapshot(0, 0)).length };
    expect(kept([0, 100, 200, 300], room, 400)).toEqual([2, 3]);
    expect(kept([0, 100, 200, 300], { ...room, grace: 250 }, 400)).toEqual([1, 2, 3]);
    expect(kept([0, 100, 200, 300], { ...room, bytes: 1 }, 400)).toEqual([3]);
  });
});

it.each([1, 100])(
  'after 10,000 commits of %i versions each, one in five seconds, a table’s metadata is below 1 MB',
  (versions) => {
    const snapshots = Array.from({ length: 10_000 }, (_, i) => snapshot(i, i * 5_000, versions));
    const now = 10_000 * 5_000;
    const metadata = {
      location: 's3://sluice-dev-processed-0123456789/recipes',
      properties: {},
      refs: {},
      snapshots,
      'current-snapshot-id': 1e15 + 9_999,
      'snapshot-log': snapshots.map((each) => ({
        'timestamp-ms': each['timestamp-ms'],
        'snapshot-id': each['snapshot-id'],
      })),
      'metadata-log': Array.from({ length: 100 }, (_, i) => ({
        'timestamp-ms': i,
        'metadata-file': `s3://sluice-dev-processed-0123456789/recipes/metadata/${i}-5f1e3f0e-0000-4000-8000-000000000000.metadata.json`,
      })),
    } as unknown as TableMetadata;
    const retention = { grace: HOUR / 2, age: 7 * 24 * HOUR, bytes: 640 * 1024 };
    const left = expire(metadata, { before: expiryOf(metadata, retention, now), keep: 1 });
    const path = 's3://sluice-dev-processed-0123456789/recipes/metadata/09999-x.metadata.json';
    const { bytes } = nextMetadata({ path, metadata }, left.metadata ?? metadata, { now, uuid: 'u' });
    expect(bytes.length).toBeLessThan(1_000_000);
    // The last half hour’s stay, and of small ones more.
    expect(left.metadata?.snapshots.length).toBeGreaterThanOrEqual(HOUR / 2 / 5_000);
  },
);
