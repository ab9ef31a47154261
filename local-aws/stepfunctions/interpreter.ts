import { sleep } from '../core/clock.ts';
import type { Flow, ParallelState, State, TaskState } from './definition.ts';
import { Attempts, matches, statesError } from './errors.ts';
import { assigned, evaluate, type StatesObject, type Variables } from './expressions.ts';
import { type Json, StatesError, withinLimit } from './json.ts';
import { runMap } from './map/map.ts';
import type { Cursor, Run } from './run.ts';

/** The exit from a state: to another state, or to the end of its flow. */
interface Exit {
  readonly output: Json;
  readonly variables: Variables;
  readonly next: string | undefined;
}

/**
 * Runs a flow from its current state to its end, and returns its output.
 *
 * @throws {StatesError} if it fails; the signal's reason, if it is stopped
 */
export async function runFlow(flow: Flow, from: Cursor, run: Run): Promise<Json> {
  let cursor = from;
  for (;;) {
    run.signal.throwIfAborted();
    const state = flow.States[cursor.state];
    if (state === undefined) throw new StatesError('States.Runtime', `There is no state "${cursor.state}".`);
    await run.moved(cursor);
    const details = { name: cursor.state, input: JSON.stringify(cursor.input) };
    run.event(`${state.Type}StateEntered`, { stateEnteredEventDetails: details });
    const { output, variables, next } = await leave(state, cursor, run);
    if (state.Type !== 'Fail')
      run.event(`${state.Type}StateExited`, {
        stateExitedEventDetails: { name: cursor.state, output: JSON.stringify(output) },
      });
    if (next === undefined) return output;
    cursor = { state: next, input: output, variables, enteredAt: run.ports.clock.now() };
  }
}

export function statesOf(
  { state, input, enteredAt }: Cursor,
  { context }: Run,
  more: Partial<StatesObject> = {},
  retryCount = 0,
): StatesObject {
  const State = { Name: state, EnteredTime: new Date(enteredAt).toISOString(), RetryCount: retryCount };
  return { input, context: { ...context, State }, ...more };
}

async function leave(state: State, cursor: Cursor, run: Run): Promise<Exit> {
  const { input, variables } = cursor;
  const states = statesOf(cursor, run);
  switch (state.Type) {
    case 'Pass':
    case 'Succeed':
      return exit(state, states, input, variables);
    case 'Wait': {
      const wanted = Number(await evaluate(state.Seconds, states, variables));
      if (!Number.isInteger(wanted) || wanted < 0)
        throw new StatesError(
          'States.QueryEvaluationError',
          `Seconds must be a whole number, not ${wanted}.`,
        );
      const until = cursor.enteredAt + wanted * 1000;
      await sleep(run.ports.clock, until - run.ports.clock.now(), run.signal);
      return exit(state, states, input, variables);
    }
    case 'Choice': {
      for (const { Condition, Assign, Output, Next } of state.Choices) {
        const holds = await evaluate(Condition, states, variables);
        if (typeof holds !== 'boolean')
          throw new StatesError('States.QueryEvaluationError', `${Condition} is neither true nor false.`);
        if (holds) return exit({ Assign, Output, Next }, states, input, variables);
      }
      if (state.Default === undefined)
        throw new StatesError('States.NoChoiceMatched', `No choice of "${cursor.state}" matches.`);
      return exit({ ...state, Next: state.Default }, states, input, variables);
    }
    case 'Fail':
      throw new StatesError(
        String(await evaluate(state.Error, states, variables)),
        String(await evaluate(state.Cause, states, variables)),
      );
    case 'Task':
      return guard(state, cursor, run, (now) => runTask(state, now, variables, run));
    case 'Parallel':
      return guard(state, cursor, run, () => runBranches(state, cursor, run));
    case 'Map':
      return guard(state, cursor, run, (now) => runMap(state, now, variables, run, runFlow));
  }
}

