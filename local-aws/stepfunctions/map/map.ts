import type { Flow, MapState } from '../definition.ts';
import { statesError } from '../errors.ts';
import { evaluate, type StatesObject, type Variables } from '../expressions.ts';
import { type Json, StatesError, withinLimit } from '../json.ts';
import type { Cursor, Run } from '../run.ts';
import type { Item, ItemSource, Position } from './items.ts';
import { applyChange, type ChildEnd, type MapBatch, type MapChange, type MapProgress } from './progress.ts';

type RunFlow = (flow: Flow, from: Cursor, run: Run) => Promise<Json>;

/**
 * AWS reads ahead and knows the share of failures early; here it is meaningful only after this many batches.
 */
const TELLING = 20;

/**
 * Runs a distributed map: reads items, groups them into batches and runs a child execution for each, with
 * limited concurrency ("Step Functions guide: Using Map state in Distributed mode"). Only the running batches
 * are in memory, and a restart continues with the unfinished ones.
 *
 * @throws {StatesError} if reading fails, or more items fail than are tolerated
 */
export async function runMap(
  state: MapState,
  states: StatesObject,
  variables: Variables,
  run: Run,
  runFlow: RunFlow,
): Promise<Json> {
  await run.ports.authorizeChildren();
  const source = await run.ports.items(
    state.ItemReader.Resource,
    await evaluate(state.ItemReader.Arguments, states, variables),
  );
  const batchInput = await evaluate(state.ItemBatcher.BatchInput, states, variables);
  const progress = run.maps?.interrupted() ?? begin(state, run);
  const stop = new AbortController();
  const signal = AbortSignal.any([run.signal, stop.signal]);
  const change = async (what: MapChange) => {
    applyChange(progress, what);
    await run.maps?.record(progress, what);
  };
  await change({ type: 'begun', progress });
  if (progress.batches === 0)
    run.event('MapRunStarted', { mapRunStartedEventDetails: { mapRunArn: progress.arn } });

  const children = new Set<Promise<void>>();
  let failure: unknown;
  const fail = (cause: unknown) => {
    failure ??= cause;
    stop.abort(cause);
  };
  const start = async (batch: MapBatch, items: readonly Json[]) => {
    const child = runChild(
      state,
      { BatchInput: batchInput, Items: [...items] },
      { ...run, signal },
      runFlow,
    ).then(async (end) => {
      if (signal.aborted) return;
      await change({ type: 'child', index: batch.index, end });
      if (isTooMuch(state, progress)) fail(tooMany);
    });
    const settled = child.catch(fail).finally(() => children.delete(settled));
    children.add(settled);
    while (children.size >= state.MaxConcurrency) await Promise.race(children);
  };

  try {
    for (const batch of [...progress.active]) {
      signal.throwIfAborted();
      await start(batch, await itemsOf(source, batch));
    }
    if (!progress.complete) {
      for await (const { items, from, to } of batches(source, progress.position, state)) {
        signal.throwIfAborted();
        const batch = { index: progress.batches, from, to, items: items.length };
        await change({ type: 'batch', batch });
        await start(batch, items);
      }
      await change({ type: 'complete' });
    }
  } catch (cause) {
    fail(cause);
  }
  await Promise.all(children);
  // The execution was stopped: the run keeps its progress for a restart.
  run.signal.throwIfAborted();
  if (failure === undefined && isTooMuch(state, progress)) failure = tooMany;
  const status = failure === undefined ? 'SUCCEEDED' : 'FAILED';
  await change({ type: 'ended', status, at: run.ports.clock.now() });
  if (failure === undefined) {
    run.event('MapRunSucceeded');
    return progress.outputs;
  }
  const { error, message } = statesError(failure);
  run.event('MapRunFailed', { mapRunFailedEventDetails: { error, cause: message } });
  throw failure;
}

const tooMany = new StatesError(
  'States.ExceedToleratedFailureThreshold',
  'The specified tolerated failure threshold was exceeded',
);

function begin(state: MapState, { maps, ports }: Run): MapProgress {
  return {
    arn: maps?.arnOf(state.Label) ?? '',
    label: state.Label,
    maxConcurrency: state.MaxConcurrency,
    toleratedFailurePercentage: state.ToleratedFailurePercentage,
    startedAt: ports.clock.now(),
    status: 'RUNNING',
    complete: false,
    batches: 0,
    active: [],
    succeeded: { children: 0, items: 0 },
    failed: { children: 0, items: 0 },
    outputs: [],
  };
}

function isTooMuch(
  { ToleratedFailurePercentage: tolerated }: MapState,
  { complete, batches: begun, failed, succeeded, active }: MapProgress,
): boolean {
  if (!complete && begun < TELLING) return false;
  const all = failed.items + succeeded.items + active.reduce((sum, { items }) => sum + items, 0);
  return failed.items * 100 > all * tolerated;
}

/** A child execution: a flow that starts with only its input. */
async function runChild(
  { ItemProcessor }: MapState,
  input: Json,
  run: Run,
  runFlow: RunFlow,
): Promise<ChildEnd> {
  const { clock, ids } = run.ports;
  const Name = ids();
  const start = { state: ItemProcessor.StartAt, input, variables: {}, enteredAt: clock.now() };
  const execution = { Id: Name, Name, Input: input, StartTime: new Date(clock.now()).toISOString() };
  const child: Run = {
    ...run,
    context: { ...run.context, Execution: execution },
    moved: async () => {},
    event: () => {},
    maps: undefined,
  };
  try {
    withinLimit(input, 'The input of a child execution');
    return { output: await runFlow(ItemProcessor, start, child) };
  } catch (cause) {
    run.signal.throwIfAborted();
    const { error, message } = statesError(cause);
    return { error: `${error}: ${message}` };
  }
}

interface ReadBatch {
  readonly items: readonly Json[];
  readonly from: Position | undefined;
  readonly to: Position;
}

/** Items in batches, within the batcher's limits of items and bytes. */
async function* batches(
  source: ItemSource,
  after: Position | undefined,
  { ItemBatcher }: MapState,
): AsyncGenerator<ReadBatch> {
  let from = after;
  let held: Item[] = [];
  let bytes = 0;
  const cut = (): ReadBatch => {
    const batch = { items: held.map(({ item }) => item), from, to: held.at(-1)?.position ?? 0 };
    from = batch.to;
    held = [];
    bytes = 0;
    return batch;
  };
  for await (const each of source.read(after)) {
    const size = Buffer.byteLength(JSON.stringify(each.item)) + 1;
    if (held.length > 0 && bytes + size > ItemBatcher.MaxInputBytesPerBatch) yield cut();
    held.push(each);
    bytes += size;
    if (held.length >= ItemBatcher.MaxItemsPerBatch) yield cut();
  }
  if (held.length > 0) yield cut();
}

async function itemsOf(source: ItemSource, { from, to }: MapBatch): Promise<Json[]> {
  const items: Json[] = [];
  for await (const { item, position } of source.read(from)) {
    if (source.isAfter(position, to)) break;
    items.push(item);
  }
  return items;
}
