import type { Registry } from '../../registry.ts';
import type { Stage } from '../../stage.ts';
import { receiptKey } from '../key-layout.ts';
import { decide, type LedgerEntry, mayBeForgotten } from '../ledger.ts';
import type { ObjectEvent } from '../object-event.ts';
import { revisionName } from '../revision.ts';
import { statusOf } from '../version-status.ts';

/**
 * Where a message ends that its stage did not process: after its last attempt, or before it reached the
 * queue.
 */
export const deadLetterPlaces = ['dlq', 'undelivered'] as const;
export type DeadLetterPlace = (typeof deadLetterPlaces)[number];

/**
 * What the ledger says of a message's work: still to do, done by another message, or overtaken by a newer
 * version.
 */
export type Standing = 'open' | 'done' | 'superseded';

/** A message in a DLQ or an undelivered queue. Times are milliseconds since the epoch. */
export interface DeadLetter {
  readonly id: string;
  readonly stage: Stage;
  readonly place: DeadLetterPlace;
  readonly body: string;
  /**
   * In the raw bucket; of a work item whose object the ledger does not know, the key of its input; absent if
   * the message can't be read.
   */
  readonly key: string | undefined;
  readonly dataset: string | undefined;
  /** With its revision, as it stands in keys. */
  readonly versionId: string | undefined;
  readonly attempts: number;
  readonly sentAt: number;
  /** Absent where nobody knows. */
  readonly firstFailure: number | undefined;
  readonly lastFailure: number | undefined;
  readonly expiresAt: number;
  readonly code: string;
  readonly reason: string;
  readonly standing: Standing;
}

/** The code of a message that has no note. */
export const NO_NOTE = 'no_note';

/** The receipt that proves a message's work; `undefined` of work that leaves none. */
export function receiptKeyOf(stage: Stage, event: ObjectEvent, registry: Registry): string | undefined {
  if (event.type === 'deleted') return undefined;
  return receiptKey(registry.workItemOf(stage, event));
}

/**
 * Whether a message has anything left to do. It asks as the stage would that receives it; leases count as
 * over, since another message that works on a version may yet fail.
 */
export function standingOf(
  stage: Stage,
  event: ObjectEvent,
  registry: Registry,
  { entry, hasReceipt }: { readonly entry: LedgerEntry | undefined; readonly hasReceipt: boolean },
): Standing {
  if (stage !== 'extraction') return standingOfPiece(stage, event, registry, entry, hasReceipt);
  const { key, versionId, revision, sequencer } = event;
  const { action } = decide(entry, event, {
    dataset: registry.nameOf(key),
    onDelete: registry.rulesOf(key).onDelete,
    message: '',
    invocation: '',
    codeVersion: '',
    now: Number.POSITIVE_INFINITY,
    deadline: Number.POSITIVE_INFINITY,
  });
  if (action === 'duplicate' || action === 'keep') return 'done';
  if (action === 'stale') return 'superseded';
  const version = { versionId: revisionName(versionId, revision), sequencer };
  const isForgotten = entry !== undefined && hasReceipt && mayBeForgotten(entry, version);
  return action === 'extract' && isForgotten ? 'superseded' : 'open';
}

function standingOfPiece(
  stage: Stage,
  event: ObjectEvent,
  registry: Registry,
  entry: LedgerEntry | undefined,
  hasReceipt: boolean,
): Standing {
  if (receiptKeyOf(stage, event, registry) === undefined) return 'open';
  const status = statusOf(entry, registry.workItemOf(stage, event).path);
  if (status !== 'live') return 'superseded';
  return hasReceipt ? 'done' : 'open';
}

/** Whether a message that lies in a DLQ is one that was sent back before and has failed again. */
export function isReturnOf(
  found: Pick<DeadLetter, 'body' | 'sentAt'>,
  sent: Pick<DeadLetter, 'body' | 'sentAt'>,
): boolean {
  // A DLQ keeps the time of the first sending: here, of the sending back. Both times are SQS's own.
  return found.body === sent.body && found.sentAt > sent.sentAt;
}
