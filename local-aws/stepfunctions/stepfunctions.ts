import { authorizeAction, type Caller } from '../core/call.ts';
import { sleep } from '../core/clock.ts';
import type { ServiceContext } from '../core/cloud-service.ts';
import { type Journal, noJournal, openNothing } from '../core/journal.ts';
import { parseJson } from '../core/parse-json.ts';
import { badRequest, errorText } from '../core/service-error.ts';
import { roleReader } from '../s3/api/role-reader.ts';
import type { Store } from '../s3/storage/store.ts';
import { type Definition, parseDefinition } from './definition.ts';
import { statesError } from './errors.ts';
import { type End, type Execution, type ExecutionEntry, entriesOf } from './execution.ts';
import { runFlow } from './interpreter.ts';
import { isTooLong, type Json, json, StatesError } from './json.ts';
import { machineMetrics } from './machine-metrics.ts';
import { itemSources } from './map/items.ts';
import { applyChange, type MapProgress } from './map/progress.ts';
import { checkRoles } from './roles.ts';
import type { Cursor, InterpreterPorts, Run } from './run.ts';
import type { StateMachineSettings } from './settings.ts';
import { type TaskServices, taskCalls } from './tasks.ts';

export interface StepFunctionsOptions extends Omit<ServiceContext, 'region' | 'accountId'> {
  readonly stateMachines: readonly StateMachineSettings[];
  /** The services that tasks call. */
  readonly services: TaskServices;
  readonly store: Store;
  readonly random?: () => number;
}

/** A state machine with its parsed definition. */
export interface Machine extends StateMachineSettings {
  readonly parsed: Definition;
  readonly metrics: ReturnType<typeof machineMetrics>;
}

/** Number of ended executions to remember, of all state machines. */
const REMEMBERED = 50;
/**
 * "Step Functions service quotas": maximum events in an execution's history; with more, the execution fails.
 */
const LONGEST_HISTORY = 25_000;

const closing = new Error('The local cloud is stopping.');
const timedOut = new Error('The execution has timed out.');

/** Step Functions, limited to the program's state machines. Executions continue after a restart. */
export class StepFunctions {
  readonly #options: StepFunctionsOptions;
  readonly #machines: ReadonlyMap<string, Machine>;
  /** By ARN, the oldest first. */
  readonly #executions = new Map<string, Execution>();
  readonly #running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  #journal: Journal<ExecutionEntry> = noJournal;

