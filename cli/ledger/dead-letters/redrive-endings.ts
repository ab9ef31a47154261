import { setTimeout as pause } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type Stage, stages } from '../../../domain/stage.ts';
import { type DeadLetter, isReturnOf } from '../../../domain/versions/failures/dead-letter.ts';
import { extractionReceiptKey } from '../../../domain/versions/key-layout.ts';
import { findObjectEvent } from '../../../domain/versions/object-event.ts';
import { extractionReceipt } from '../../../domain/versions/receipt.ts';
import { READS_AT_ONCE } from '../../../store/ledger.ts';
import { queueAttributes, queueDepth } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';
import { deadLetterQueues, maximumReceives, standingNow, withOpenQueues } from './dead-letters.ts';
import type { Redriven } from './redrive.ts';

/**
 * How a message ended that was sent back. `fault`: the object itself can't be processed, and its message is
 * acknowledged. `acknowledged`: the message is gone from every queue, and its work leaves no receipt.
 * `returned`: it is dead-lettered again. `unfinished`: it had not ended when the time was over.
 */
export type RedriveResult = 'done' | 'superseded' | 'fault' | 'acknowledged' | 'returned' | 'unfinished';

export interface RedriveEnding {
  /** If it returned, as it lies in the DLQ now. */
  readonly letter: DeadLetter;
  readonly result: RedriveResult;
  /** Of a fault or a return. */
  readonly code?: string;
  readonly reason?: string;
}

/** Whether something is left to do about a message. */
export function isBad({ result }: Pick<RedriveEnding, 'result'>): boolean {
  return result === 'returned' || result === 'unfinished' || result === 'fault';
}

const POLL_MS = 300;
/** At least so long passes between two looks into the DLQs, and ten times as long as a look takes. */
const LOOK_MS = 2000;
/**
 * For so long a queue must be empty before a message counts as gone: SQS's counts are accurate a minute after
 * the last message ("Amazon SQS API Reference: GetQueueAttributes"), those of the local cloud at once.
 */
const quietMs = ({ control }: Target) => (control === undefined ? 60_000 : 3000);

/** In how many milliseconds a message that fails at each attempt is in the DLQ again. */
export async function longestRound(target: Target, of: readonly Stage[]): Promise<number> {
  const rounds = of.map(async (stage) => {
    const names = ['VisibilityTimeout' as const, 'RedrivePolicy' as const];
    const { VisibilityTimeout = 0, RedrivePolicy } = await queueAttributes(
      target,
      target.outputs.queues[stage],
      names,
    );
    return Number(VisibilityTimeout) * 1000 * (maximumReceives(RedrivePolicy) + 1);
  });
  return Math.max(0, ...(await Promise.all(rounds)));
}

/**
 * Waits for the end of messages that were sent back. Yields each when it is known, and last those without.
 */
export async function* redriveEndings(
  target: Target,
  { sent, before }: Pick<Redriven, 'sent' | 'before'>,
  timeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<RedriveEnding> {
  const end = Date.now() + timeoutMs;
  const quietSince = new Map<Stage, number>();
  let pending = [...sent];
  let lookAt = 0;
  while (pending.length > 0 && Date.now() < end) {
    signal.throwIfAborted();
    const begun = Date.now();
    const waiting = stages.filter((stage) => pending.some((each) => each.stage === stage));
    // Before the DLQs: a message that is on its way there in between is then seen in one of the two.
    await noteQuiet(target, waiting, quietSince);
    const settled = new Map<DeadLetter, RedriveEnding>();
    for (const ending of await endedByLedger(target, pending)) settled.set(ending.letter, ending);
    if (begun >= lookAt) {
      const found = (await deadLettersOf(target, waiting, signal)).filter(({ id }) => !before.has(id));
      for (const letter of pending) {
        const back = found.find((each) => each.stage === letter.stage && isReturnOf(each, letter));
        if (back !== undefined)
          settled.set(letter, { letter: back, result: 'returned', code: back.code, reason: back.reason });
        else if (begun - (quietSince.get(letter.stage) ?? begun) >= quietMs(target) && !settled.has(letter))
          settled.set(letter, { letter, result: 'acknowledged' });
      }
      lookAt = Date.now() + Math.max(LOOK_MS, 10 * (Date.now() - begun));
    }
    yield* settled.values();
    pending = pending.filter((letter) => !settled.has(letter));
    if (pending.length > 0) await pause(POLL_MS + (Date.now() - begun));
  }
  for (const letter of pending) yield { letter, result: 'unfinished' };
}

/** Notes since when each stage's queue has been empty. */
async function noteQuiet(target: Target, of: readonly Stage[], since: Map<Stage, number>): Promise<void> {
  for (const stage of of) {
    const { waiting, inFlight } = await queueDepth(target, target.outputs.queues[stage]);
    if (waiting + inFlight > 0) since.delete(stage);
    else if (!since.has(stage)) since.set(stage, Date.now());
  }
}

async function endedByLedger(target: Target, pending: readonly DeadLetter[]): Promise<RedriveEnding[]> {
  const limit = pLimit(READS_AT_ONCE);
  const all = pending.map((letter) =>
    limit(async (): Promise<RedriveEnding[]> => {
      const standing = await standingNow(target, letter);
      if (standing === 'open') return [];
      const fault = standing === 'done' ? await faultOf(target, letter) : undefined;
      if (fault === undefined) return [{ letter, result: standing }];
      return [{ letter, result: 'fault', code: fault.code, reason: fault.message }];
    }),
  );
  return (await Promise.all(all)).flat();
}

/** Why the object of an extraction could not be read. */
async function faultOf(target: Target, { stage, body }: DeadLetter) {
  const event = findObjectEvent(body);
  if (stage !== 'extraction' || event === undefined) return undefined;
  const key = extractionReceiptKey(target.registry.pathOf(event));
  return (await ledgerOf(target).receipt(key, extractionReceipt))?.fault;
}

async function deadLettersOf(
  target: Target,
  of: readonly Stage[],
  signal: AbortSignal,
): Promise<DeadLetter[]> {
  const queues = deadLetterQueues(target, of).filter(({ place }) => place === 'dlq');
  return withOpenQueues(target, queues, signal, async (open) => open.flatMap(({ letters }) => [...letters]));
}
