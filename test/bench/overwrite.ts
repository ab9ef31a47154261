import { join } from 'node:path';
import { writeRecipes } from './inputs/recipes-file.ts';
import { BenchPipeline } from './pipeline.ts';
import { median, type Section, seconds, thousands } from './section.ts';

const SIZES = [10, 20_000, 200_000];

/** For how long a reader of the lake meets both versions of an object that is overwritten. */
export const overwrite: Section = {
  name: 'overwrite',
  async run({ directory, runs, onProgress }) {
    const pipeline = await BenchPipeline.start(join(directory, 'overwrite'));
    const rows: string[][] = [];
    const values: Record<string, number> = {};
    try {
      for (const records of SIZES) {
        const { path } = await writeRecipes(join(directory, `overwrite-${records}.ndjson`), {
          records,
          form: 'ndjson',
        });
        const [both, whole]: [number[], number[]] = [[], []];
        const key = `recipes/${records}.ndjson`;
        await pipeline.pass(path, key);
        for (let round = 1; round <= runs; round += 1) {
          onProgress(`${thousands(records)} recipes, run ${round} of ${runs}`);
          const { firstNewFile, lastOldFile } = await pipeline.overwrite(path, key);
          both.push(Math.max(0, lastOldFile - firstNewFile));
          whole.push(lastOldFile);
        }
        rows.push([
          `${thousands(records)} recipes`,
          seconds(median(both)),
          seconds(Math.max(...both)),
          seconds(median(whole)),
        ]);
        values[`both${records}`] = median(both);
      }
    } finally {
      await pipeline.close();
    }
    return {
      title: 'An overwrite, as a reader of the lake sees it',
      columns: ['', 'both versions, median', 'longest', 'from the put to the end of the old one'],
      rows,
      notes: [
        `${runs} runs; in the local cloud, its functions on the same cores. From the first snapshot that has a file of the new version to the last that has one of the old.`,
        'One snapshot of the table adds the files of the new version and removes those of the old, once all of the new one is transformed.',
      ],
      values,
    };
  },
};
