import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { runAsFunction } from '../children/child.ts';
import { writePassengers } from '../inputs/passengers-file.ts';
import { writeRecipes } from '../inputs/recipes-file.ts';
import { median, type Section, seconds, thousands } from '../section.ts';

const RECIPES = 200_000;
const PASSENGERS = 400_000;
const measured = z.object({ ms: z.number(), cpuMs: z.number(), records: z.int(), peakMb: z.number() });
type Measured = z.infer<typeof measured>;

/** Each stage by itself, in one process, over local files. */
export const stages: Section = {
  name: 'stages',
  async run({ directory, runs, onProgress }) {
    const recipes = await writeRecipes(join(directory, 'stages.ndjson.gz'), {
      records: RECIPES,
      form: 'ndjson.gz',
    });
    const passengers = (name: string, bad: number) =>
      writePassengers(join(directory, name), { records: PASSENGERS, bad });
    const clean = await passengers('stages.csv', 0);
    const bad = await passengers('stages-bad.csv', 0.02);
    const found = [
      { name: 'recipes', key: 'recipes/input.ndjson.gz', input: recipes },
      { name: 'passengers', key: 'passengers/input.csv', input: clean },
      { name: 'passengers, 2 % wrong', key: 'passengers/input.csv', input: bad },
    ].flatMap((each) =>
      ['extraction', 'transformation'].map((stage) => ({ ...each, stage, results: [] as Measured[] })),
    );
    for (let run = 1; run <= runs; run += 1) {
      for (const { name, stage, key, input, results } of found) {
        onProgress(`${stage} of ${name}, run ${run} of ${runs}`);
        const state = join(directory, `stages-${run}-${name}`);
        results.push(
          measured.parse(await runAsFunction(directory, 'stage-child.ts', [stage, state, input.path, key])),
        );
        if (stage === 'transformation') await rm(state, { recursive: true, force: true });
      }
    }
    const of = (results: readonly Measured[], what: keyof Measured) =>
      median(results.map((each) => each[what]));
    return {
      title: 'Each stage in one process',
      columns: [
        '',
        'median',
        'processor time',
        'for a million records',
        'MB of input for a second of it',
        'peak memory',
      ],
      rows: found.map(({ name, stage, input, results }) => [
        `${stage} of ${name}`,
        seconds(of(results, 'ms')),
        seconds(of(results, 'cpuMs')),
        `${((of(results, 'cpuMs') / input.records) * 1000).toFixed(1)} s`,
        (input.contentBytes / 1e3 / of(results, 'cpuMs')).toFixed(0),
        `${Math.round(of(results, 'peakMb'))} MB`,
      ]),
      notes: [
        `${thousands(RECIPES)} recipes in NDJSON.gz, which become Parquet, and ${thousands(PASSENGERS)} passengers in CSV, a third of which becomes CSV; ${runs} runs by turns, with the heap limits of a function of 512 MB, over local files in place of S3. Processor time counts the thread pool.`,
      ],
      values: Object.fromEntries(
        found.flatMap(({ name, stage, results }) => [
          [`${name}.${stage}CpuMs`, of(results, 'cpuMs')],
          [`${name}.${stage}PeakMb`, of(results, 'peakMb')],
        ]),
      ),
    };
  },
};
