import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { runAsFunction } from './children/child.ts';
import { writeRecipes } from './recipes-file.ts';
import { median, type Section, seconds, thousands } from './section.ts';

const RECORDS = 200_000;
const measured = z.object({ ms: z.number(), cpuMs: z.number(), records: z.int(), peakMb: z.number() });

/** Each stage by itself, in one process, over local files. */
export const stages: Section = {
  name: 'stages',
  async run({ directory, runs, onProgress }) {
    const input = await writeRecipes(join(directory, 'stages.ndjson.gz'), {
      records: RECORDS,
      form: 'ndjson.gz',
    });
    const found = new Map<string, z.infer<typeof measured>[]>([
      ['extraction', []],
      ['transformation', []],
    ]);
    for (let run = 1; run <= runs; run += 1) {
      const state = join(directory, `stages-${run}`);
      for (const [stage, results] of found) {
        onProgress(`${stage}, run ${run} of ${runs}`);
        results.push(
          measured.parse(await runAsFunction(directory, 'stage-child.ts', [stage, state, input.path])),
        );
      }
      await rm(state, { recursive: true, force: true });
    }
    const of = (results: readonly z.infer<typeof measured>[], what: keyof z.infer<typeof measured>) =>
      median(results.map((each) => each[what]));
    return {
      title: 'Each stage in one process',
      columns: ['', 'median', 'processor time', 'records/s', 'MB/s of JSON', 'peak memory'],
      rows: [...found].map(([stage, results]) => [
        stage,
        seconds(of(results, 'ms')),
        seconds(of(results, 'cpuMs')),
        thousands(of(results, 'records') / (of(results, 'ms') / 1000)),
        (input.contentBytes / 1e6 / (of(results, 'ms') / 1000)).toFixed(0),
        `${Math.round(of(results, 'peakMb'))} MB`,
      ]),
      notes: [
        `${thousands(RECORDS)} recipes, ${runs} runs, with the heap limits of a function of 512 MB, over local files in place of S3. Processor time counts the thread pool.`,
      ],
      values: Object.fromEntries(
        [...found].flatMap(([stage, results]) => [
          [`${stage}Ms`, of(results, 'ms')],
          [`${stage}PeakMb`, of(results, 'peakMb')],
        ]),
      ),
    };
  },
};
