import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { runAsFunction } from '../children/child.ts';
import { writePassengers } from '../inputs/passengers-file.ts';
import { writeRecipes } from '../inputs/recipes-file.ts';
import { median, type Section, seconds, thousands } from '../section.ts';

const RECIPES = 1_000_000;
const PASSENGERS = 10_240_000;
/** What Lambda gives a function of 512 MB (Lambda guide, "configuration-function-memory"). */
const PROCESSOR = 512 / 1_769;
const FUNCTIONS = [1, 2, 4, 8, 32];

/**
 * Milliseconds of a processor: when each part was stored, or how long it took; what others took to outline
 * segments, with the number of their parts; and all together, without these.
 */
const measured = z.object({
  cpuMs: z.number(),
  parts: z.array(z.number()).min(1),
  outlines: z.array(z.object({ ms: z.number(), parts: z.int() })),
});
type Measured = z.infer<typeof measured>;

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
        const alone = await stage('extraction');
        const outlined = await stage('outlined-extraction');
        results.push(scheduled(alone, outlined, (await stage('transformation')).parts));
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
        `Processor time of extraction and transformation, and when they end on simulated functions of 512 MB, each with ${PROCESSOR.toFixed(2)} of a processor: one extracts; the others outline segments ahead of it, and then transform, each part as soon as it is stored. One function alone does all. ${runs} runs by turns; the stages were measured in one process each, so the start of the functions is not in it.`,
        'Extraction finds where records end, and stores parts without their records. It takes over the segments that are outlined when it comes to them, and reads the others itself.',
      ],
      values: Object.fromEntries(
        inputs.map(({ key, results }) => [
          `${key}.speedUp8`,
          of(results, ({ ends }) => (ends[0] ?? Number.NaN) / (ends[FUNCTIONS.indexOf(8)] ?? Number.NaN)),
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
function scheduled(alone: Measured, outlined: Measured, works: readonly number[]): Scheduled {
  const transformation = works.reduce((sum, each) => sum + each, 0);
  const endOf = (functions: number) => {
    if (functions === 1) return alone.cpuMs + transformation;
    const free = Array.from({ length: functions - 1 }, () => 0);
    const next = (from: number, work: number) => {
      free.sort((a, b) => a - b);
      free[0] = Math.max(free[0] ?? 0, from) + work;
      return free[0];
    };
    const outlines = outlined.outlines.map(({ ms, parts }) => ({ parts, doneAt: next(0, ms) }));
    const { stored, end } = extracted(alone, outlined, outlines);
    for (const [part, work] of works.entries()) next(stored[part] ?? end, work);
    return Math.max(end, ...free);
  };
  const ends = FUNCTIONS.map((functions) => endOf(functions) / PROCESSOR);
  return { parts: works.length, extraction: alone.cpuMs, transformation, ends };
}

/** When an extraction stores each part, and ends, that takes over what is outlined when it comes there. */
function extracted(
  alone: Measured,
  outlined: Measured,
  outlines: readonly { readonly parts: number; readonly doneAt: number }[],
): { readonly stored: readonly number[]; readonly end: number } {
  const own = alone.parts.length - outlines.reduce((sum, { parts }) => sum + parts, 0);
  const stored = alone.parts.slice(0, own);
  for (const { parts, doneAt } of outlines) {
    const [before, now] = [stored.length - 1, stored.at(-1) ?? 0];
    const times = doneAt <= now ? outlined.parts : alone.parts;
    for (let part = before + 1; part <= before + parts; part += 1)
      stored.push(now + (times[part] ?? 0) - (times[before] ?? 0));
  }
  return { stored, end: (stored.at(-1) ?? 0) + alone.cpuMs - (alone.parts.at(-1) ?? 0) };
}
