import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFinal, type ObjectState, objectState } from '../../cli/ledger/states/object-state.ts';
import { type LocalPipeline, startPipeline } from '../../cli/target/local-cloud.ts';
import { queueDepth } from '../../cli/target/queue-state.ts';
import { localTarget, type Target } from '../../cli/target/target.ts';
import { limits } from '../../domain/records/part.ts';
import { stages } from '../../domain/stage.ts';
import { ProgramProcess, type ProgramRequest } from '../../local-aws/program/program-process.ts';
import { nodeWarning } from '../cli/sluice.ts';

/** The whole pipeline on a free port, with the real program, bundles and processes. */
export interface TestPipeline {
  readonly running: LocalPipeline;
  readonly target: Target;
  readonly directory: string;
  /** Lines that the local cloud reported as trouble. */
  readonly troubles: readonly string[];
  close(): Promise<void>;
}

export interface TestPipelineOptions {
  /** Whether to load into MySQL too, with a server of its own. */
  readonly mysql?: boolean;
  /** Prepares the directory before the start. */
  readonly prepare?: (directory: string) => Promise<void>;
}

export async function startTestPipeline({
  mysql = false,
  prepare,
}: TestPipelineOptions = {}): Promise<TestPipeline> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  await prepare?.(directory);
  const troubles: string[] = [];
  const running = await startPipeline({
    directory,
    port: 0,
    // A test that runs at the full hour would meet a crawl that it has not started, or a maintenance.
    configuration: {
      'sluice:catalog': JSON.stringify({ scheduled: false }),
      'sluice:maintenance': JSON.stringify({ scheduled: false }),
      // Commits gather for a second, which is longer than all the rest of an object takes.
      'sluice:commit': JSON.stringify({ batchSize: 10, batchWindow: 0 }),
    },
    onTrouble: (line) => troubles.push(line),
    programProcess,
    environment: mysql ? { PATH: process.env['PATH'] } : { SLUICE_NO_MYSQL: '1' },
  });
  return {
    running,
    target: localTarget(running, directory),
    directory,
    troubles,
    async close() {
      await running.close();
      const warnings = warningsOfFunctions(join(directory, 'logs'));
      rmSync(directory, { recursive: true, force: true });
      if (warnings.length > 0) throw new Error(`Node warned in a function:\n${warnings.join('\n')}`);
    },
  };
}

/** Stands for the endpoint, which is another one in each pipeline, and only begins the URLs of queues. */
const anEndpoint = 'http://endpoint.invalid';
const answers = new Map<string, Promise<unknown>>();

/**
 * Runs the program once for all pipelines of this process: a run is half of the work of a start. What runs it
 * anew each time is `npm start`, in other tests.
 */
const programProcess = {
  async run(request: ProgramRequest): Promise<unknown> {
    const common = { ...request, queueEndpoint: anEndpoint };
    const key = JSON.stringify(common);
    const answer = answers.get(key) ?? new ProgramProcess().run(common);
    answers.set(key, answer);
    return JSON.parse(JSON.stringify(await answer).replaceAll(anEndpoint, request.queueEndpoint));
  },
  end() {},
};

/** Node's warnings in the logs of the functions. */
function warningsOfFunctions(logs: string): string[] {
  return readdirSync(logs)
    .flatMap((file) => readFileSync(join(logs, file), 'utf8').split('\n'))
    .filter((line) => nodeWarning.test(line));
}

/**
 * Waits until `probe` returns a value. It probes more rarely as time passes, since the pipeline needs the
 * processor too.
 *
 * @throws {Error} after `seconds`
 */
export async function eventually<Value>(
  probe: () => Promise<Value | undefined>,
  what: string,
  seconds = 120,
): Promise<Value> {
  const end = Date.now() + seconds * 1000;
  for (let pauseMs = 50; ; pauseMs = Math.min(1.5 * pauseMs, 300)) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`Timeout: waited ${seconds} s for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

export function settledState(target: Target, key: string, versionId = 'null'): Promise<ObjectState> {
  return eventually(async () => {
    const state = await objectState(target, key, versionId);
    return isFinal(state) ? state : undefined;
  }, `the end of ${key}`);
}

/** With this in a record, its object is not transformed in place. */
export const padding = { padding: 'x'.repeat(limits.inPlaceBytes) };

/** Waits until the queues are empty. */
export async function quiet(target: Target): Promise<void> {
  await eventually(async () => {
    const depths = await Promise.all(stages.map((stage) => queueDepth(target, target.outputs.queues[stage])));
    return depths.every(({ waiting, inFlight }) => waiting + inFlight === 0) ? true : undefined;
  }, 'empty queues');
}