  /** @throws {Error} if a definition contains something that the local cloud does not support */
  constructor(options: StepFunctionsOptions) {
    this.#options = options;
    this.#machines = new Map(
      options.stateMachines.map((each) => [
        each.arn,
        {
          ...each,
          parsed: parseDefinition(each.name, each.definition),
          metrics: machineMetrics(each.arn, options.metrics),
        },
      ]),
    );
  }

  /** Checks roles as on their creation, replays the journal, and continues unfinished executions. */
  async start(): Promise<void> {
    const { authorize, openJournal = openNothing } = this.#options;
    await checkRoles(authorize, this.machines());
    this.#journal = await openJournal<ExecutionEntry>(
      'states',
      (entry) => this.#replay(entry),
      () => this.#snapshot(),
    );
    for (const execution of this.#executions.values()) if (execution.end === undefined) this.#run(execution);
  }

  async close(): Promise<void> {
    for (const { stop } of this.#running.values()) stop.abort(closing);
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
    await this.#journal.close();
  }

  machines(): Machine[] {
    return [...this.#machines.values()];
  }

  /** @throws StateMachineDoesNotExist */
  machine(arn: string): Machine {
    const found = this.#machines.get(arn);
    if (found) return found;
    throw badRequest('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }

  /** @throws ExecutionDoesNotExist */
  execution(arn: string): Execution {
    const found = this.#executions.get(arn);
    if (found) return found;
    throw badRequest('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  }

  /** The newest first. */
  executions(): Execution[] {
    return [...this.#executions.values()].reverse();
  }

  /**
   * Starts an execution in the background. If one with the same name and input is running, returns that one.
   *
   * @throws ExecutionAlreadyExists, InvalidExecutionInput
   */
  async begin(machine: Machine, name: string, input: string): Promise<Execution> {
    try {
      parseJson(input);
    } catch (error) {
      throw badRequest(
        'InvalidExecutionInput',
        `Invalid State Machine Execution Input: '${errorText(error)}'`,
      );
    }
    if (isTooLong(input)) throw badRequest('InvalidExecutionInput', 'The input has more than 262144 bytes.');
    const arn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    const same = this.#executions.get(arn);
    if (same !== undefined && same.end === undefined && same.input === input) return same;
    if (same !== undefined) throw badRequest('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    const started = { arn, name, machine: machine.arn, input, startedAt: this.#options.clock.now() };
    const execution: Execution = { ...started, events: [], maps: [] };
    this.#executions.set(arn, execution);
    machine.metrics.started();
    await this.#journal.append({ type: 'started', execution: started });
    this.#event(execution, 'ExecutionStarted', {
      executionStartedEventDetails: { input, roleArn: machine.roleArn },
    });
    this.#run(execution);
    return execution;
  }

  /** Resolves when it has stopped. Calls that its tasks have started continue. */
  async stop(execution: Execution, error?: string, cause?: string): Promise<End> {
    if (execution.end !== undefined) return execution.end;
    const running = this.#running.get(execution.arn);
    const end = await this.#end(execution, {
      status: 'ABORTED',
      at: this.#options.clock.now(),
      ...(error !== undefined && { error }),
      ...(cause !== undefined && { cause }),
    });
    running?.stop.abort(new Error('The execution was stopped.'));
    await running?.done;
    return end;
  }

  #run(execution: Execution): void {
    const stop = new AbortController();
    const done = this.#complete(execution, stop).finally(() => this.#running.delete(execution.arn));
    this.#running.set(execution.arn, { stop, done });
  }

  async #complete(execution: Execution, stop: AbortController): Promise<void> {
    const { clock } = this.#options;
    const { parsed } = this.machine(execution.machine);
    const over = new AbortController();
    if (parsed.TimeoutSeconds !== undefined) {
      const left = execution.startedAt + parsed.TimeoutSeconds * 1000 - clock.now();
      sleep(clock, left, over.signal).then(
        () => stop.abort(timedOut),
        () => {},
      );
    }
    try {
      const start = execution.cursor ?? {
        state: parsed.StartAt,
        input: json.parse(JSON.parse(execution.input)),
        variables: {},
        enteredAt: clock.now(),
      };
      const output = await runFlow(parsed, start, this.#runOf(execution, stop.signal));
      await this.#end(execution, { status: 'SUCCEEDED', at: clock.now(), output: JSON.stringify(output) });
    } catch (cause) {
      if (stop.signal.reason === timedOut)
        await this.#end(execution, { status: 'TIMED_OUT', at: clock.now() });
      else if (!stop.signal.aborted) {
        const { error, message } = statesError(cause);
        await this.#end(execution, { status: 'FAILED', at: clock.now(), error, cause: message });
      }
    } finally {
      over.abort();
    }
  }

  #runOf(execution: Execution, signal: AbortSignal): Run {
    const { arn, name, input, startedAt } = execution;
    const machine = this.machine(execution.machine);
    return {
      ports: this.#portsOf(machine),
      signal,
      context: {
        Execution: {
          Id: arn,
          Name: name,
          Input: JSON.parse(input) as Json,
          RoleArn: machine.roleArn,
          StartTime: new Date(startedAt).toISOString(),
        },
        StateMachine: { Id: machine.arn, Name: machine.name },
      },
      moved: (cursor) => this.#moved(execution, cursor),
      event: (type, details) => this.#event(execution, type, details),
      maps: {
        interrupted: () => execution.maps.find(({ status }) => status === 'RUNNING'),
        arnOf: (label) =>
          `${machine.arn.replace(':stateMachine:', ':mapRun:')}/${label}:${this.#options.ids()}`,
        record: async (progress, change) => {
          if (change.type === 'begun' && !execution.maps.includes(progress)) execution.maps.push(progress);
          if (execution.end === undefined)
            await this.#journal.append({ type: 'map', arn, run: progress.arn, change });
        },
      },
    };
  }

  #portsOf(machine: Machine): InterpreterPorts {
    const { authorize, services, store, clock, ids, random = Math.random } = this.#options;
    const caller: Caller = { kind: 'role', principal: machine.roleArn };
    return {
      clock,
      random,
      ids,
      call: taskCalls(services, caller),
      items: itemSources(roleReader(store, authorize, caller)),
      authorizeChildren: async () => {
        try {
          const executions = `${machine.arn.replace(':stateMachine:', ':execution:')}:child`;
          await authorizeAction(authorize, caller, 'states:StartExecution', machine.arn);
          await authorizeAction(authorize, caller, 'states:DescribeExecution', executions);
        } catch (error) {
          throw new StatesError('States.Permissions', errorText(error));
        }
      },
    };
  }

  async #moved(execution: Execution, cursor: Cursor): Promise<void> {
    // After a restart it is already there.
    if (execution.cursor === cursor) return;
    execution.cursor = cursor;
    await this.#journal.append({ type: 'moved', arn: execution.arn, cursor });
  }

  #event(execution: Execution, type: string, details: Readonly<Record<string, Json>> = {}): void {
    const { arn, events } = execution;
    if (execution.end !== undefined && !type.startsWith('Execution')) return;
    if (events.length >= LONGEST_HISTORY && !type.startsWith('Execution'))
      throw new StatesError(
        'States.Runtime',
        `The execution reached the maximum number of history events (${LONGEST_HISTORY}).`,
      );
    const { length: previousEventId } = events;
    const timestamp = this.#options.clock.now();
    const event = { id: previousEventId + 1, previousEventId, type, timestamp, details };
    events.push(event);
    // The journal keeps the order, and later entries are awaited.
    void this.#journal.append({ type: 'event', arn, event });
  }

  async #end(execution: Execution, end: End): Promise<End> {
    if (execution.end !== undefined) return execution.end;
    endExecution(execution, end);
    this.machine(execution.machine).metrics.ended(end.status, end.at - execution.startedAt);
    const { status, output, error = '', cause = '' } = end;
    const names = { SUCCEEDED: 'Succeeded', FAILED: 'Failed', TIMED_OUT: 'TimedOut', ABORTED: 'Aborted' };
    this.#event(execution, `Execution${names[status]}`, {
      [`execution${names[status]}EventDetails`]: output === undefined ? { error, cause } : { output },
    });
    await this.#journal.append({ type: 'ended', arn: execution.arn, end });
    this.#forget();
    return end;
  }

  #forget(): void {
    const ended = [...this.#executions.values()].filter(({ end }) => end !== undefined);
    for (const { arn } of ended.slice(0, Math.max(0, ended.length - REMEMBERED)))
      this.#executions.delete(arn);
  }

  #replay(entry: ExecutionEntry): void {
    if (entry.type === 'started') {
      // Executions of a state machine that the program no longer has are dropped.
      if (this.#machines.has(entry.execution.machine))
        this.#executions.set(entry.execution.arn, { ...entry.execution, events: [], maps: [] });
      return;
    }
    const execution = this.#executions.get(entry.arn);
    if (execution === undefined) return;
    if (entry.type === 'moved') execution.cursor = entry.cursor;
    else if (entry.type === 'event') execution.events.push(entry.event);
    else if (entry.type === 'ended') endExecution(execution, entry.end);
    else this.#replayMap(execution.maps, entry);
  }

  #replayMap(maps: MapProgress[], { run, change }: Extract<ExecutionEntry, { type: 'map' }>): void {
    const progress = maps.find(({ arn }) => arn === run);
    if (progress !== undefined) applyChange(progress, change);
    else if (change.type === 'begun') maps.push(change.progress);
  }

  *#snapshot(): Iterable<ExecutionEntry> {
    for (const execution of this.#executions.values()) yield* entriesOf(execution);
  }
}

/** Ends an execution, and its map run that is under way. */
function endExecution(execution: Execution, end: End): void {
  execution.end = end;
  for (const map of execution.maps.filter(({ status }) => status === 'RUNNING'))
    applyChange(map, { type: 'ended', status: 'ABORTED', at: end.at });
}
