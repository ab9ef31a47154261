import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDefinition } from '../../stepfunctions/definition.ts';
import { delayBefore, matches } from '../../stepfunctions/errors.ts';
import type { Execution } from '../../stepfunctions/execution.ts';
import { evaluate } from '../../stepfunctions/expressions.ts';
import { type Json, StatesError } from '../../stepfunctions/json.ts';
import type { StepFunctions } from '../../stepfunctions/stepfunctions.ts';
import { settled, VirtualClock } from '../virtual-clock.ts';
import { bucket, call, type MachineOptions, machineArn, machineOf, put, startMachine } from './machine.ts';

let clock: VirtualClock;
let directory: string;
beforeEach(() => {
  clock = new VirtualClock();
  directory = mkdtempSync(join(tmpdir(), 'local-aws-states-'));
});
afterEach(async () => {
  for (const { states } of started.splice(0)) await states.close();
  rmSync(directory, { recursive: true, force: true });
});

const started: Awaited<ReturnType<typeof startMachine>>[] = [];
async function start(options: MachineOptions) {
  const machine = await startMachine(options);
  started.push(machine);
  return machine;
}

const begin = (states: StepFunctions, input: Json = {}, name = 'one') =>
  states.begin(states.machine(machineArn), name, JSON.stringify(input));

/** Lets time pass until it has ended; not so much that tasks without a timeout of their own have one. */
async function run(execution: Execution): Promise<Execution> {
  while (execution.end === undefined) {
    await settled();
    if (!clock.runNext(clock.now() + 3_600_000)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return execution;
}

/** What a machine makes of an input. */
async function outcome(options: Omit<MachineOptions, 'clock'>, input: Json = {}): Promise<unknown> {
  const { states } = await start({ clock, ...options });
  const { end } = await run(await begin(states, input));
  return end?.status === 'SUCCEEDED'
    ? JSON.parse(end.output ?? '')
    : { failed: end?.error, cause: end?.cause };
}

describe('expressions', () => {
  const of = (template: Json, variables = {}) =>
    evaluate(template, { input: { a: [1, 2], b: 'x' }, context: { Execution: { Name: 'n' } } }, variables);

  test('work anywhere in a template, and see input, context and variables', async () => {
    expect(
      await of(
        { sum: '{% $sum($states.input.a) + $more %}', list: ['{% $states.context.Execution.Name %}', 'b'] },
        { more: 4 },
      ),
    ).toEqual({ sum: 7, list: ['n', 'b'] });
  });

  test('that append to a list always return a list, even with one entry', async () => {
    expect(await of("{% [$list, 'x'] %}", { list: [] })).toEqual(['x']);
    expect(await of("{% [$list, 'x'] %}", { list: ['w'] })).toEqual(['w', 'x']);
    expect(await of('{% [$states.input.a] %}')).toEqual([1, 2]);
  });

  test.each(['{% $states.input.none %}', '{% $none %}', '{% $number("x") %}', '{% ( %}'])(
    'fail with %s, because undefined is no value',
    async (expression) => {
      await expect(of(expression)).rejects.toMatchObject({ error: 'States.QueryEvaluationError' });
    },
  );
});

describe('errors', () => {
  const retrier = {
    ErrorEquals: [],
    IntervalSeconds: 2,
    BackoffRate: 2,
    MaxAttempts: 9,
    MaxDelaySeconds: 60,
  };

  test('with full jitter, a retry comes at any time up to the backoff, and never after the maximum delay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, random) => {
          const delay = delayBefore(n, { ...retrier, JitterStrategy: 'FULL' }, () => random);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThan(1000 * Math.min(60, 2 ** n) + 1e-6);
          expect(delayBefore(n, { ...retrier, JitterStrategy: 'NONE' }, () => random)).toBe(
            1000 * Math.min(60, 2 ** n),
          );
        },
      ),
    );
  });

  test('States.ALL matches all errors except the interpreter’s, and States.TaskFailed matches no timeout', () => {
    const error = (name: string) => new StatesError(name, '');
    expect(matches(['States.ALL'], error('Glue.CrawlerRunningException'))).toBe(true);
    expect(matches(['States.ALL'], error('States.Runtime'))).toBe(false);
    expect(matches(['States.TaskFailed'], error('Oops'))).toBe(true);
    expect(matches(['States.TaskFailed'], error('States.Timeout'))).toBe(false);
    expect(matches(['A', 'B'], error('B'))).toBe(true);
  });
});

