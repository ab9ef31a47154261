import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { runAsFunction } from '../children/child.ts';
import { writePassengers } from '../inputs/passengers-file.ts';
import { writeRecipes } from '../inputs/recipes-file.ts';
import { median, type Section, seconds, thousands } from '../section.ts';

const RECIPES = 1_000_000;
const PASSENGERS = 2_560_000;
/** What Lambda gives a function of 512 MB (Lambda guide, "configuration-function-memory"). */
const PROCESSOR = 512 / 1_769;
const FUNCTIONS = [1, 2, 4, 8];

/** Milliseconds of a processor: when each part was stored, or how long it took; and all together. */
const measured = z.object({ cpuMs: z.number(), parts: z.array(z.number()).min(1) });

/** One large object, over many functions. */
export const parallel: Section = {
  name: 'parallel',
  async run({ directory, runs, onProgress }) {
    const recipes = join(directory, 'parallel.ndjson');
    const passengers = join(directory, 'parallel.csv');
    const inputs = [
      {
        name: `${thousands(RECIPES)} recipes, NDJSON`,
        key: 'recipes/input.ndjson',
        of: await writeRecipes(recipes, { records: RECIPES, form: 'ndjson' }),
      },
      {
        name: `${thousands(PASSENGERS)} passengers, CSV`,
        key: 'passengers/input.csv',
        of: await writePassengers(passengers, { records: PASSENGERS, bad: 0 }),
      },
    ].map((each) => ({ ...each, results: [] as Scheduled[] }));
    for (let run = 1; run <= runs; run += 1) {
      for (const { name, key, of, results } of inputs) {
        onProgress(`${name}, run ${run} of ${runs}`);
        const state = join(directory, 'parallel');
        const stage = async (each: string) =>
          measured.parse(await runAsFunction(directory, 'stage-child.ts', [each, state, of.path, key]));
        const extraction = await stage('extraction');
        results.push(scheduled(extraction, (await stage('transformation')).parts));
        await rm(state, { recursive: true, force: true });
      }
    }
    const of = (results: readonly Scheduled[], value: (each: Scheduled) => number) =>
      median(results.map(value));
    return {
      title: 'One object over many functions',
      columns: [
        '',
        'parts',
        'extraction',
        'transformation',
        ...FUNCTIONS.map((count) => (count === 1 ? 'by one function' : `by ${count}`)),
      ],
      rows: inputs.map(({ name, results }) => [
        name,
        String(of(results, ({ parts }) => parts)),
        seconds(of(results, (each) => each.extraction)),
        seconds(of(results, (each) => each.transformation)),
        ...FUNCTIONS.map((count, i) => {
          const took = of(results, ({ ends }) => ends[i] ?? Number.NaN);
          const alone = of(results, ({ ends }) => ends[0] ?? Number.NaN);
          return count === 1 ? seconds(took) : `${seconds(took)}, ${(alone / took).toFixed(1)} ×`;
        }),
      ]),
      notes: [
        `Processor time of extraction and transformation, and when they end on simulated functions of 512 MB, each with ${PROCESSOR.toFixed(2)} of a processor: one extracts, the others transform, each part as soon as it is stored. One function alone does both. ${runs} runs by turns; both stages were measured in one process each, so the start of the functions is not in it.`,
        'Extraction finds where records end, and stores parts without their records. It is not split itself: of CSV, which takes so little to transform, it is what bounds the speed.',
      ],
      values: Object.fromEntries(
        inputs.map(({ key, results }) => [
          `${key}.speedUp8`,
          of(results, ({ ends }) => (ends[0] ?? Number.NaN) / (ends.at(-1) ?? Number.NaN)),
        ]),
      ),
    };
  },
};

interface Scheduled {
  readonly parts: number;
  /** Milliseconds of a processor. */
  readonly extraction: number;
  readonly transformation: number;
  /** When all is done, in milliseconds, for each number of functions. */
  readonly ends: readonly number[];
}

/** @param works milliseconds of a processor that each part takes */
function scheduled({ cpuMs, parts: stored }: z.infer<typeof measured>, works: readonly number[]): Scheduled {
  const transformation = works.reduce((sum, each) => sum + each, 0);
  const endOf = (functions: number) => {
    if (functions === 1) return cpuMs + transformation;
    const free = Array.from({ length: functions - 1 }, () => 0);
    for (const [part, work] of works.entries()) {
      free.sort((a, b) => a - b);
      free[0] = Math.max(free[0] ?? 0, stored[part] ?? cpuMs) + work;
    }
    return Math.max(cpuMs, ...free);
  };
  const ends = FUNCTIONS.map((functions) => endOf(functions) / PROCESSOR);
  return { parts: works.length, extraction: cpuMs, transformation, ends };
}
