import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { datasets } from '../../datasets/index.ts';
import { chunksOf } from '../domain/records/decoded.ts';
import { resultOf } from './result.ts';

/**
 * What stands beside an input: parts of each row and reject, in order; an absent field means that there is
 * none.
 */
const expectation = z.strictObject({
  rows: z.array(z.record(z.string(), z.unknown())).default([]),
  rejects: z.array(z.record(z.string(), z.unknown())).default([]),
  filtered: z.record(z.string(), z.int()).default({}),
  fault: z.string().optional(),
});

const inputs = await Promise.all(
  datasets.map(async (dataset) => {
    const folder = join(import.meta.dirname, dataset.name);
    const files = (await readdir(folder)).filter((file) => file.includes('.input.'));
    return { dataset, folder, files };
  }),
);

/** Integers of 64 bits are texts, since JSON has none. */
const asJson = (row: unknown): unknown =>
  JSON.parse(JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value)));

describe.each(inputs)('the fixtures of $dataset.name', ({ dataset, folder, files }) => {
  it.each(files)('%s becomes its expected result', async (file) => {
    const expectedFile = join(folder, file.replace(/\.input\..+$/, '.expected.json'));
    const expected = expectation.parse(JSON.parse(await readFile(expectedFile, 'utf8')));
    const open = chunksOf(await readFile(join(folder, file)), 100);
    const found = await resultOf(dataset, dataset.source.prefix, open);
    expect(found.rows.map(({ row }) => asJson(row))).toMatchObject(expected.rows);
    expect(found.rejects).toMatchObject(expected.rejects);
    expect(found.filtered).toEqual(expected.filtered);
    expect(found.fault).toBe(expected.fault);
  });
});