describe('a definition', () => {
  test('with unsupported fields is refused, and so is one with a transition to a missing state', () => {
    const parse = (definition: object) => () => parseDefinition('m', JSON.stringify(definition));
    const pass = { Type: 'Pass', End: true };
    expect(parse(machineOf({ A: { ...pass, ResultPath: '$.x' } }))).toThrow(/ResultPath/);
    expect(parse({ ...machineOf({ A: pass }), QueryLanguage: 'JSONPath' })).toThrow(/QueryLanguage/);
    expect(parse(machineOf({ A: { Type: 'Pass', Next: 'B' } }))).toThrow(
      'A leads to "B", which is not a state',
    );
    expect(parse(machineOf({ A: pass }))).not.toThrow();
  });
});

describe('an execution', () => {
  const flow = machineOf({
    Begin: { Type: 'Pass', Assign: { n: '{% $states.input.n %}', waits: 0 }, Next: 'Enough?' },
    'Enough?': {
      Type: 'Choice',
      Choices: [{ Condition: '{% $waits >= $n %}', Output: { waits: '{% $waits %}' }, Next: 'Done' }],
      Default: 'Wait',
    },
    Wait: {
      Type: 'Wait',
      Seconds: '{% $waits + 1 %}',
      Assign: { waits: '{% $waits + 1 %}' },
      Next: 'Enough?',
    },
    Done: { Type: 'Succeed' },
  });

  test('runs through its states, with variables, choices and waits', async () => {
    const before = clock.now();
    expect(await outcome({ definition: flow }, { n: 3 })).toEqual({ waits: 3 });
    expect(clock.now() - before).toBeGreaterThanOrEqual(6_000);
  });

  test('writes its history like AWS, each event linked to the previous one', async () => {
    const { states } = await start({ clock, definition: flow });
    const { events } = await run(await begin(states, { n: 0 }));
    expect(events.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'PassStateEntered',
      'PassStateExited',
      'ChoiceStateEntered',
      'ChoiceStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
    expect(events.every(({ id, previousEventId }, i) => id === i + 1 && previousEventId === i)).toBe(true);
  });

  test('retries a failed task with growing delays, and continues with its answer', async () => {
    const at: number[] = [];
    const retry = { ErrorEquals: ['Busy'], IntervalSeconds: 1, BackoffRate: 3, MaxAttempts: 3 };
    const answer = () => {
      at.push(clock.now());
      if (at.length < 4) throw Object.assign(new Error('later'), { name: 'Busy' });
      return { ok: true };
    };
    const definition = machineOf({
      A: call({ Retry: [retry], Output: '{% $states.result.Payload %}', End: true }),
    });
    expect(await outcome({ definition, function: answer })).toEqual({ ok: true });
    expect(at.map((each, i) => each - (at[i - 1] ?? each))).toEqual([0, 1_000, 3_000, 9_000]);
  });

  test('catches an error after its retries, with its name and cause', async () => {
    const definition = machineOf({
      A: call({
        Retry: [{ ErrorEquals: ['Other'] }],
        Catch: [
          { ErrorEquals: ['States.ALL'], Assign: { told: '{% $states.errorOutput.Error %}' }, Next: 'B' },
        ],
        End: true,
      }),
      B: { Type: 'Pass', Output: { told: '{% $told %}', cause: '{% $states.input.Cause %}' }, End: true },
    });
    const answer = () => {
      throw Object.assign(new Error('no'), { name: 'Denied' });
    };
    expect(await outcome({ definition, function: answer })).toEqual({
      told: 'Denied',
      cause: '{"errorType":"Denied","errorMessage":"no"}',
    });
  });

  test('fails with an uncaught error, and when a task times out', async () => {
    const fails = machineOf({
      A: { Type: 'Fail', Error: 'Mine', Cause: "{% 'n is ' & $string($states.input.n) %}" },
    });
    expect(await outcome({ definition: fails }, { n: 1 })).toEqual({ failed: 'Mine', cause: 'n is 1' });
    const slow = machineOf({ A: call({ TimeoutSeconds: 5, End: true }) });
    expect(await outcome({ definition: slow, function: () => new Promise<Json>(() => {}) })).toMatchObject({
      failed: 'States.Timeout',
    });
  });

  test('fails if a result or an output exceeds Step Functions’ limit, which States.ALL does not catch', async () => {
    const caught = [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }];
    const end = { Type: 'Succeed' };
    const result = machineOf({ A: call({ Catch: caught, End: true }), Caught: end });
    const failed = 'States.DataLimitExceeded';
    const long = () => 'x'.repeat(262_144);
    expect(await outcome({ definition: result, function: long })).toMatchObject({ failed });
    const output = machineOf({
      A: { Type: 'Pass', Output: "{% $pad('', 131072, 'é') %}", Next: 'Caught' },
      Caught: end,
    });
    expect(await outcome({ definition: output })).toMatchObject({ failed });
    const { states } = await start({ clock, definition: output });
    await expect(begin(states, long())).rejects.toMatchObject({ code: 'InvalidExecutionInput' });
  });

  test('times out after its state machine’s timeout', async () => {
    const definition = { ...machineOf({ A: { Type: 'Wait', Seconds: 100, End: true } }), TimeoutSeconds: 30 };
    const { states } = await start({ clock, definition });
    const { end } = await run(await begin(states));
    expect(end?.status).toBe('TIMED_OUT');
  });

  test('does not end before a timeout that is longer than Node’s longest timer', async () => {
    const days = 86_400;
    const wait = machineOf({ A: { Type: 'Wait', Seconds: 26 * days, End: true } });
    const { states } = await start({ clock, definition: { ...wait, TimeoutSeconds: 30 * days } });
    const execution = await begin(states);
    await clock.advance(26 * days * 1000);
    expect((await run(execution)).end?.status).toBe('SUCCEEDED');
  });

  test('runs branches concurrently and collects their outputs', async () => {
    const branch = (name: string, seconds: number) => ({
      StartAt: name,
      States: { [name]: { Type: 'Wait', Seconds: seconds, Output: `{% '${name}' & $tail %}`, End: true } },
    });
    const definition = machineOf({
      Begin: { Type: 'Pass', Assign: { tail: '!' }, Next: 'Both' },
      Both: { Type: 'Parallel', Branches: [branch('a', 5), branch('b', 1)], End: true },
    });
    const before = clock.now();
    expect(await outcome({ definition })).toEqual(['a!', 'b!']);
    expect(clock.now() - before).toBe(5_000);
  });

  test('with a running execution’s name returns that one for the same input, and is refused for another', async () => {
    const { states } = await start({ clock, definition: flow });
    const one = await begin(states, { n: 9 });
    expect(await begin(states, { n: 9 })).toBe(one);
    await expect(begin(states, { n: 8 })).rejects.toMatchObject({ code: 'ExecutionAlreadyExists' });
    await states.stop(one);
    await expect(begin(states, { n: 9 })).rejects.toMatchObject({ code: 'ExecutionAlreadyExists' });
  });

  test('continues at its state after the cloud has died, without a longer wait', async () => {
    const first = await start({ clock, definition: flow, directory });
    const { arn, events: before } = await begin(first.states, { n: 2 });
    while (before.at(-1)?.type !== 'WaitStateEntered') await settled();
    // Nobody closes anything: what is on disk is all that is left.
    const dead = new VirtualClock(clock.now());
    clock = new VirtualClock(dead.now() + 60_000);
    const { states } = await start({ clock, definition: flow, directory });
    const { end, events } = await run(states.execution(arn));
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: '{"waits":2}' });
    expect(events.filter(({ type }) => type === 'ExecutionStarted')).toHaveLength(1);
    // The first wait was over; the second takes its two seconds.
    expect(clock.now() - dead.now() - 60_000).toBe(2_000);
  });

  test('that was stopped stays stopped', async () => {
    const first = await start({ clock, definition: flow, directory });
    const execution = await begin(first.states, { n: 5 });
    await first.states.stop(execution, 'Enough', 'of it');
    await first.states.close();
    const { states } = await start({ clock, definition: flow, directory });
    expect(states.execution(execution.arn).end).toMatchObject({
      status: 'ABORTED',
      error: 'Enough',
      cause: 'of it',
    });
  });
});

