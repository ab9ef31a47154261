import { badRequest, forbidden, ServiceError } from '../core/service-error.ts';
import { invalid } from './message.ts';
import { moveMessages, type QueueContext, type RunningQueue } from './running-queue.ts';

/** A task that moves messages out of a DLQ, as ListMessageMoveTasks shows it. Times are milliseconds. */
export interface MoveTask {
  readonly id: string;
  readonly source: string;
  /** Without it, each message goes back to its source queue. */
  readonly destination?: string;
  readonly maxPerSecond?: number;
  readonly startedAt: number;
  /** Visible messages at the start; the task ends when it has moved this many. */
  readonly toMove: number;
  readonly moved: number;
  readonly status: 'RUNNING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly failureReason?: string;
}

export interface MoveRequest {
  readonly source: RunningQueue;
  readonly destination?: RunningQueue | undefined;
  readonly maxPerSecond?: number | undefined;
}

const largestRate = 500;
const tickMs = 100;
/** Maximum of running tasks per account ("Amazon SQS: Moving messages out of a dead-letter queue"). */
const activeLimit = 100;
const listLimit = 10;
const nonExistentQueue = 'AWS.SimpleQueueService.NonExistentQueue';

/**
 * The message move tasks of all queues, the newest last. They run in the background, at the requested rate
 * (at most 500 messages a second). Each change of a task is journaled, so a running task continues after a
 * restart.
 */
export class MoveTasks {
  readonly #context: QueueContext;
  readonly #record: (task: MoveTask) => Promise<void>;
  readonly #isDeadLetterQueue: (name: string) => boolean;
  readonly #tasks = new Map<string, MoveTask>();
  readonly #cancels = new Map<string, () => void>();

  constructor(
    context: QueueContext,
    record: (task: MoveTask) => Promise<void>,
    isDeadLetterQueue: (name: string) => boolean,
  ) {
    this.#context = context;
    this.#record = record;
    this.#isDeadLetterQueue = isDeadLetterQueue;
  }

