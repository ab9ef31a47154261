import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { jsonOf, pythonImports, runAsFunction } from './children/child.ts';
import { writeRecipes } from './inputs/recipes-file.ts';
import { BenchPipeline } from './pipeline.ts';
import { median, megabytes, type Section, seconds, thousands } from './section.ts';

const RECORDS = 200_000;
const stageRun = z.object({ ms: z.number() });
const rival = z.object({ ms: z.number(), rows: z.int(), timeSum: z.int() });

interface Rival {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly times: number[];
}

/** The same cleaning by this pipeline, by DuckDB's SQL and, where it can be had, by Python. */
export const comparison: Section = {
  name: 'comparison',
  async run({ directory, runs, onProgress }) {
    onProgress(`Writing ${thousands(RECORDS)} recipes`);
    const input = await writeRecipes(join(directory, 'input.ndjson.gz'), {
      records: RECORDS,
      form: 'ndjson.gz',
    });
    const output = join(directory, 'rival');
    const here = (file: string) => join(import.meta.dirname, 'children', file);
    const hasPython = pythonImports('pandas', 'pyarrow');
    const rivals: [Rival, ...Rival[]] = [
      {
        name: 'DuckDB, SQL on one thread',
        command: process.execPath,
        args: [here('duckdb-child.ts')],
        times: [],
      },
      ...(hasPython
        ? [
            {
              name: 'Python: json, pandas, pyarrow',
              command: 'python3',
              args: [here('clean_recipes.py')],
              times: [],
            },
          ]
        : []),
    ];
    const inOneProcess: number[] = [];
    const ours: number[] = [];
    let written = 0;
    const pipeline = await BenchPipeline.start(join(directory, 'comparison-cloud'));
    let memory: Awaited<ReturnType<BenchPipeline['memory']>>;
    try {
      for (let run = 1; run <= runs; run += 1) {
        onProgress(`Run ${run} of ${runs}`);
        for (const { command, args, times, name } of rivals) {
          const result = rival.parse(await jsonOf(command, [...args, input.path, output]));
          await rm(output, { recursive: true, force: true });
          times.push(result.ms);
          written ||= result.rows;
          if (result.rows !== written) throw new Error(`${name} found ${result.rows} valid, not ${written}.`);
        }
        const state = join(directory, `comparison-stages-${run}`);
        let stagesMs = 0;
        for (const stage of ['extraction', 'transformation']) {
          const { ms } = stageRun.parse(
            await runAsFunction(directory, 'stage-child.ts', [
              stage,
              state,
              input.path,
              'recipes/input.ndjson.gz',
            ]),
          );
          stagesMs += ms;
        }
        inOneProcess.push(stagesMs);
        await rm(state, { recursive: true, force: true });
        const passage = await pipeline.pass(input.path, `recipes/run-${run}/input.ndjson.gz`);
        ours.push(passage.ms);
        if (passage.written !== written) throw new Error(`${passage.written} rows, ${written} expected.`);
      }
      memory = await pipeline.memory();
    } finally {
      await pipeline.close();
    }
    const [{ times: duckDb }] = rivals;
    const row = (name: string, times: readonly number[]) => [
      name,
      seconds(median(times)),
      thousands(RECORDS / (median(times) / 1000)),
      `${(input.contentBytes / 1e6 / (median(times) / 1000)).toFixed(0)}`,
      `${(median(duckDb) / median(times)).toFixed(2)}`,
    ];
    const peaks = [...memory].map(([stage, { peak, limit }]) => `${stage} ${peak} of ${limit} MB`).join(', ');
    return {
      title: `${thousands(RECORDS)} recipes from NDJSON.gz to validated, partitioned Parquet`,
      columns: ['', 'median', 'records/s', 'MB/s of JSON', '× DuckDB’s speed'],
      rows: [
        row('Sluice, its stages one after the other', inOneProcess),
        row('Sluice, as deployed, in the local cloud', ours),
        ...rivals.map(({ name, times }) => row(name, times)),
      ],
      notes: [
        `${runs} runs by turns; the input is ${megabytes(input.bytes)}, unpacked ${megabytes(input.contentBytes)}; every program must find the same ${thousands(written)} valid recipes.`,
        'One after the other: extraction and then transformation, over local files, each with its thread pool. This is what the same work costs, with parts between the stages, every reject with its reason, and receipts.',
        'As deployed: from the first byte of the upload to the last receipt of the transformation, with events, queues, IAM checks and object storage, each function in processes of its own; the local cloud and the loading stage share the cores with them.',
        'The others run in one process over a local file, and are timed without their start; DuckDB has one thread. They drop bad records without saying why, and know neither ranges nor fractions in cooking times.',
        ...(hasPython
          ? []
          : ['Python was not compared: here, python3 does not import both pandas and pyarrow.']),
        `Peak resident memory of one process: ${peaks}.`,
      ],
      values: {
        stagesMs: median(inOneProcess),
        deployedMs: median(ours),
        ...Object.fromEntries(rivals.map(({ name, times }) => [`${name.split(/[,:]/)[0]}Ms`, median(times)])),
      },
    };
  },
};
