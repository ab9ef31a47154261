import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Dataset } from '../../domain/dataset.ts';
import { datasets } from '../../domain/datasets/index.ts';
import { decode } from '../../domain/decoding/decode.ts';
import { PermanentError } from '../../domain/errors.ts';
import { count, type Tally } from '../../domain/receipt.ts';
import type { Reject } from '../../domain/reject.ts';
import { type Row, transformRecord } from '../../domain/transformation.ts';
import { validate } from '../../domain/validation.ts';

/** What stands beside an input: parts of each row and reject, in order; an absent field means that there is none. */
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

describe.each(inputs)('the fixtures of $dataset.name', ({ dataset, folder, files }) => {
  it.each(files)('%s becomes what stands beside it', async (file) => {
    const expectedFile = join(folder, file.replace(/\.input\..+$/, '.expected.json'));
    const expected = expectation.parse(JSON.parse(await readFile(expectedFile, 'utf8')));
    const found = await resultOf(dataset, join(folder, file));
    expect(found.rows).toMatchObject(expected.rows);
    expect(found.rejects).toMatchObject(expected.rejects);
    expect(found.filtered).toEqual(expected.filtered);
    expect(found.fault).toBe(expected.fault);
  });
});

async function resultOf(dataset: Dataset, path: string) {
  const rows: Row[] = [];
  const rejects: Reject[] = [];
  const filtered: Tally = {};
  let fault: string | undefined;
  let recordNumber = 0;
  try {
    for await (const records of decode(dataset, () => createReadStream(path, { highWaterMark: 100 }))) {
      for (const raw of records) {
        recordNumber += 1;
        const validated = validate(dataset, raw, recordNumber);
        if ('reject' in validated) {
          rejects.push(validated.reject);
          continue;
        }
        const [, record] = z.tuple([z.int(), z.unknown()]).parse(JSON.parse(validated.line));
        const transformed = transformRecord(dataset, record, { key: dataset.source.prefix, recordNumber });
        if ('row' in transformed) rows.push(transformed.row);
        else if ('reject' in transformed) rejects.push(transformed.reject);
        else count(filtered, transformed.filtered);
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    fault = error.code;
  }
  return { rows, rejects, filtered, fault };
}
