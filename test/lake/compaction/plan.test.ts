import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compactedKey, dataKey } from '../../../domain/versions/key-layout.ts';
import type { LiveFile } from '../../../formats/iceberg/manifest/data-file.ts';
import { allThereIs, asTheyCome, isCompacted, planCompaction } from '../../../lake/compaction/plan.ts';

function file(
  n: number,
  bytes: number,
  { day = '1', compacted = false, key = '', specId = 0 } = {},
): LiveFile {
  const partitionPath = `day=${day}/`;
  const name = { codeVersion: 'c0de', extension: 'parquet' };
  const path = { dataset: 'sales', objectId: `${n}~0123456789abcdef01234567`, version: 'v1' };
  const own = compacted
    ? compactedKey({ dataset: 'sales', partitionPath, uuid: String(n) })
    : dataKey(path, 0, partitionPath, name);
  return {
    filePath: `s3://lake/${key || own}`,
    fileFormat: 'PARQUET',
    partition: { day },
    recordCount: 1,
    fileSizeInBytes: bytes,
    snapshotId: 1,
    sequenceNumber: 1,
    fileSequenceNumber: 1,
    specId,
  };
}

const MB = 1024 * 1024;
const small = (count: number) => Array.from({ length: count }, (_, n) => file(n, MB));

describe('a plan of a compaction', () => {
  it('has files of one partition in a group, each once, and no more bytes than the target', () => {
    const files = fc.array(
      fc.record({
        bytes: fc.integer({ min: 1, max: 80 * MB }),
        day: fc.constantFrom('1', '2', '3'),
        compacted: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(files, fc.constantFrom(asTheyCome, allThereIs), (all, policy) => {
        const live = all.map(({ bytes, ...more }, n) => file(n, bytes, more));
        const groups = planCompaction(live, 0, policy);
        expect(new Set(groups.flat()).size).toBe(groups.flat().length);
        for (const group of groups) {
          const sizes = group.map(({ fileSizeInBytes }) => fileSizeInBytes);
          const bytes = sizes.reduce((sum, each) => sum + each, 0);
          expect(new Set(group.map(({ partition }) => partition['day'])).size).toBe(1);
          expect(bytes).toBeLessThanOrEqual(policy.target);
          expect(group.length).toBeGreaterThanOrEqual(policy.least);
          expect(Math.max(...sizes)).toBeLessThanOrEqual(policy.mostOfOne * bytes);
          // A row group of each is in memory.
          expect(group.filter(isCompacted).length).toBeLessThanOrEqual(4);
        }
      }),
    );
  });

  it('leaves less than one file for each half of the target, if all there is is compacted', () => {
    const bytes = fc.array(fc.integer({ min: 1, max: 40 * MB }), { maxLength: 200 });
    fc.assert(
      fc.property(bytes, (sizes) => {
        const live = sizes.map((each, n) => file(n, each));
        const groups = planCompaction(live, 0, allThereIs);
        const left = live.length - groups.flat().length + groups.length;
        const sum = sizes.reduce((total, each) => total + each, 0);
        expect(left).toBeLessThanOrEqual(1 + sum / (allThereIs.target / 2));
      }),
    );
  });

  it('waits for six small files, unless it is told to do all there is', () => {
    expect(planCompaction(small(5), 0, asTheyCome)).toEqual([]);
    expect(planCompaction(small(6), 0, asTheyCome).map((group) => group.length)).toEqual([6]);
    expect(planCompaction(small(2), 0, allThereIs).map((group) => group.length)).toEqual([2]);
    expect(planCompaction(small(1), 0, allThereIs)).toEqual([]);
  });

  it('does not write a large part anew for the sake of a few rows', () => {
    const large = file(99, 30 * MB, { compacted: true });
    expect(planCompaction([large, ...small(7)], 0, asTheyCome)).toEqual([small(7)]);
    expect(planCompaction([large, ...small(8)], 0, asTheyCome)).toEqual([[...small(8), large]]);
  });

  it('leaves files of other engines, and of another partition spec, as they are', () => {
    const others = [
      file(1, 1, { key: 'sales/data/day=1/00000-0-foreign.parquet' }),
      file(2, 1, { specId: 1 }),
    ];
    expect(planCompaction([...others, ...small(1)], 0, allThereIs)).toEqual([]);
  });
});