interface Leaving {
  readonly Assign?: Readonly<Record<string, Json>> | undefined;
  readonly Output?: Json | undefined;
  readonly Next?: string | undefined;
}

async function exit(
  { Assign, Output, Next }: Leaving,
  states: StatesObject,
  otherwise: Json,
  variables: Variables,
): Promise<Exit> {
  const output = Output === undefined ? otherwise : await evaluate(Output, states, variables);
  return {
    output: withinLimit(output, 'The output of a state'),
    variables: await assigned(Assign, states, variables),
    next: Next,
  };
}

/** Runs work that may fail, retries it as its retriers say, and leaves the state as its catchers say. */
async function guard(
  state: Leaving & Pick<TaskState, 'Retry' | 'Catch'>,
  cursor: Cursor,
  run: Run,
  work: (states: StatesObject) => Promise<Json>,
): Promise<Exit> {
  const attempts = new Attempts();
  const { variables } = cursor;
  for (;;) {
    const states = statesOf(cursor, run, {}, attempts.count);
    try {
      const result = withinLimit(await work(states), `The result of "${cursor.state}"`);
      return await exit(state, { ...states, result }, result, variables);
    } catch (cause) {
      run.signal.throwIfAborted();
      const error = statesError(cause);
      const delay = attempts.next(state.Retry, error, run.ports.random);
      if (delay !== undefined) {
        await sleep(run.ports.clock, delay, run.signal);
        continue;
      }
      const catcher = state.Catch.find(({ ErrorEquals }) => matches(ErrorEquals, error));
      if (catcher === undefined) throw error;
      const errorOutput = { Error: error.error, Cause: error.message };
      return await exit(catcher, { ...states, errorOutput }, errorOutput, variables);
    }
  }
}

async function runTask(
  { Resource, Arguments, TimeoutSeconds }: TaskState,
  states: StatesObject,
  variables: Variables,
  { ports, signal, event }: Run,
): Promise<Json> {
  const input = withinLimit(await evaluate(Arguments, states, variables), 'The input of a task');
  const [, resourceType = '', resource = ''] = /:::(?:aws-sdk:)?([^:]+):(.+)$/.exec(Resource) ?? [];
  const named = { resourceType, resource };
  event('TaskScheduled', {
    taskScheduledEventDetails: { ...named, region: '', parameters: JSON.stringify(input) },
  });
  event('TaskStarted', { taskStartedEventDetails: named });
  const over = new AbortController();
  try {
    const late = sleep(ports.clock, TimeoutSeconds * 1000, AbortSignal.any([over.signal, signal]));
    const result = await Promise.race([
      ports.call(Resource, input),
      late.then(() => {
        throw new StatesError('States.Timeout', `It took longer than ${TimeoutSeconds} s.`);
      }),
    ]);
    signal.throwIfAborted();
    event('TaskSucceeded', { taskSucceededEventDetails: { ...named, output: JSON.stringify(result) } });
    return result;
  } catch (cause) {
    signal.throwIfAborted();
    const { error, message } = statesError(cause);
    event('TaskFailed', { taskFailedEventDetails: { ...named, error, cause: message } });
    throw cause;
  } finally {
    over.abort();
  }
}

/** Runs all branches at once; the first that fails stops the others. A restart starts them again. */
async function runBranches({ Branches }: ParallelState, cursor: Cursor, run: Run): Promise<Json> {
  const { input, variables } = cursor;
  const failed = new AbortController();
  const signal = AbortSignal.any([run.signal, failed.signal]);
  run.event('ParallelStateStarted');
  try {
    const outputs = await Promise.all(
      Branches.map((branch) => {
        const start = { state: branch.StartAt, input, variables, enteredAt: run.ports.clock.now() };
        return runFlow(branch, start, { ...run, signal, moved: async () => {}, maps: undefined });
      }),
    );
    run.event('ParallelStateSucceeded');
    return outputs;
  } catch (cause) {
    failed.abort(cause);
    run.signal.throwIfAborted();
    run.event('ParallelStateFailed');
    throw cause;
  }
}
