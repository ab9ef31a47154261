import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  DescribeMapRunCommand,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  ListMapRunsCommand,
  paginateGetExecutionHistory,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { type Machine, machines, type Report, report, reportKey } from '../../domain/operations/backfill.ts';
import { isCounting, isDraining } from '../../domain/operations/workflow-states.ts';
import { readText } from '../../store/listing.ts';
import { isNotFound } from '../../store/object-store.ts';
import { queueStates } from '../target/queue-state.ts';
import type { Target } from '../target/target.ts';
import { count, integer } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

/** An execution of a state machine, running or ended. */
export interface ExecutionState {
  readonly machine: Machine;
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly input: string | undefined;
  /** Why it failed. */
  readonly error: string | undefined;
}

/** A name that sorts by time and is unique even among executions of the same second. */
export function newExecutionName(now = new Date()): string {
  const time = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `${time}Z-${randomBytes(3).toString('hex')}`;
}

/**
 * How long queues must stay empty. On AWS, SQS's counts are accurate a minute after the last message ("Amazon
 * SQS API Reference: GetQueueAttributes"); the local cloud's are always accurate.
 */
const LOCAL_SETTLE_SECONDS = 2;

/** How long Step Functions may not know a new execution: DescribeExecution is eventually consistent. */
const UNKNOWN_MS = 30_000;

/** Starts an execution, which runs independently of this process. */
export async function startExecution(
  target: Target,
  machine: Machine,
  name: string,
  input: Readonly<Record<string, unknown>>,
): Promise<ExecutionState> {
  const settle = target.control === undefined ? {} : { settleSeconds: LOCAL_SETTLE_SECONDS };
  await target.sfn.send(
    new StartExecutionCommand({
      stateMachineArn: target.outputs.stateMachines[machine],
      name,
      input: JSON.stringify({ ...input, ...settle }),
    }),
  );
  for (const begun = Date.now(); ; await pause(1_000)) {
    try {
      return await executionNamed(target, name);
    } catch (error) {
      if (!(error instanceof UserError) || Date.now() > begun + UNKNOWN_MS) throw error;
    }
  }
}

export async function stopExecution({ sfn }: Target, { arn }: ExecutionState): Promise<void> {
  await sfn.send(new StopExecutionCommand({ executionArn: arn, cause: 'npx sluice executions --stop' }));
}

/** The newest executions of both state machines, newest first. */
export async function latestExecutions(target: Target, most: number): Promise<ExecutionState[]> {
  const found = await Promise.all(
    machines.map(async (machine) => {
      const { executions = [] } = await target.sfn.send(
        new ListExecutionsCommand({
          stateMachineArn: target.outputs.stateMachines[machine],
          maxResults: most,
        }),
      );
      return executions.map((each) => stateOf(machine, each));
    }),
  );
  return found
    .flat()
    .sort((a, b) => b.startedAt - a.startedAt)
    .slice(0, most);
}

/** @throws {UserError} when there is none of this name */
export async function executionNamed(target: Target, name: string): Promise<ExecutionState> {
  for (const machine of machines) {
    const arn = `${target.outputs.stateMachines[machine].replace(':stateMachine:', ':execution:')}:${name}`;
    try {
      return stateOf(machine, await target.sfn.send(new DescribeExecutionCommand({ executionArn: arn })));
    } catch (error) {
      if (!(error instanceof ExecutionDoesNotExist)) throw error;
    }
  }
  throw new UserError(
    `There is no execution ${JSON.stringify(name)}. To list the executions: npx sluice executions`,
  );
}

type Described = Pick<
  DescribeExecutionOutput,
  'name' | 'executionArn' | 'status' | 'startDate' | 'stopDate' | 'input' | 'error' | 'cause'
>;

