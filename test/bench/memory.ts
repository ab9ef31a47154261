import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeRecipes } from './inputs/recipes-file.ts';
import { BenchPipeline } from './pipeline.ts';
import { megabytes, type Section, seconds, thousands } from './section.ts';

const inputs = [
  { name: 'NDJSON', form: 'ndjson', records: 1_740_000 },
  { name: 'JSON array', form: 'json', records: 440_000 },
] as const;

/** Objects several times as large as a function's memory. */
export const memory: Section = {
  name: 'memory',
  onRequest: true,
  async run({ directory, onProgress }) {
    const rows: string[][] = [];
    const values: Record<string, number> = {};
    for (const { name, form, records } of inputs) {
      onProgress(`Writing a large ${name}`);
      const input = await writeRecipes(join(directory, `large.${form}`), { records, form });
      onProgress(`Passing ${megabytes(input.bytes)} of ${name} through the pipeline`);
      const pipeline = await BenchPipeline.start(join(directory, `${form}-cloud`));
      try {
        const { ms, read } = await pipeline.pass(input.path, `recipes/large.${form}`);
        const memory = await pipeline.memory();
        const peak = (stage: string) => memory.get(stage)?.peak ?? Number.NaN;
        rows.push([
          `${megabytes(input.bytes)} of ${name}`,
          seconds(ms),
          thousands(read / (ms / 1000)),
          `${(input.bytes / 1e6 / (ms / 1000)).toFixed(0)}`,
          `${peak('extraction')} MB`,
          `${peak('transformation')} MB`,
          `${peak('loading')} MB`,
        ]);
        for (const [stage, each] of memory) values[`${form}.${stage}.peakMb`] = each.peak;
      } finally {
        await pipeline.close();
        await rm(input.path, { force: true });
      }
    }
    return {
      title: 'Objects larger than the functions’ memory',
      columns: ['', 'time', 'records/s', 'MB/s', 'extraction', 'transformation', 'loading'],
      rows,
      notes: [
        'In the local cloud, which kills a function when its resident memory is above its 512 MB. The last columns are the peak of the largest process of each function.',
        'One run: it shows that memory is bounded, not how fast the machine is.',
      ],
      values,
    };
  },
};
