import type { Message } from '@aws-sdk/client-sqs';
import pLimit from 'p-limit';
import type { Stage } from '../../../domain/stage.ts';
import {
  type DeadLetter,
  type DeadLetterPlace,
  NO_NOTE,
  receiptKeyOf,
  type Standing,
  standingOf,
} from '../../../domain/versions/failures/dead-letter.ts';
import { parseFault } from '../../../domain/versions/failures/fault.ts';
import { gaveUpKey, type LedgerPlace, unreadableMessageKey } from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { findObjectEvent, type ObjectEvent } from '../../../domain/versions/object-event.ts';
import { READS_AT_ONCE, unreadableDocument } from '../../../store/ledger.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import { HeldMessages } from '../../target/held-messages.ts';
import { queueAttributes } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';

/** A queue in which messages end, and the queue of the stage that they were meant for. */
export interface DeadLetterQueue {
  readonly stage: Stage;
  readonly place: DeadLetterPlace;
  readonly url: string;
  readonly sourceUrl: string;
}

export function deadLetterQueues({ outputs }: Target, stages: readonly Stage[]): DeadLetterQueue[] {
  const { queues, deadLetterQueues: dlqs, undeliveredQueues } = outputs;
  return stages.flatMap((stage) => [
    { stage, place: 'dlq' as const, url: dlqs[stage], sourceUrl: queues[stage] },
    { stage, place: 'undelivered' as const, url: undeliveredQueues[stage], sourceUrl: queues[stage] },
  ]);
}

/** How often a stage's queue hands out a message before it goes to the DLQ. */
export function maximumReceives(redrivePolicy = '{}'): number {
  return Number(JSON.parse(redrivePolicy).maxReceiveCount ?? 0);
}

/** Messages that were read, and are hidden from other readers until `end`. */
export interface OpenQueue {
  readonly queue: DeadLetterQueue;
  readonly held: HeldMessages;
  readonly letters: readonly DeadLetter[];
  /** About how many more there are: another reader holds them, or SQS lets nobody hold more. */
  readonly unseen: number;
}

/**
 * Reads queues while `work` runs. In any case all messages are visible again afterwards, except those that
 * `work` deleted; also at Ctrl-C, which aborts the signal.
 */
export async function withOpenQueues<Result>(
  target: Target,
  queues: readonly DeadLetterQueue[],
  signal: AbortSignal,
  work: (open: readonly OpenQueue[]) => Promise<Result>,
): Promise<Result> {
  const all = queues.map((queue) => ({ queue, held: new HeldMessages(target, queue.url) }));
  try {
    const describe = describer(target, signal);
    return await work(
      await Promise.all(
        all.map(async ({ queue, held }) => {
          const [attributes, source] = await Promise.all([
            queueAttributes(target, queue.url, [
              'ApproximateNumberOfMessages',
              'ApproximateNumberOfMessagesNotVisible',
              'MessageRetentionPeriod',
            ]),
            queueAttributes(target, queue.sourceUrl, ['RedrivePolicy']),
          ]);
          const messages = await held.receiveAll(signal);
          const retentionMs = Number(attributes.MessageRetentionPeriod ?? 0) * 1000;
          const attempts = maximumReceives(source.RedrivePolicy);
          const letters = await Promise.all(
            messages.map((each) => describe(each, queue, { retentionMs, attempts })),
          );
          const { ApproximateNumberOfMessages = 0, ApproximateNumberOfMessagesNotVisible = 0 } = attributes;
          const there = Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
          return { queue, held, letters, unseen: Math.max(0, there - messages.length) };
        }),
      ),
    );
  } finally {
    await Promise.all(all.map(({ held }) => held.release()));
  }
}

/** S3 dates its objects to the second. */
const SECOND_MS = 1000;

