import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { datasets } from '../../../datasets/index.ts';
import { type Stage, stageInputs, stages } from '../../../domain/stage.ts';
import { UNKNOWN_DATASET } from '../../../domain/versions/key-layout.ts';
import { type StageOptions, stageHandler } from '../../../handlers/sqs-handler.ts';
import { Commits } from '../../../handlers/stages/commit/commits.ts';
import { extractObject } from '../../../handlers/stages/extraction/extract-object.ts';
import { loadPart } from '../../../handlers/stages/loading/load-part.ts';
import { transformPart } from '../../../handlers/stages/transformation/transform-part.ts';
import { stackOutputs } from '../../../infra/outputs.ts';
import type { Program } from '../../../local-aws/program/program.ts';
import { readTopology } from '../../../local-aws/program/topology.ts';
import { buckets, ndjson, publications, putRaw, recipe, wholePublications } from '../../handlers/flow.ts';
import {
  context,
  created,
  type EmbeddedMetric,
  embeddedMetrics,
  message,
  queueDependencies,
  queueOptions,
} from '../../handlers/invocation.ts';
import { MemoryStore, stageContextOf } from '../../store/memory-store.ts';
import { everything, program } from '../the-program.ts';
import { documentedMetrics } from './documented-metrics.ts';
import { evaluate } from './metric-math.ts';

const type = 'aws:cloudwatch/dashboard:Dashboard';
const options = z.looseObject({
  id: z.string().optional(),
  expression: z.string().optional(),
  label: z.string().optional(),
});
const bodyShape = z.looseObject({
  widgets: z.array(
    z.looseObject({
      x: z.number(),
      y: z.number(),
      width: z.number(),
      height: z.number(),
      properties: z.looseObject({
        title: z.string().optional(),
        metrics: z.array(z.array(z.union([z.string(), options]))).default([]),
        alarms: z.array(z.string()).default([]),
      }),
    }),
  ),
});

const bodyOf = ({ resources }: Pick<Program, 'resources'>) => {
  const { inputs } = resources.find((each) => each.type === type) ?? {};
  return bodyShape.parse(JSON.parse(String(inputs?.['dashboardBody'])));
};
const graphsOf = (of: Pick<Program, 'resources'>) =>
  bodyOf(of)
    .widgets.map(({ properties: { title = '', metrics } }) => ({ title, lines: metrics.map(lineOf) }))
    .filter(({ lines }) => lines.length > 0);

interface Line {
  readonly id?: string | undefined;
  readonly expression?: string | undefined;
  readonly label?: string | undefined;
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

function lineOf(line: readonly (string | z.infer<typeof options>)[]): Line {
  const words = line.filter((part) => typeof part === 'string');
  const { id, expression, label } = line.find((part) => typeof part === 'object') ?? {};
  const [namespace = '', name = '', ...rest] = words;
  const dimensions = Object.fromEntries(
    rest.flatMap((part, index) => (index % 2 === 0 ? [[part, rest[index + 1] ?? '']] : [])),
  );
  return { id, expression, label, namespace, name, dimensions };
}

/**
 * What the functions print when they take a file with a reject and an unknown field through all stages, and
 * an object of no dataset.
 */
async function printed(): Promise<EmbeddedMetric[]> {
  const store = new MemoryStore();
  putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1), { titel: 'without ingredients' }, recipe(2)]));
  const metrics = embeddedMetrics();
  const commits = new Commits(buckets);
  const works: Record<Stage, Pick<StageOptions, 'work'> & { keys: () => readonly string[] }> = {
    extraction: {
      keys: () => store.keys('raw'),
      work: (event, stageContext) => extractObject(event, buckets, stageContext),
    },
    transformation: {
      keys: () => store.keys('temp'),
      work: (event, stageContext) => transformPart(event, buckets, stageContext),
    },
    commit: {
      keys: () => wholePublications(store),
      work: (event, stageContext) => commits.commit(event, stageContext),
    },
    loading: {
      keys: () => publications(store),
      work: (event, stageContext) => loadPart(event, buckets, stageContext),
    },
  };
  for (const stage of stages) {
    const { keys, ...own } = works[stage];
    const { codeVersion, registry, tableSchema, ...outside } = stageContextOf(store);
    const handler = stageHandler(
      {
        stage,
        stack: 'dev',
        failedBucket: 'failed',
        codeVersion,
        registry,
        tableSchema,
        ...queueOptions,
        concurrency: 2,
        ...own,
      },
      { ...outside, ...queueDependencies },
    );
    const { bucket } = stageInputs[stage];
    const Records = [...keys(), 'elsewhere/unknown'].map((key, index) =>
      message(`${index}`, created(bucket, key)),
    );
    expect(await handler({ Records }, context)).toEqual({ batchItemFailures: [] });
  }
  return metrics();
}

