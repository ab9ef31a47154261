import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type Run, runSeed } from './run.ts';
import { readSystem, type System } from './system.ts';
import type { Result, Share } from './worker.ts';

const usage = `npm run simulate -- [--seeds N] [--from N] [--seed N [--trace]]

Runs the whole pipeline in memory, on a virtual clock, once for each seed: other objects, other faults, another order.
  --seeds N   how many schedules (1000)
  --from N    the first seed (1)
  --seed N    only this one
  --trace     with all that happened`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seeds' | 'from' | 'seed', text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw new Error(`--${name} ${text}: give a whole number from 1.`);
  };
  const { trace, help, seed } = values;
  return {
    ...(seed !== undefined && { seed: number('seed', seed) }),
    seeds: number('seeds', values.seeds),
    from: number('from', values.from),
    trace,
    help,
  };
}

function report({ seed, climate, findings }: Pick<Run, 'seed' | 'climate' | 'findings'>): void {
  console.log(`Seed ${seed} (${climate}) fails:`);
  for (const finding of findings) console.log(`  ${finding}`);
  console.log(`  Replay: npm run simulate -- --seed ${seed} --trace`);
}

/** Deals the seeds out to a thread a core. @returns how many failed */
async function runAll(system: System, from: number, seeds: number): Promise<number> {
  const startedAt = performance.now();
  const threads = Math.min(availableParallelism(), seeds);
  let [done, failed, objects] = [0, 0, 0];
  const seconds = () => (performance.now() - startedAt) / 1000;
  const take = (result: Result) => {
    done += 1;
    objects += result.objects;
    if (result.findings.length > 0) {
      failed += 1;
      report(result);
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} schedules, ${failed} failed `);
  };
  await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const { topology, region } = system;
      const workerData: Share = {
        topology,
        region,
        first: from + thread,
        end: from + seeds,
        step: threads,
      };
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
      return new Promise<void>((resolve, reject) => {
        worker.on('message', take);
        worker.on('error', reject);
        worker.on('exit', () => resolve());
      });
    }),
  );
  if (process.stderr.isTTY) process.stderr.write('\r');
  console.log(
    `${done} schedules of the whole pipeline with ${objects} objects, seeds ${from} to ${from + seeds - 1}: ` +
      `${failed === 0 ? 'all ended as the model says' : `${failed} failed`} (${seconds().toFixed(0)} s, ${(done / seconds()).toFixed(0)} a second).`,
  );
  return done < seeds ? seeds - done : failed;
}

const { seed, seeds, from, trace, help } = readOptions();
if (help) {
  console.log(usage);
} else if (seed === undefined) {
  process.exitCode = (await runAll(await readSystem(), from, seeds)) === 0 ? 0 : 1;
} else {
  const run = await runSeed(await readSystem(), seed);
  if (trace) console.log(run.trace.join('\n'));
  if (run.findings.length > 0) report(run);
  else console.log(`Seed ${seed} (${run.climate}) with ${run.objects} objects ends as the model says.`);
  process.exitCode = run.findings.length === 0 ? 0 : 1;
}
