import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { Upload } from '@aws-sdk/lib-storage';
import { ledgerOf } from '../../../cli/ledger/ledger.ts';
import { isFinal, type ObjectState, objectState } from '../../../cli/ledger/states/object-state.ts';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import { total } from '../../../domain/versions/receipt.ts';
import { recipeChunks } from '../inputs/recipes-file.ts';
import { BenchPipeline } from '../pipeline.ts';
import { functionProcesses } from '../processor-time.ts';
import { megabytes, type Section, seconds, thousands } from '../section.ts';

/** What S3 takes in one object is 50 TB; this is what a laptop's disk takes. */
const BYTES = 20e9;
const BYTES_A_RECIPE = 1190;
const PART_BYTES = 64 * 2 ** 20;
const TIMEOUT_S = 60;
const KILL_EVERY_MS = 30_000;
/** A message comes again only after six timeouts: an extraction that is killed stands still for so long. */
const MOST_EXTRACTIONS_KILLED = 2;
const LOOK_MS = 5000;
const KEY = 'recipes/huge.ndjson';
/** A dataset allows 100,000 rejects of an object, however large it is. */
const INVALID_EVERY = 1000;

/** An object that no function could pass within its time, through functions that are killed. */
export const huge: Section = {
  name: 'huge',
  onRequest: true,
  async run({ directory, bytes = BYTES, onProgress }) {
    const records = Math.ceil(bytes / BYTES_A_RECIPE);
    const stage = JSON.stringify({
      timeout: TIMEOUT_S,
      memory: 512,
      maximumConcurrency: 2,
      maximumReceives: 20,
    });
    const pipeline = await BenchPipeline.start(join(directory, 'huge'), {
      configuration: { 'sluice:extraction': stage, 'sluice:transformation': stage },
      environment: { ...process.env, SLUICE_NO_MYSQL: '1' },
    });
    try {
      const { target } = pipeline;
      onProgress(`Putting ${thousands(records)} recipes`);
      let put = 0;
      const Body = Readable.from(chunks(records, (more) => (put += more)));
      const params = { Bucket: target.outputs.buckets.raw, Key: KEY, Body };
      const { VersionId: versionId = '' } = await new Upload({
        client: target.s3,
        params,
        partSize: PART_BYTES,
      }).done();
      const startedAt = performance.now();
      const killer = new Killer(pipeline);
      const ended = await endOf(pipeline, versionId, killer, onProgress);
      const ms = performance.now() - startedAt;
      const path = versionPath({ dataset: 'recipes', key: KEY, versionId });
      const receipts = await ledgerOf(target).receipts(path);
      const sum = (of: (each: (typeof receipts)[number]) => number) =>
        receipts.reduce((all, each) => all + of(each), 0);
      const read = sum((each) => (each.stage === 'extraction' ? each.read : 0));
      const written = sum((each) => (each.stage === 'transformation' ? each.written : 0));
      const rejected = sum((each) => (each.stage === 'transformation' ? total(each.rejected) : 0));
      const loaded = sum((each) =>
        each.stage === 'loading' ? each.files.reduce((all, { archive }) => all + archive.records, 0) : 0,
      );
      if (ended.stage !== 'done' || read !== records || read !== written + rejected || loaded !== written)
        throw new Error(
          `It ended as ${ended.stage}${ended.fault ? ` (${ended.fault.message})` : ''}: ${records} records put, ${read} read, ${written} written, ${rejected} rejected, ${loaded} loaded.`,
        );
      const memory = await pipeline.memory();
      const peaks = ['extraction', 'transformation', 'loading'].map((each) => memory.get(each)?.peak ?? 0);
      return {
        title: 'An object that no function passes within its time',
        columns: [
          '',
          'time',
          'invocations of the extraction',
          'killed',
          'extraction',
          'transformation',
          'loading',
        ],
        rows: [
          [
            `${megabytes(put)} of NDJSON, ${thousands(records)} recipes`,
            seconds(ms),
            String(invocations(join(directory, 'huge', 'logs'), target.outputs.functions.extraction)),
            `${killer.extractions} extractions, ${killer.transformations} transformations`,
            ...peaks.map((peak) => `${peak} MB`),
          ],
        ],
        notes: [
          `In the local cloud, by functions of 512 MB with a timeout of ${TIMEOUT_S} s, two at a time of each; every ${KILL_EVERY_MS / 1000} s a process is killed (SIGKILL). The time counts from the end of the put, and has the six timeouts after which a killed function's message comes again.`,
          `Each record is accounted for: ${thousands(read)} read, ${thousands(written)} written and loaded, ${thousands(rejected)} rejected. The last columns are the peak of the largest process of each function.`,
        ],
        values: { ms, peakMb: Math.max(...peaks) },
      };
    } finally {
      await pipeline.close();
    }
  },
};

function* chunks(records: number, onBytes: (bytes: number) => void): Generator<Buffer> {
  for (const chunk of recipeChunks(records, { invalidEvery: INVALID_EVERY })) {
    onBytes(chunk.length);
    yield Buffer.from(chunk, 'latin1');
  }
}

/** Waits until the version has come to an end, and kills functions meanwhile. @returns the end */
async function endOf(
  { target }: BenchPipeline,
  versionId: string,
  killer: Killer,
  onProgress: (line: string) => void,
): Promise<ObjectState> {
  for (let killedAt = performance.now(); ; ) {
    const state = await objectState(target, KEY, versionId);
    if (isFinal(state)) return state;
    onProgress(`${state.stage}; ${killer.extractions + killer.transformations} processes killed`);
    await pause(LOOK_MS);
    if (performance.now() - killedAt < KILL_EVERY_MS) continue;
    await killer.kill();
    killedAt = performance.now();
  }
}

class Killer {
  readonly #pipeline: BenchPipeline;
  extractions = 0;
  transformations = 0;

  constructor(pipeline: BenchPipeline) {
    this.#pipeline = pipeline;
  }

  /** Kills a process of a function: of the extraction every third time, until it was killed often enough. */
  async kill(): Promise<void> {
    const { functions } = this.#pipeline.target.outputs;
    const isTurn = this.transformations % 3 === 2 && this.extractions < MOST_EXTRACTIONS_KILLED;
    const stage = isTurn ? 'extraction' : 'transformation';
    const victim = functionProcesses().find(({ functionName }) => functionName === functions[stage]);
    if (victim === undefined) return;
    process.kill(victim.pid, 'SIGKILL');
    if (stage === 'extraction') this.extractions += 1;
    else this.transformations += 1;
  }
}

/** How often a function was invoked to the end, by its log. */
function invocations(directory: string, functionName: string): number {
  return readdirSync(directory)
    .filter((name) => name.startsWith(functionName))
    .map((name) => readFileSync(join(directory, name), 'utf8').match(/Max Memory Used/g)?.length ?? 0)
    .reduce((all, each) => all + each, 0);
}