describe('the dashboard', () => {
  beforeAll(() => {
    vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'false');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it('shows no metric but those that AWS documents or a function prints, each with its dimensions', async () => {
    const own = new Set(
      (await printed()).map(({ namespace, name, dimensions }) => metricKey(namespace, name, dimensions)),
    );
    const unknown = graphsOf(everything)
      .flatMap(({ lines }) => lines)
      .filter(({ expression }) => expression === undefined)
      .filter(({ namespace, name, dimensions }) => {
        const documented = documentedMetrics[namespace]?.[name];
        if (documented === undefined) return !own.has(metricKey(namespace, name, dimensions));
        return documented.join() !== Object.keys(dimensions).join();
      });
    expect(unknown).toEqual([]);
  });

  it('has a row for each dataset, and one for objects of none', () => {
    const shown = graphsOf(program).flatMap(({ lines }) =>
      lines.map(({ dimensions }) => dimensions['dataset']),
    );
    expect(new Set(shown.filter((name) => name !== undefined))).toEqual(
      new Set([...datasets.map(({ name }) => name), UNKNOWN_DATASET]),
    );
    for (const { name } of datasets)
      expect(graphsOf(program).map(({ title }) => title)).toEqual(
        expect.arrayContaining([`${name}: records`, `${name}: objects`]),
      );
  });

  it('sums up what each stage prints of its records to zero', async () => {
    const metrics = await printed();
    const graph = graphsOf(program).find(({ title }) => title.startsWith('recipes: read −'));
    const sums = graph?.lines.filter(({ expression }) => expression !== undefined) ?? [];
    const amount = (id: string) => {
      const line = graph?.lines.find((each) => each.id === id);
      const values = metrics
        .filter(({ name, dimensions }) => name === line?.name && same(dimensions, line.dimensions))
        .map(({ value }) => Number(value));
      expect(values.length, id).toBeGreaterThan(0);
      return values.reduce((sum, value) => sum + value, 0);
    };
    expect(sums.map(({ label }) => label)).toEqual(['extraction', 'transformation', 'loading']);
    expect(sums.map(({ expression = '' }) => amount(expression.split(' - ')[0] ?? ''))).toEqual([3, 3, 2]);
    expect(sums.map(({ expression = '' }) => evaluate(expression, amount))).toEqual([0, 0, 0]);
  });

  it('divides by nothing that can be zero', () => {
    const expressions = graphsOf(everything).flatMap(({ title, lines }) =>
      lines.flatMap(({ expression }) => (expression === undefined ? [] : [[title, expression] as const])),
    );
    expect(expressions.length).toBeGreaterThan(20);
    for (const [title, expression] of expressions)
      expect(evaluate(expression, () => 0) ?? 0, `${title}: ${expression}`).toBeGreaterThanOrEqual(0);
  });

  it.each([
    ['shrinks', { visible: 120, sent: 60, deleted: 120 }, 60, 120],
    ['grows', { visible: 120, sent: 180, deleted: 120 }, 60, undefined],
    ['stands still', { visible: 120, sent: 60, deleted: 0 }, undefined, undefined],
  ])(
    'tells of a backlog that %s how many seconds it holds and when it is gone',
    (_how, counts, seconds, drained) => {
      const graph = graphsOf(program).find(({ title }) => title === 'extraction: backlog in seconds');
      const values: Readonly<Record<string, number>> = counts;
      const told = graph?.lines.flatMap(({ expression }) =>
        expression === undefined ? [] : [evaluate(expression, (id) => values[id] ?? Number.NaN)],
      );
      expect(told).toEqual([seconds, drained]);
    },
  );

  it('has its widgets side by side, none upon another', () => {
    const { widgets } = bodyOf(everything);
    const cells = widgets.flatMap(({ x, y, width, height }) =>
      Array.from({ length: width * height }, (_, n) => `${x + (n % width)},${y + Math.floor(n / width)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  it('shows the database only of a stack that has one, and the thresholds that are configured', () => {
    const titles = (of: Pick<Program, 'resources'>) => graphsOf(of).map(({ title }) => title);
    expect(titles(everything)).toContain('Database: connections');
    expect(titles(program).join()).not.toContain('Database');
    const age = bodyOf(program).widgets.find(({ properties }) =>
      properties.title?.startsWith('loading: age'),
    );
    expect(age?.properties['annotations']).toEqual({ horizontal: [{ label: 'alarm', value: 3_600 }] });
  });

  it('is known to the local cloud by the name with which its address in the outputs ends', () => {
    const [{ name = '', body = '' } = {}] = readTopology(program).dashboards;
    expect(body).toBe(program.resources.find((each) => each.type === type)?.inputs['dashboardBody']);
    expect(stackOutputs.parse(program.outputs).dashboard.endsWith(`/${name}`)).toBe(true);
    expect(stackOutputs.parse(program.outputs).dashboard).toBe(
      'https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/sluice-dev-dashboard-us-east-1',
    );
  });
});

/** Any dataset stands for all: each prints the same. */
const metricKey = (namespace: string, name: string, dimensions: Readonly<Record<string, unknown>>) =>
  [
    namespace,
    name,
    ...Object.entries(dimensions)
      .map(([key, value]) => (key === 'dataset' ? key : `${key}=${value}`))
      .sort(),
  ].join(' ');

const same = (one: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>) =>
  JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
