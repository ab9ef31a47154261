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
      await pass(pipeline, 0, WARM_UP);
      const before = spent(pipeline);
      onProgress(`Passing ${OBJECTS} objects`);
      await pass(pipeline, WARM_UP, OBJECTS);
      const after = spent(pipeline);
      const ms = (stage: Stage) => ((after.get(stage) ?? 0) - (before.get(stage) ?? 0)) / OBJECTS;
      const sum = stages.reduce((all, stage) => all + ms(stage), 0);
      return {
        title: 'A small object',
        columns: ['', ...stages, 'together'],
        rows: [
          ['processor time of the functions', ...stages.map((stage) => text(ms(stage))), `**${text(sum)}**`],
        ],
        notes: [
          `${OBJECTS} objects of ${RECORDS} recipes, ${PUTS_AT_ONCE} at a time, through warm functions of the local cloud, without MySQL; the local cloud's own time is not counted. ${WARM_UP} others came before. One run.`,
          'A small object is transformed where it is extracted, so the transformation has nothing to do.',
        ],
        values: { ms: sum },
      };
    } finally {
      await pipeline.close();
    }
  },
};

const text = (ms: number) => `${ms.toFixed(1)} ms`;

/** Puts objects, and waits until nothing is left to do. */
async function pass({ target }: BenchPipeline, from: number, count: number): Promise<void> {
  for (let i = 0; i < count; i += PUTS_AT_ONCE)
    await Promise.all(
      Array.from({ length: PUTS_AT_ONCE }, (_, n) =>
        target.s3.send(
          new PutObjectCommand({
            Bucket: target.outputs.buckets.raw,
            Key: `recipes/small-${from + i + n}.ndjson`,
            Body: Array.from({ length: RECORDS }, (_, record) => recipe(record)).join('\n'),
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

const recipe = (n: number) =>
  JSON.stringify({
    title: `Recipe ${n}`,
    ingredients: ['water', 'salt'],
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
