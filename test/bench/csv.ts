import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Papa from 'papaparse';
import * as z from 'zod';
import { jsonOf, pythonImports, runAsFunction } from './children/child.ts';
import { writePassengers } from './inputs/passengers-file.ts';
import { median, megabytes, type Section, seconds, thousands } from './section.ts';

const RECORDS = 1_280_000;
const stageRun = z.object({ cpuMs: z.number() });
const cleaned = z.object({
  cpuMs: z.number(),
  /** `null` if it refuses the whole file. */
  rows: z.int().nullable(),
  idSum: z.number(),
  fareSum: z.number(),
});
type Cleaned = z.infer<typeof cleaned>;

interface Program {
  readonly name: string;
  readonly run: (input: string) => Promise<Cleaned>;
}

/** The same cleaning of a CSV file by this pipeline, DuckDB and, where it can be had, Python's libraries. */
export const csv: Section = {
  name: 'csv',
  onRequest: true,
  async run({ directory, runs, onProgress }) {
    const inputs = [
      { name: 'clean', bad: 0 },
      { name: '2 % wrong', bad: 0.02 },
    ];
    const programs = programsFor(directory);
    const found = new Map<string, Cleaned[]>();
    let bytes = 0;
    for (const { name: kind, bad } of inputs) {
      const input = await writePassengers(join(directory, `passengers-${bad}.csv`), {
        records: RECORDS,
        bad,
      });
      bytes = input.contentBytes;
      for (let run = 1; run <= runs; run += 1)
        for (const { name, run: clean } of programs) {
          onProgress(`${name}, ${kind}, run ${run} of ${runs}`);
          const key = `${name} ${kind}`;
          found.set(key, [...(found.get(key) ?? []), await clean(input.path)]);
        }
      await rm(input.path);
    }
    const of = (name: string, kind: string) => found.get(`${name} ${kind}`) ?? [];
    const [ours = ''] = programs.map(({ name }) => name);
    const [reference] = of(ours, 'clean');
    const [strict] = of(ours, '2 % wrong');
    for (const { name } of programs) {
      const [mine] = of(name, 'clean');
      const isSame = mine?.rows === reference?.rows && mine?.idSum === reference?.idSum;
      const isNear = Math.abs((mine?.fareSum ?? 0) - (reference?.fareSum ?? 0)) < 1;
      if (!isSame || !isNear)
        throw new Error(`${name} found ${JSON.stringify(mine)}, not ${JSON.stringify(reference)}.`);
    }
    const cpu = (name: string, kind: string) => median(of(name, kind).map(({ cpuMs }) => cpuMs));
    return {
      title: `${thousands(RECORDS)} passengers from CSV to validated CSV`,
      columns: ['', 'clean', '2 % wrong', 'its rows less ours', '× our processor time, clean'],
      rows: programs.map(({ name }) => [
        name,
        seconds(cpu(name, 'clean')),
        seconds(cpu(name, '2 % wrong')),
        more(of(name, '2 % wrong')[0], strict),
        (cpu(name, 'clean') / cpu(ours, 'clean')).toFixed(2),
      ]),
      notes: [
        `Processor time (user and system), medians of ${runs} runs by turns; ${megabytes(bytes)} each. A program’s start and its imports are not counted.`,
        `Of the clean file every program must find the same ${thousands(reference?.rows ?? 0)} rows, by the sums of their ids and fares.`,
        'Of the file with wrong rows, Sluice rejects each with its number, reason and text. The others leave them out without a word, or keep some.',
        ...(programs.length > 2 ? [] : [`Python was not compared: python3 does not import ${libraries}.`]),
      ],
      values: Object.fromEntries(
        programs.flatMap(({ name }) => [
          [`${name}.cleanCpuMs`, cpu(name, 'clean')],
          [`${name}.wrongCpuMs`, cpu(name, '2 % wrong')],
        ]),
      ),
    };
  },
};

/** How many rows one has more than the other. */
function more(of: Cleaned | undefined, than: Cleaned | undefined): string {
  if (of?.rows == null || than?.rows == null) return 'refuses the file';
  return thousands(of.rows - than.rows);
}

const libraries = 'pandas, pyarrow and polars';

function programsFor(directory: string): Program[] {
  const output = join(directory, 'cleaned.csv');
  const here = (file: string) => join(import.meta.dirname, 'children', file);
  const rival = (name: string, command: string, ...args: string[]): Program => ({
    name,
    run: async (input) => cleaned.parse(await jsonOf(command, [...args, input, output])),
  });
  const python = (name: string, engine: string) =>
    rival(name, 'python3', here('clean_passengers.py'), engine);
  return [
    { name: 'Sluice, extraction and transformation', run: (input) => bySluice(directory, input) },
    rival('DuckDB, SQL on one thread', process.execPath, here('duckdb-csv-child.ts')),
    ...(pythonImports('pandas', 'pyarrow', 'polars')
      ? [
          python('pandas, its C engine', 'pandas-c'),
          python('pandas, pyarrow’s engine', 'pandas-pyarrow'),
          python('pyarrow', 'pyarrow'),
          python('polars', 'polars'),
        ]
      : []),
  ];
}

async function bySluice(directory: string, input: string): Promise<Cleaned> {
  const state = join(directory, 'csv-state');
  let cpuMs = 0;
  for (const stage of ['extraction', 'transformation']) {
    const args = [stage, state, input, 'passengers/input.csv'];
    cpuMs += stageRun.parse(await runAsFunction(directory, 'stage-child.ts', args)).cpuMs;
  }
  let [rows, idSum, fareSum] = [0, 0, 0];
  for (const name of await readdir(join(state, 'processed'))) {
    const text = await readFile(join(state, 'processed', name), 'utf8');
    for (const row of Papa.parse<Record<string, string>>(text, { header: true, skipEmptyLines: true }).data) {
      rows += 1;
      idSum += Number(row['passenger_id']);
      fareSum += Number(row['fare']);
    }
  }
  await rm(state, { recursive: true });
  return { cpuMs, rows, idSum, fareSum };
}
