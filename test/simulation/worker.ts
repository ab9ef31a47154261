import { parentPort, workerData } from 'node:worker_threads';
import type { Topology } from '../../local-aws/program/topology.ts';
import { type Run, runSeed } from './run.ts';
import { withCode } from './system.ts';

/** One thread's part of the seeds. */
export interface Share {
  readonly topology: Topology;
  readonly region: string;
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  readonly step: number;
}

export type Result = Omit<Run, 'trace'>;

const { topology, region, first, end, step } = workerData as Share;
const system = await withCode(topology, region);
for (let seed = first; seed < end; seed += step) {
  const { trace: _, ...result } = await runSeed(system, seed);
  parentPort?.postMessage(result satisfies Result);
}