function stateOf(machine: Machine, described: Described): ExecutionState {
  const { name = '', executionArn = '', status = 'UNKNOWN', startDate, stopDate, input } = described;
  const { error, cause } = described;
  return {
    machine,
    name,
    arn: executionArn,
    status,
    startedAt: startDate?.getTime() ?? 0,
    endedAt: stopDate?.getTime(),
    input,
    error: error === undefined ? undefined : [error, cause].filter(Boolean).join(': '),
  };
}

/** The report of an execution; `undefined` until the state machine has written it. */
export async function reportOf(
  target: Target,
  { machine, name }: Pick<ExecutionState, 'machine' | 'name'>,
): Promise<Report | undefined> {
  try {
    const text = await readText(target, target.outputs.buckets.failed, reportKey(machine, name));
    return report.parse(JSON.parse(text));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A state that an execution was in. */
export interface Passage {
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The states that an execution entered, oldest first, each one once: it polls in a loop. */
export async function passagesOf({ sfn }: Target, { arn }: ExecutionState): Promise<Passage[]> {
  const passages: Passage[] = [];
  const seen = new Set<string>();
  const request = { executionArn: arn, includeExecutionData: false, maxResults: 1000 };
  for await (const { events = [] } of paginateGetExecutionHistory({ client: sfn }, request))
    for (const event of events) {
      const state = event.stateEnteredEventDetails?.name;
      if (state === undefined || seen.has(state) || isCounting(state)) continue;
      seen.add(state);
      passages.push({ state, at: event.timestamp?.getTime() ?? 0 });
    }
  return passages;
}

const POLL_MS = 500;
const POLL_ON_AWS_MS = 5_000;

/**
 * Waits until an execution has ended and reports its progress. The signal ends the wait, not the execution.
 */
export async function follow(
  target: Target,
  name: string,
  progress: (text: string) => void,
  signal?: AbortSignal,
): Promise<ExecutionState> {
  for (;;) {
    const state = await executionNamed(target, name);
    if (state.status !== 'RUNNING' || signal?.aborted) return state;
    progress(await progressText(target, state));
    await pause(target.control === undefined ? POLL_ON_AWS_MS : POLL_MS, undefined, {
      ...(signal && { signal }),
    }).catch(() => {});
  }
}

/** How far a running execution is, in a few words. */
export async function progressText(target: Target, { arn }: ExecutionState): Promise<string> {
  const { events = [] } = await target.sfn.send(
    new GetExecutionHistoryCommand({
      executionArn: arn,
      reverseOrder: true,
      maxResults: 50,
      includeExecutionData: false,
    }),
  );
  const entered = events.find(isOfTheFlow);
  const name = entered?.stateEnteredEventDetails?.name ?? 'Starting';
  if (entered?.type === 'MapStateEntered') return `${name}: ${await itemsOf(target, arn)}`;
  if (!isDraining(name)) return name;
  const waiting = (await queueStates(target))
    .filter((each) => each.waiting + each.inFlight > 0)
    .map(({ stage, waiting: n, inFlight }) => `${stage} ${integer(n + inFlight)}`);
  return `Waiting for the stages: ${waiting.length === 0 ? 'no messages are left' : waiting.join(', ')}`;
}

const isOfTheFlow = ({ stateEnteredEventDetails }: HistoryEvent) =>
  stateEnteredEventDetails?.name !== undefined && !isCounting(stateEnteredEventDetails.name);

async function itemsOf({ sfn }: Target, executionArn: string): Promise<string> {
  const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
  const [newest] = mapRuns.sort((a, b) => (b.startDate?.getTime() ?? 0) - (a.startDate?.getTime() ?? 0));
  if (newest === undefined) return '…';
  const { itemCounts, executionCounts } = await sfn.send(
    new DescribeMapRunCommand({ mapRunArn: newest.mapRunArn }),
  );
  const failed = executionCounts?.failed ?? 0;
  return [
    `${integer(itemCounts?.succeeded ?? 0)} done, ${integer(itemCounts?.running ?? 0)} running`,
    ...(failed > 0 ? [`${count(failed, 'batch', 'batches')} failed`] : []),
  ].join(', ');
}
