import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { usageOf } from '../../cli/cost/usage.ts';
import { metricsByDataset, metricsByStage } from '../../domain/cost/at-rest.ts';
import { logBytes, logBytesInPlace } from '../../domain/cost/load.ts';
import type { Position } from '../../domain/cost/position.ts';
import { type Stage, stages } from '../../domain/stage.ts';
import { documents, sluice } from '../cli/sluice.ts';
import { quiet, settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';

const OBJECTS = 40;
const recipe = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] };

/** What becomes a message: small objects are transformed in place. */
const withMessages = stages.filter((stage) => stage !== 'transformation');

let pipeline: TestPipeline;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  const { target } = pipeline;
  const put = (n: number) =>
    target.s3.send(
      new PutObjectCommand({
        Bucket: target.outputs.buckets.raw,
        Key: `recipes/2026/11/kitchen-${n}.ndjson`,
        Body: JSON.stringify(recipe),
      }),
    );
  for (let n = 0; n < OBJECTS; n += 1) {
    const { VersionId } = await put(n);
    await settledState(target, `recipes/2026/11/kitchen-${n}.ndjson`, VersionId);
  }
  await quiet(target);
});

afterAll(async () => {
  await pipeline.close();
});

/** The messages of a function's log. */
function messagesOf(stage: Stage): string[] {
  const { directory, target } = pipeline;
  const log = readFileSync(join(directory, 'logs', `${target.outputs.functions[stage]}.log`), 'utf8');
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { message: string }).message);
}

/** What CloudWatch would take in of it, in bytes. */
const logged = (stage: Stage) =>
  messagesOf(stage).reduce((sum, message) => sum + Buffer.byteLength(message), 0);

interface Embedded {
  readonly service: string;
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

test.each(withMessages)(
  '%s sends as many metrics as the estimate counts, of a dataset and of itself',
  (stage) => {
    const sent = messagesOf(stage)
      .filter((message) => message.startsWith('{"_aws"'))
      .map((message) => JSON.parse(message) as Embedded)
      .filter(({ service }) => service === stage)
      .flatMap(({ _aws }) => _aws.CloudWatchMetrics);
    const namesOf = (ofDataset: boolean) =>
      new Set(
        sent
          .filter(({ Dimensions }) => Dimensions.flat().includes('dataset') === ofDataset)
          .flatMap(({ Metrics }) => Metrics.map(({ Name }) => Name)),
      );
    expect(namesOf(true).size).toBe(metricsByDataset);
    // MessagesFailed is sent only with failures.
    expect(namesOf(false).add('MessagesFailed').size).toBe(metricsByStage);
  },
);

test.each(withMessages)(
  'a message leaves as many bytes in the log of %s as the estimate says, by a tenth',
  (stage) => {
    const said = logBytes[stage] + (stage === 'extraction' ? logBytesInPlace : 0);
    expect(logged(stage) / OBJECTS / said).toBeGreaterThan(0.9);
    expect(logged(stage) / OBJECTS / said).toBeLessThan(1.1);
  },
);

test('what CloudWatch counted are the messages, calls and durations of each stage', async () => {
  const { hours, stages: used, stored } = await usageOf(pipeline.target, 1);
  expect(hours).toBe(24);
  // Neither S3's storage nor the bytes of logs are counted here.
  expect(stored).toBeUndefined();
  expect(used.transformation).toMatchObject({ sent: 0, received: 0, deleted: 0, calls: 0 });
  for (const stage of withMessages) {
    expect(used[stage]).toMatchObject({
      sent: OBJECTS,
      received: OBJECTS,
      deleted: OBJECTS,
      logs: undefined,
    });
    expect(used[stage].calls).toBeGreaterThan(0);
    expect(used[stage].calls).toBeLessThanOrEqual(OBJECTS);
    expect(used[stage].duration).toBeGreaterThan(used[stage].calls);
  }
});

test('cost --actual prices what was counted, and the days’ share of what costs the same each month', async () => {
  const run = await sluice(pipeline.directory, ['cost', '--actual', '--days', '2', '--json']);
  const [bill] = documents({ ...run, stdout: run.stdout.replaceAll('\n', '') }) as unknown as [
    { days: number; positions: Position[]; total: number; monthly: number },
  ];
  const of = (item: string) => bill.positions.find((each) => each.item.startsWith(item));
  // Of a small object: cost.test.ts of the handlers.
  expect(of('PUT')).toMatchObject({ quantity: 12 * OBJECTS, basis: 'estimated' });
  expect(of('GET')).toMatchObject({ quantity: 4 * OBJECTS, basis: 'estimated' });
  expect(of('the dashboard')).toMatchObject({ basis: 'configured' });
  expect(of('the dashboard')?.usd).toBeCloseTo((3 * 48) / 730, 6);
  expect(of('duration')?.basis).toBe('measured');
  expect(bill.days).toBe(2);
  expect(bill.total).toBeCloseTo(
    bill.positions.reduce((sum, { usd = 0 }) => sum + usd, 0),
    6,
  );
  expect(bill.monthly).toBeCloseTo((bill.total * 730) / 48, 6);
});

test('cost prints what the stack costs at rest, and what a load adds', async () => {
  const rest = await sluice(pipeline.directory, ['cost']);
  expect(rest.status).toBe(0);
  expect(rest.stdout).toMatch(/^KMS .* \$1\.00$/m);
  expect(rest.stdout).toContain('Use can add, at most:');
  expect(rest.stdout).toContain('Prices of us-east-1');
  const load = await sluice(pipeline.directory, ['cost', '--objects', '1000000']);
  expect(load.stdout).toMatch(/^S3 +PUT, COPY, LIST +estimated +12,000,000 +1,000 requests +\$60\.00$/m);
});

test.each([
  [['--records', '5'], 'Add how many: --objects <n>'],
  [['--actual', '--objects', '5'], 'use one of them'],
  [['--days', '5'], '--days belongs to --actual'],
])('cost refuses %s, which has no meaning', async (args, why) => {
  const { status, stderr } = await sluice(pipeline.directory, ['cost', ...args]);
  expect(stderr).toContain(why);
  expect(status).toBe(1);
});