describe('a distributed map', () => {
  const mapOf = (more: object = {}, reader: object = {}) =>
    machineOf({
      Map: {
        Type: 'Map',
        Label: 'L',
        ItemReader: {
          Resource: 'arn:aws:states:::s3:listObjectsV2',
          Arguments: { Bucket: bucket, Prefix: '{% $states.input.prefix %}' },
          ...reader,
        },
        ItemBatcher: { MaxItemsPerBatch: 3, BatchInput: { who: '{% $states.context.Execution.Name %}' } },
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Work',
          States: { Work: call({ Output: '{% $count($states.input.Items) %}', End: true }) },
        },
        MaxConcurrency: 2,
        ...more,
        End: true,
      },
    });
  const keysOf = (payload: Json) => (payload as { Items: { Key: string }[] }).Items.map(({ Key }) => Key);
  const names = (n: number) => Array.from({ length: n }, (_, i) => `a/${String(i).padStart(4, '0')}`);

  test('passes each object of the prefix to one child, for any batch size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 100, max: 900 }),
        fc.integer({ min: 1, max: 4 }),
        async (objects, items, bytes, atOnce) => {
          clock = new VirtualClock();
          const seen: string[] = [];
          let [most, now] = [0, 0];
          const answer = async (payload: Json) => {
            now += 1;
            most = Math.max(most, now);
            await settled();
            seen.push(...keysOf(payload));
            expect(keysOf(payload).length).toBeLessThanOrEqual(items);
            now -= 1;
            return {};
          };
          const ItemBatcher = { MaxItemsPerBatch: items, MaxInputBytesPerBatch: bytes };
          const definition = mapOf({ ItemBatcher, MaxConcurrency: atOnce });
          const keys = [...names(objects), 'b/other'];
          const counts = await outcome({ definition, keys, function: answer }, { prefix: 'a/' });
          expect(seen.sort()).toEqual(names(objects));
          expect((counts as number[]).reduce((sum, n) => sum + n, 0)).toBe(objects);
          expect(most).toBeLessThanOrEqual(atOnce);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('passes Step Functions’ description of objects and the batch input to children', async () => {
    let payload: Json = null;
    const answer = (asked: Json) => {
      payload = asked;
      return {};
    };
    await outcome({ definition: mapOf(), keys: ['a/1'], function: answer }, { prefix: 'a/' });
    expect(payload).toEqual({
      BatchInput: { who: 'one' },
      Items: [
        {
          Etag: '"e"',
          Key: 'a/1',
          LastModified: Math.floor(clock.now() / 1000),
          Size: 0,
          StorageClass: 'STANDARD',
        },
      ],
    });
  });

  test('also reads a list of items from an object', async () => {
    const reader = {
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: { InputType: 'JSON' },
      Arguments: { Bucket: bucket, Key: 'list.json' },
    };
    const seen: string[] = [];
    const answer = (payload: Json) => {
      seen.push(...keysOf(payload));
      return {};
    };
    const { states, store } = await start({ clock, definition: mapOf({}, reader), function: answer });
    await put(store, 'list.json', JSON.stringify(names(7).map((Key) => ({ Key }))));
    await run(await begin(states));
    expect(seen.sort()).toEqual(names(7));
    const missing = await start({ clock, definition: mapOf({}, reader), function: answer });
    const { end } = await run(await begin(missing.states));
    expect(end).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
  });

  test.each([
    ['succeeds if more is tolerated', 30, { status: 'SUCCEEDED' }],
    ['fails if less is tolerated', 20, { status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' }],
  ])('with a quarter of failed items %s', async (_what, tolerated, expected) => {
    const answer = (payload: Json) => {
      if (keysOf(payload).includes('a/0004')) throw new Error('no');
      return {};
    };
    const definition = mapOf({ ToleratedFailurePercentage: tolerated });
    const { states } = await start({ clock, definition, keys: names(12), function: answer });
    const { end, maps } = await run(await begin(states, { prefix: 'a/' }));
    expect(end).toMatchObject(expected);
    expect(maps).toMatchObject([{ failed: { children: 1, items: 3 } }]);
  });

  test('continues after the cloud has died with the unfinished children, and repeats no other', async () => {
    const ended: string[] = [];
    const stuck: string[] = [];
    let alive = true;
    const answer = async (payload: Json) => {
      const keys = keysOf(payload);
      // Batches 0 and 2 never come to an end in the first life.
      if (alive && (keys.includes('a/0000') || keys.includes('a/0006'))) {
        stuck.push(...keys);
        return new Promise<Json>(() => {});
      }
      ended.push(...keys);
      return {};
    };
    const options = { definition: mapOf(), keys: names(20), function: answer, directory, clock };
    const first = await start(options);
    const execution = await begin(first.states, { prefix: 'a/' });
    // Only a function that was called with batch 2 tells that nothing is left to be done in the first life.
    while (!stuck.includes('a/0006')) await settled();
    expect(execution.maps[0]?.active).toMatchObject([{ index: 0 }, { index: 2 }]);
    expect(ended).toEqual(['a/0003', 'a/0004', 'a/0005']);
    alive = false;
    // An object that comes, and one that goes, move no batch.
    const keys = [...names(20).filter((key) => key !== 'a/0001'), 'a/0004b'];
    const { states } = await start({ ...options, keys });
    const { end, maps } = await run(states.execution(execution.arn));
    expect(end?.status).toBe('SUCCEEDED');
    expect(ended.sort()).toEqual(names(20).filter((key) => key !== 'a/0001'));
    expect(maps).toMatchObject([{ status: 'SUCCEEDED', batches: 7, succeeded: { children: 7 } }]);
  });

  test('starts no further child after it is stopped', async () => {
    let begun = 0;
    const answer = () => {
      begun += 1;
      return new Promise<Json>(() => {});
    };
    const { states } = await start({ clock, definition: mapOf(), keys: names(20), function: answer });
    const execution = await begin(states, { prefix: 'a/' });
    while (begun < 2) await settled();
    await states.stop(execution);
    await settled();
    expect(begun).toBe(2);
    expect(execution.maps).toMatchObject([{ status: 'ABORTED' }]);
  });

  test('requires the permissions to run children and to list', async () => {
    for (const denied of ['states:StartExecution', 's3:ListBucket']) {
      const definition = mapOf();
      const authorize = async ({ action }: { action: string }) => {
        if (action === denied) throw new Error(`not authorized to perform: ${denied}`);
      };
      const { states } = await start({ clock, definition, keys: names(1), authorize });
      const { end } = await run(await begin(states, { prefix: 'a/' }));
      expect(end?.cause).toContain(denied);
    }
  });
});