  /**
   * Starts a task ("StartMessageMoveTask").
   * @returns its handle
   * @throws ServiceError InvalidParameterValue if the source is not a DLQ or already has a task, or for a
   * rate outside of 1 to 500
   */
  async start({ source, destination, maxPerSecond }: MoveRequest): Promise<string> {
    if (!this.#isDeadLetterQueue(source.settings.name))
      throw invalid('Source queue must be configured as a Dead Letter Queue.');
    if (destination === source) throw invalid('Source queue and destination queue cannot be the same.');
    if (
      maxPerSecond !== undefined &&
      !(Number.isInteger(maxPerSecond) && maxPerSecond > 0 && maxPerSecond <= largestRate)
    )
      throw invalid(
        `Value ${maxPerSecond} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: must be an integer from 1 to ${largestRate}.`,
      );
    const running = [...this.#tasks.values()].filter(({ status }) => status === 'RUNNING');
    if (running.some((task) => task.source === source.settings.name))
      throw invalid(
        'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
      );
    if (running.length >= activeLimit)
      throw forbidden('OverLimit', `${activeLimit} message move tasks are running already.`);
    const task: MoveTask = {
      id: this.#context.ids(),
      source: source.settings.name,
      ...(destination && { destination: destination.settings.name }),
      ...(maxPerSecond !== undefined && { maxPerSecond }),
      startedAt: this.#context.clock.now(),
      toMove: source.counts().visible,
      moved: 0,
      status: 'RUNNING',
    };
    await this.#update(task);
    this.#schedule(task.id);
    return taskHandle(task.id, source.arn);
  }

  /** The newest tasks of a DLQ, newest first. */
  list(source: RunningQueue, max: number): MoveTask[] {
    return this.#of(source.settings.name).reverse().slice(0, max);
  }

  /**
   * Stops a task; the messages that it has moved stay moved.
   * @returns their number
   * @throws ServiceError InvalidParameterValue for an invalid handle, ResourceNotFoundException for an
   * unknown task, UnsupportedOperation if it is not running ("CancelMessageMoveTask")
   */
  async cancel(handle: string): Promise<number> {
    const task = this.#tasks.get(parseTaskHandle(handle).id);
    if (!task) throw new ServiceError('ResourceNotFoundException', 404, 'Task does not exist.');
    if (task.status !== 'RUNNING')
      throw badRequest('UnsupportedOperation', 'Only active tasks can be cancelled.');
    this.#cancels.get(task.id)?.();
    await this.#update({ ...task, status: 'CANCELLED' });
    return task.moved;
  }

  replay(task: MoveTask): void {
    this.#tasks.set(task.id, task);
  }

  all(): Iterable<MoveTask> {
    return this.#tasks.values();
  }

  /** Continues the tasks that a restart interrupted. */
  resume(): void {
    for (const { id, status } of this.#tasks.values()) if (status === 'RUNNING') this.#schedule(id);
  }

  close(): void {
    for (const cancel of this.#cancels.values()) cancel();
  }

  #of(source: string): MoveTask[] {
    return [...this.#tasks.values()].filter((task) => task.source === source);
  }

  /** Takes a step at each tick, with the number of messages that the rate allows since the last tick. */
  #schedule(id: string): void {
    const { clock } = this.#context;
    const rate = this.#tasks.get(id)?.maxPerSecond ?? largestRate;
    const interval = Math.max(tickMs, Math.ceil(1000 / rate));
    let last = clock.now();
    let allowed = 0;
    const tick = () => {
      const now = clock.now();
      allowed = Math.min(rate, allowed + (rate * (now - last)) / 1000);
      last = now;
      const count = Math.floor(allowed);
      allowed -= count;
      const done = count > 0 && this.#step(id, count);
      if (!done) this.#cancels.set(id, clock.schedule(interval, tick));
    };
    this.#cancels.set(id, clock.schedule(interval, tick));
  }

  /** Moves up to `count` messages. @returns whether the task has ended */
  #step(id: string, count: number): boolean {
    const task = this.#tasks.get(id);
    if (task?.status !== 'RUNNING') return true;
    const now = this.#context.clock.now();
    const source = this.#context.find(task.source);
    const fail = (moved: number, failureReason: string) => {
      void this.#update({ ...task, moved, status: 'FAILED', failureReason });
      return true;
    };
    if (!source) return fail(task.moved, nonExistentQueue);
    const taken = source.state.takeVisible(Math.min(count, task.toMove - task.moved), now);
    let { moved } = task;
    for (const [index, message] of taken.entries()) {
      const home = task.destination ?? message.deadLetterSource?.split(':').at(-1);
      const target = this.#context.find(home ?? '');
      if (!target) {
        source.accept(taken.slice(index));
        // A message that was sent directly to the DLQ has no source queue.
        return fail(moved, home === undefined ? 'CouldNotDetermineMessageSource' : nonExistentQueue);
      }
      // "Configuring a dead-letter queue redrive": a new message with a new id and enqueue time.
      const { movedAt: _, ...sent } = message;
      const fresh = {
        ...sent,
        id: this.#context.ids(),
        sentAt: now,
        visibleAt: now,
        deadLetterSource: null,
        receiveCount: 0,
        firstReceivedAt: null,
        receivedAt: null,
      };
      void moveMessages(this.#context, source, target, [message], [fresh]);
      moved += 1;
    }
    const ended = taken.length < count || moved >= task.toMove;
    void this.#update({ ...task, moved, status: ended ? 'COMPLETED' : 'RUNNING' });
    return ended;
  }

  /** Keeps a queue's ten newest tasks, the maximum that can be listed. */
  async #update(task: MoveTask): Promise<void> {
    this.#tasks.set(task.id, task);
    for (const { id } of this.#of(task.source).slice(0, -listLimit)) this.#tasks.delete(id);
    await this.#record(task);
  }
}

export function taskHandle(id: string, sourceArn: string): string {
  return Buffer.from(JSON.stringify({ taskId: id, sourceArn })).toString('base64');
}

/** @throws ServiceError InvalidParameterValue */
export function parseTaskHandle(handle: string): { id: string; sourceArn: string } {
  try {
    const { taskId, sourceArn } = JSON.parse(Buffer.from(handle, 'base64').toString());
    if (typeof taskId === 'string' && typeof sourceArn === 'string') return { id: taskId, sourceArn };
  } catch {
    // Refused below.
  }
  throw invalid('Value for parameter TaskHandle is invalid.');
}
