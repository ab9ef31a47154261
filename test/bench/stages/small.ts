import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type Stage, stages } from '../../../domain/stage.ts';
import { quiet } from '../../pipeline/running-pipeline.ts';
import { BenchPipeline } from '../pipeline.ts';
import { functionProcesses, processorMs } from '../processor-time.ts';
import type { Section } from '../section.ts';

const OBJECTS = 1000;
/** So many come first: V8 compiles what is hot. */
const WARM_UP = 300;
const RECORDS = 10;
const PUTS_AT_ONCE = 10;
/** The ingredients of its recipes, one after the other: by how many there are, a partition of the table. */
const ONE_PARTITION = [2];
const TWO_PARTITIONS = [2, 10];

/** What the functions take for an object of ten records, beside the requests that they wait for. */
export const small: Section = {
  name: 'small',
  async run({ directory, onProgress }) {
    const scheduled = JSON.stringify({ scheduled: false });
    const pipeline = await BenchPipeline.start(join(directory, 'small'), {
      configuration: { 'sluice:catalog': scheduled, 'sluice:maintenance': scheduled },
      environment: { ...process.env, SLUICE_NO_MYSQL: '1' },
    });
    try {
      onProgress(`Passing ${WARM_UP} objects first`);
      await pass(pipeline, 'first', WARM_UP, TWO_PARTITIONS);
      const rows: string[][] = [];
      const values: Record<string, number> = {};
      for (const [name, ingredients] of Object.entries({ one: ONE_PARTITION, two: TWO_PARTITIONS })) {
        const partitions = `${ingredients.length} ${ingredients.length === 1 ? 'partition' : 'partitions'}`;
        onProgress(`Passing ${OBJECTS} objects with rows in ${partitions}`);
        const requests = new FunctionRequests();
        const before = spent(pipeline);
        await pass(pipeline, name, OBJECTS, ingredients);
        const after = spent(pipeline);
        const each = requests.end() / OBJECTS;
        const ms = (stage: Stage) => ((after.get(stage) ?? 0) - (before.get(stage) ?? 0)) / OBJECTS;
        const sum = stages.reduce((all, stage) => all + ms(stage), 0);
        rows.push([
          `ten records, ${partitions}`,
          ...stages.map((stage) => text(ms(stage))),
          `**${text(sum)}**`,
          `**${each.toFixed(1)}**`,
        ]);
        Object.assign(values, { [`${name}Ms`]: sum, [`${name}Requests`]: each });
      }
      return {
        title: 'A small object',
        columns: ['processor time of the functions', ...stages, 'together', 'S3 requests'],
        rows,
        notes: [
          `${OBJECTS} objects of ${RECORDS} recipes, ${PUTS_AT_ONCE} at a time, through warm functions of the local cloud, without MySQL; the local cloud's own time is not counted. ${WARM_UP} others came before. One run.`,
          'A small object is transformed where it is extracted, so the transformation has nothing to do. Objects that come at the same time are committed together, and share three requests.',
        ],
        values,
      };
    } finally {
      await pipeline.close();
    }
  },
};

const text = (ms: number) => `${ms.toFixed(1)} ms`;

/** Counts what the functions ask of S3. */
class FunctionRequests {
  #count = 0;
  readonly #onRequest = (message: unknown) => {
    const { headers } = (message as { readonly request: IncomingMessage }).request;
    const isOfFunction = headers['user-agent']?.includes('exec-env/AWS_Lambda') === true;
    if (isOfFunction && headers.authorization?.includes('/s3/aws4_request') === true) this.#count += 1;
  };

  constructor() {
    subscribe('http.server.request.start', this.#onRequest);
  }

  /** @returns how many there were */
  end(): number {
    unsubscribe('http.server.request.start', this.#onRequest);
    return this.#count;
  }
}

/** Puts objects, and waits until nothing is left to do. */
async function pass(
  { target }: BenchPipeline,
  name: string,
  count: number,
  ingredients: readonly number[],
): Promise<void> {
  for (let i = 0; i < count; i += PUTS_AT_ONCE)
    await Promise.all(
      Array.from({ length: PUTS_AT_ONCE }, (_, n) =>
        target.s3.send(
          new PutObjectCommand({
            Bucket: target.outputs.buckets.raw,
            Key: `recipes/${name}-${i + n}.ndjson`,
            Body: Array.from({ length: RECORDS }, (_, record) =>
              recipe(record, ingredients[record % ingredients.length]),
            ).join('\n'),
          }),
        ),
      ),
    );
  // What is published of the last ones may not have arrived yet.
  for (let looks = 0; looks < 2; looks += 1) {
    await pause(1000);
    await quiet(target);
  }
}

const recipe = (n: number, ingredients = 1) =>
  JSON.stringify({
    title: `Recipe ${n}`,
    ingredients: Array.from({ length: ingredients }, (_, ingredient) => `ingredient ${ingredient}`),
    directions: ['Stir for 10 minutes.'],
  });

/** The processor time of each stage's processes so far. A process that has ended is not counted. */
function spent({ target }: BenchPipeline): ReadonlyMap<Stage, number> {
  const spent = new Map<Stage, number>();
  for (const { pid, functionName } of functionProcesses())
    for (const stage of stages)
      if (target.outputs.functions[stage] === functionName)
        spent.set(stage, (spent.get(stage) ?? 0) + processorMs(pid));
  return spent;
}