/** Joins messages with their notes in the failed bucket, and with the ledger. */
function describer(target: Target, signal: AbortSignal) {
  const { registry, outputs } = target;
  const store = s3ObjectStore(target.s3);
  const limit = pLimit(READS_AT_ONCE);
  const entries = new Map<string, Promise<LedgerEntry | undefined>>();

  const entryOf = (place: LedgerPlace) => {
    const id = `${place.dataset}/${place.objectId}`;
    const known = entries.get(id) ?? readable(ledgerOf(target).entry(place));
    entries.set(id, known);
    return known;
  };
  const noteOf = async (key: string) => {
    const bucket = outputs.buckets.failed;
    const found = await store.find(bucket, key);
    return found && { ...parseFault(found.text, { bucket, key }), at: found.modified };
  };

  return (
    message: Message,
    { stage, place }: DeadLetterQueue,
    { retentionMs, attempts }: { readonly retentionMs: number; readonly attempts: number },
  ): Promise<DeadLetter> =>
    limit(async () => {
      signal.throwIfAborted();
      const { MessageId: id = '', Body: body = '', Attributes = {} } = message;
      const event = findObjectEvent(body);
      const work = event && registry.workItemOf(stage, event);
      const sentAt = Number(Attributes.SentTimestamp ?? 0);
      const of = { id, stage, place, body, sentAt, expiresAt: sentAt + retentionMs };
      const { dataset, version: versionId } = work?.path ?? { dataset: undefined, version: undefined };
      const entry = work && (await entryOf(work.path));
      const identity = {
        key: stage === 'extraction' ? event?.key : (entry?.key ?? event?.key),
        dataset,
        versionId,
        standing: event === undefined ? ('open' as const) : await standing(target, stage, event, entry),
      };
      if (place === 'undelivered') return { ...of, ...identity, ...failureOf(message, event, sentAt) };
      const note = await noteOf(work === undefined ? unreadableMessageKey(stage, id) : gaveUpKey(work));
      const firstFailure = Number(Attributes.ApproximateFirstReceiveTimestamp ?? 0);
      const lastFailure = note?.at ?? Number.POSITIVE_INFINITY;
      return {
        ...of,
        ...identity,
        attempts,
        // A look into the DLQ is a receive as well, but no failure.
        firstFailure: firstFailure > 0 && firstFailure <= lastFailure + SECOND_MS ? firstFailure : undefined,
        lastFailure: note?.at,
        code: note?.code ?? NO_NOTE,
        reason:
          note?.message ?? `There is no note of its last attempt. To see the log: npx sluice logs ${stage}`,
      };
    });
}

/**
 * The failure of an event that EventBridge could not deliver (EventBridge guide, "Using dead-letter queues").
 */
function failureOf({ MessageAttributes = {} }: Message, event: ObjectEvent | undefined, sentAt: number) {
  const text = (name: string) => MessageAttributes[name]?.StringValue;
  return {
    attempts: Number(text('RETRY_ATTEMPTS') ?? 0) + 1,
    firstFailure: event && Date.parse(event.time),
    lastFailure: sentAt,
    code: text('ERROR_CODE') ?? NO_NOTE,
    reason: text('ERROR_MESSAGE') ?? 'EventBridge does not say why it could not deliver the event.',
  };
}

/** What the ledger says now of a message's work. */
export async function standingNow(
  target: Target,
  { stage, body }: Pick<DeadLetter, 'stage' | 'body'>,
): Promise<Standing> {
  const event = findObjectEvent(body);
  if (event === undefined) return 'open';
  const place = target.registry.workItemOf(stage, event).path;
  return standing(target, stage, event, await readable(ledgerOf(target).entry(place)));
}

/** What the ledger says of a message's work. A document that can't be read proves nothing. */
async function standing(
  target: Target,
  stage: Stage,
  event: ObjectEvent,
  entry: LedgerEntry | undefined,
): Promise<Standing> {
  const key = receiptKeyOf(stage, event, target.registry);
  const ledger = ledgerOf(target);
  const isDone = async (key: string) =>
    stage === 'extraction'
      ? (await ledger.extraction(target.registry.workItemOf(stage, event).path)) !== undefined
      : ledger.hasReceipt(key);
  // Receipts are only written of what has an entry.
  const hasReceipt = entry !== undefined && key !== undefined && (await isDone(key));
  return standingOf(stage, event, target.registry, { entry, hasReceipt });
}

async function readable(entry: Promise<LedgerEntry | undefined>): Promise<LedgerEntry | undefined> {
  try {
    return await entry;
  } catch (error) {
    unreadableDocument(error);
    return undefined;
  }
}
