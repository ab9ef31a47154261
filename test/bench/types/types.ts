import { createWriteStream, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import * as z from 'zod';
import { Random } from '../../simulation/random.ts';
import { runAsFunction } from '../children/child.ts';
import { median, megabytes, type Section, seconds } from '../section.ts';
import { FIELDS, type Format, formats, type Kind, prefixOf, variants } from './datasets.ts';

/** Ten of them are 100 MB. */
const FILE_BYTES = 10e6;
/** 100 MB. */
const PARQUET_ROWS = 4_700_000;
const measured = z.object({ cpuMs: z.number(), records: z.int(), peakMb: z.number() });

const digits = (random: Random, count: number) => Math.floor(random.next() * 10 ** count);
const two = (random: Random, below: number) => String(Math.floor(random.next() * below)).padStart(2, '0');
const dayOf = (random: Random) =>
  `20${two(random, 30)}-0${1 + (digits(random, 1) % 9)}-1${digits(random, 1)}`;
const clockOf = (random: Random) =>
  `${two(random, 24)}:${two(random, 60)}:${two(random, 60)}.${String(digits(random, 6)).padStart(6, '0')}`;

const values: Readonly<Record<Kind, (random: Random) => string>> = {
  fractions: (random) => (digits(random, 9) / 100).toFixed(2),
  integers: (random) => String(digits(random, 12)),
  times: (random) => `${dayOf(random)}T${clockOf(random)}Z`,
  days: dayOf,
  clocks: clockOf,
};
const isNumber = (kind: Kind) => kind === 'fractions' || kind === 'integers';

/** The transformation of the same bytes under different types, and the extraction of a large Parquet. */
export const types: Section = {
  name: 'types',
  async run({ directory, runs, onProgress }) {
    const found = formats.flatMap((format) =>
      (Object.keys(variants) as Kind[]).map((kind) => ({
        format,
        kind,
        times: Object.keys(variants[kind]).map((name) => ({ name, cpuMs: [] as number[] })),
      })),
    );
    for (const { format, kind, times } of found) {
      const path = await writeFields(join(directory, `types.${format}`), format, kind);
      for (let run = 1; run <= runs; run += 1)
        for (const [variant, { name, cpuMs }] of times.entries()) {
          onProgress(`${kind} of ${format} ${name}, run ${run} of ${runs}`);
          const state = join(directory, 'types');
          const key = `${prefixOf(format, kind, variant)}a`;
          const stage = async (which: string) =>
            measured.parse(await runAsFunction(directory, 'stage-child.ts', [which, state, path, key]));
          await stage('extraction');
          cpuMs.push((await stage('transformation')).cpuMs);
          await rm(state, { recursive: true });
        }
    }
    onProgress('A large Parquet');
    const parquet = await writeParquet(join(directory, 'types.parquet'));
    const state = join(directory, 'types');
    const large = measured.parse(
      await runAsFunction(directory, 'stage-child.ts', ['extraction', state, parquet, 'from_parquet/a']),
    );
    const parquetBytes = statSync(parquet).size;
    const medians = found.map(({ format, kind, times }) => {
      const [plain = Number.NaN, typed = Number.NaN] = times.map(({ cpuMs }) => median(cpuMs));
      return { format, kind, names: times.map(({ name }) => name), plain, typed };
    });
    return {
      title: 'The same bytes under different types',
      columns: ['', 'plain', 'typed', 'ratio'],
      rows: medians.map(({ format, kind, names: [plainName, typedName], plain, typed }) => [
        `${kind} of ${format.toUpperCase()}, ${typedName} in place of ${plainName?.replace('as ', '')}`,
        seconds(plain),
        seconds(typed),
        (typed / plain).toFixed(2),
      ]),
      notes: [
        `Processor time of the transformation of ${megabytes(FILE_BYTES)} each, with ${FIELDS} fields of one kind in each record, to Parquet; ${runs} runs by turns, with the heap limits of a function of 512 MB. The typed ones have every digit.`,
        `The extraction of ${megabytes(parquetBytes)} of Parquet as DuckDB writes it, under the same limits: ${seconds(large.cpuMs)} of processor time for ${large.records} rows, and ${Math.round(large.peakMb)} MB of memory at its peak.`,
      ],
      values: {
        ...Object.fromEntries(
          medians.map(({ format, kind, plain, typed }) => [`${format}.${kind}.ratio`, typed / plain]),
        ),
        parquetPeakMb: large.peakMb,
        parquetCpuMs: large.cpuMs,
      },
    };
  },
};

async function writeFields(path: string, format: Format, kind: Kind): Promise<string> {
  const random = new Random(7);
  const names = Array.from({ length: FIELDS }, (_, i) => `field_${i}`);
  const quote = format === 'json' && !isNumber(kind) ? '"' : '';
  function* chunks(): Generator<string> {
    if (format === 'csv') yield `id,${names.join()}\n`;
    let chunk = '';
    for (let bytes = 0, id = 0; bytes < FILE_BYTES; id += 1) {
      const fields = names.map(() => `${quote}${values[kind](random)}${quote}`);
      const line =
        format === 'csv'
          ? `r${id},${fields.join()}\n`
          : `{"id":"r${id}",${fields.map((value, i) => `"${names[i]}":${value}`).join()}}\n`;
      chunk += line;
      bytes += line.length;
      if (chunk.length < 1 << 20) continue;
      yield chunk;
      chunk = '';
    }
    yield chunk;
  }
  await pipeline(chunks, createWriteStream(path));
  return path;
}

async function writeParquet(path: string): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run(`
    copy (
      select i as id, hash(i)::hugeint::double as share, (hash(i + 1) % 100000000)::decimal(18, 2) / 100 as money,
        'customer ' || (hash(i + 2) % 1000000) as customer, timestamptz '2026-01-01 00:00:00+00' + to_seconds(i) as at,
        case when i % 5 = 0 then null else [i, i + 1] end as ids
      from range(${PARQUET_ROWS}) of_i(i)
    ) to '${path}' (format parquet, codec zstd, row_group_size 122880)`);
  connection.closeSync();
  return path;
}
