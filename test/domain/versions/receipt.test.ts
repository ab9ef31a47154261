import { expect, test } from 'vitest';
import { loadingReceipt, receipt, writtenReceipt } from '../../../domain/versions/receipt.ts';

const work = {
  stage: 'loading',
  dataset: 'recipes',
  key: 'recipes/a.json',
  versionId: 'v1',
  sequencer: '0A',
  part: 2,
  rejects: [],
  finishedAt: '2026-11-01T00:00:00.000Z',
  durationMs: 5,
  codeVersion: 'c',
};
const archive = { key: 'recipes/part-00002~a~v1~c.parquet', records: 3, bytes: 4 };
const old = { ...work, processed: { key: 'recipes/part-00002~a~v1~c.parquet', versionId: 'p' }, archive };
const files = [{ key: old.processed.key, archive }];

test('the receipt of one file that was loaded, as it was written until November 2026, is read as one of its part', () => {
  for (const schema of [loadingReceipt, receipt])
    expect(schema.parse(old)).toMatchObject({ stage: 'loading', part: 2, files });
  expect(writtenReceipt.safeParse(old).success).toBe(false);
});

test('the receipt of a part that was loaded is read as it was written', () => {
  for (const schema of [loadingReceipt, receipt, writtenReceipt])
    expect(schema.parse({ ...work, files })).toEqual({ ...work, files });
});

test('a loading receipt that names no file is not readable', () => {
  expect(loadingReceipt.safeParse(work).success).toBe(false);
});
