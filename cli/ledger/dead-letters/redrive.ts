import { setTimeout as pause } from 'node:timers/promises';
import {
  CancelMessageMoveTaskCommand,
  ListMessageMoveTasksCommand,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import type { DeadLetter } from '../../../domain/versions/failures/dead-letter.ts';
import { gaveUpKey } from '../../../domain/versions/key-layout.ts';
import { findObjectEvent } from '../../../domain/versions/object-event.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import { QueueSender } from '../../../store/queue-sender.ts';
import { settleAll } from '../../../store/settle-all.ts';
import { queueAttributes } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { UserError } from '../../terminal/user-error.ts';
import { type DeadLetterQueue, type OpenQueue, withOpenQueues } from './dead-letters.ts';

/** The most that SQS takes in one request: messages, and bytes in all ("SendMessageBatch"). */
const BATCH = 10;
const BATCH_BYTES = 1_048_576;
/** The fastest that a move task may be asked to be ("StartMessageMoveTask"). */
const FASTEST_MOVE = 500;
const POLL_MS = 500;

export interface Sending {
  /** Messages per second and queue, at most. */
  readonly rate: number;
  /** Stops the sending; what was sent stays sent. */
  readonly signal: AbortSignal;
  /** Is told how many more messages were sent. */
  readonly onSent: (messages: number) => void;
}

/** What one pass over the queues has sent back. */
export interface Redriven {
  /** Without those that SQS moved itself and nobody has read. */
  readonly sent: readonly DeadLetter[];
  /** How many were sent in all. */
  readonly count: number;
  /** The ids of all messages that lay there before: a copy of a message that was sent is no return. */
  readonly before: ReadonlySet<string>;
  /** About how many more there are that can't be read now. */
  readonly unseen: number;
}

/** Sends back what `choose` picks. */
export function redriveSome(
  target: Target,
  queues: readonly DeadLetterQueue[],
  choose: (letters: readonly DeadLetter[]) => readonly DeadLetter[],
  sending: Sending,
): Promise<Redriven> {
  return withOpenQueues(target, queues, sending.signal, async (open) => {
    const letters = open.flatMap((each) => each.letters);
    const sent = await sendBack(target, open, choose(letters), sending);
    const unseen = open.reduce((sum, each) => sum + each.unseen, 0);
    return { sent, count: sent.length, before: new Set(letters.map(({ id }) => id)), unseen };
  });
}

/**
 * Sends everything back: DLQs by SQS's own tasks, and what they refuse, undelivered queues, by our own
 * receiving and sending. Messages in DLQs are read before only if their ends are to be told.
 */
export async function redriveAll(
  target: Target,
  queues: readonly DeadLetterQueue[],
  read: boolean,
  sending: Sending,
): Promise<Redriven> {
  const dlqs = queues.filter(({ place }) => place === 'dlq');
  const undelivered = queues.filter(({ place }) => place === 'undelivered');
  const letters = await withOpenQueues(target, read ? dlqs : [], sending.signal, async (open) =>
    open.flatMap((each) => each.letters),
  );
  const all = await settleAll([
    redriveSome(target, undelivered, (all) => all, sending),
    ...dlqs.map(async (queue): Promise<Redriven> => {
      const count = await moveAll(target, queue, sending);
      const sent = letters.filter(({ stage }) => stage === queue.stage);
      await removeNotes(target, sent);
      return { sent, count, before: new Set(sent.map(({ id }) => id)), unseen: 0 };
    }),
  ]);
  return {
    sent: all.flatMap(({ sent }) => sent),
    count: all.reduce((sum, { count }) => sum + count, 0),
    before: new Set(all.flatMap(({ before }) => [...before])),
    unseen: all.reduce((sum, { unseen }) => sum + unseen, 0),
  };
}

/**
 * Sends messages of open queues back to their stages. A message is deleted only after its stage's queue holds
 * it: a process that is killed between the two leaves at most ten messages in both, and a stage that receives
 * a message twice does its work once.
 *
 * @returns those that were sent
 */
async function sendBack(
  target: Target,
  open: readonly OpenQueue[],
  letters: readonly DeadLetter[],
  { rate, signal, onSent }: Sending,
): Promise<DeadLetter[]> {
  const sent: DeadLetter[] = [];
  for (const { queue, held } of open) {
    const sender = new QueueSender(target.sqs, queue.sourceUrl, 'Redrive', rate);
    const own = letters.filter(({ stage, place }) => stage === queue.stage && place === queue.place);
    for (const batch of batchesOf(own)) {
      if (signal.aborted) return sent;
      for (const { body } of batch) await sender.send(body);
      await sender.flush();
      await held.delete(batch.map(({ id }) => id));
      await removeNotes(target, batch);
      sent.push(...batch);
      onSent(batch.length);
    }
  }
  return sent;
}

/** Without their notes, messages that were sent back are no longer shown as dead-lettered. */
async function removeNotes({ s3, outputs, registry }: Target, letters: readonly DeadLetter[]): Promise<void> {
  const keys = letters.flatMap(({ stage, place, body }) => {
    const event = place === 'dlq' ? findObjectEvent(body) : undefined;
    return event === undefined ? [] : [gaveUpKey(registry.workItemOf(stage, event))];
  });
  if (keys.length > 0) await s3ObjectStore(s3).remove(outputs.buckets.failed, keys);
}

function* batchesOf(letters: readonly DeadLetter[]): Generator<DeadLetter[]> {
  let batch: DeadLetter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const size = Buffer.byteLength(letter.body);
    if (batch.length === BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(letter);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/**
 * Moves everything in a DLQ back to its queue by SQS's own task, or joins the task that a killed command left
 * running. The signal cancels it.
 *
 * @returns how many messages were moved
 */
async function moveAll(
  target: Target,
  { url, sourceUrl }: DeadLetterQueue,
  { rate, signal, onSent }: Sending,
): Promise<number> {
  const { sqs } = target;
  const [SourceArn, DestinationArn] = await Promise.all(
    [url, sourceUrl].map(async (each) => (await queueAttributes(target, each, ['QueueArn'])).QueueArn),
  );
  const newest = async () =>
    (await sqs.send(new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 1 }))).Results?.[0];
  if ((await newest())?.Status !== 'RUNNING')
    await sqs.send(
      new StartMessageMoveTaskCommand({
        SourceArn,
        DestinationArn,
        ...(Number.isFinite(rate) && { MaxNumberOfMessagesPerSecond: Math.min(rate, FASTEST_MOVE) }),
      }),
    );
  let moved = 0;
  for (;;) {
    const task = await newest();
    const now = task?.ApproximateNumberOfMessagesMoved ?? 0;
    onSent(now - moved);
    moved = now;
    if (task?.Status === 'FAILED')
      throw new UserError(
        `SQS could not move the messages of ${url} back (${task.FailureReason}); ${moved} were moved. Run the command again.`,
      );
    if (task?.Status !== 'RUNNING' && task?.Status !== 'CANCELLING') return moved;
    if (signal.aborted && task.Status === 'RUNNING')
      await sqs.send(new CancelMessageMoveTaskCommand({ TaskHandle: task.TaskHandle }));
    await pause(POLL_MS);
  }
}
