import { setTimeout as pause } from 'node:timers/promises';
import { type Stage, stages } from '../../../domain/stage.ts';
import type { DeadLetter } from '../../../domain/versions/failures/dead-letter.ts';
import { type Trouble, troubleOf, worstOf } from '../../../domain/versions/failures/trouble.ts';
import {
  notePrefixes,
  type ObjectVersion,
  type VersionPath,
  versionPath,
  versionSegment,
} from '../../../domain/versions/key-layout.ts';
import { stackOption, withStack } from '../../options/chosen-target.ts';
import { type QueueState, queueStates } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { age, count, printable } from '../../terminal/terminal.ts';
import { deadLetterQueues, withOpenQueues } from '../dead-letters/dead-letters.ts';
import { ledgerOf } from '../ledger.ts';
import { notesUnder } from './notes.ts';

/**
 * How long after an object was put, or a stage ended, its message must be in a queue. SQS's counts may be a
 * minute late ("Amazon SQS API Reference: GetQueueAttributes").
 */
const MESSAGE_DUE_MS = 120_000;

export interface FoundTrouble extends Trouble {
  /** The command that helps, as a sentence. */
  readonly cure: string | undefined;
}

/**
 * Finds out why versions do not go on: from their notes, and for those without notes from the DLQs and the
 * undelivered queues. One look at the queues serves all versions.
 */
export class TroubleFinder {
  readonly #target: Target;
  readonly #now = Date.now();
  readonly #letters = new Map<Stage, Promise<readonly DeadLetter[]>>();
  #queues: Promise<readonly QueueState[]> | undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  /** The queues, as they were when they were first needed. */
  queues(): Promise<readonly QueueState[]> {
    this.#queues ??= queueStates(this.#target);
    return this.#queues;
  }

  /**
   * @param stage the stage that the version has reached @param since when it reached it, in milliseconds
   * since the epoch; `undefined` if a missing message is no trouble
   */
  async troubleOf(object: ObjectVersion, stage: Stage, since?: number): Promise<FoundTrouble | undefined> {
    const path = versionPath(object);
    if (stage === 'commit' && (await this.#hasPlainFiles(path))) return this.#notTakenOver(since);
    const [notes, receipts, queues] = await Promise.all([
      Array.fromAsync(notesUnder(this.#target, notePrefixes(path))),
      ledgerOf(this.#target).receiptKeys(path),
      this.queues(),
    ]);
    const queueOf = (each: Stage) => queues.find((queue) => queue.stage === each);
    const noted = troubleOf(
      notes,
      new Set(receipts),
      this.#now,
      (each) => 1000 * (queueOf(each)?.visibilitySeconds ?? 0),
    );
    const queue = queueOf(stage);
    const found =
      noted ??
      (await this.#unnoted(object, stage, queue)) ??
      (await this.#withoutMessage(path, stage, since));
    if (found === undefined) return undefined;
    const on = stackOption(this.#target);
    const cure = this.#cureOf(found, object.key, queueOf(found.stage));
    return { ...found, message: withStack(found.message, on), cure: cure && withStack(cure, on) };
  }

  async #hasPlainFiles(path: VersionPath): Promise<boolean> {
    const ledger = ledgerOf(this.#target);
    return !(await ledger.isPublished(path)) && (await ledger.plainFiles(path)).length > 0;
  }

  #notTakenOver(since: number | undefined): FoundTrouble {
    const message =
      'A release before November 2026 made its files, which no table of the lake shows. MySQL and the archive show its rows.';
    const cure = `To take it over: npx sluice takeover${stackOption(this.#target)}`;
    const of = { stage: 'commit', items: 1, at: since ?? this.#now } as const;
    return { kind: 'plain_files', code: 'plain_files', message, cure, ...of };
  }

  #cureOf(
    { kind, stage, next = 0 }: Trouble,
    key: string,
    queue: QueueState | undefined,
  ): string | undefined {
    const sweep = 'To repair it: npx sluice sweep --enqueue';
    // Otherwise, the message was discarded or has expired.
    const isThere = (queue?.dead ?? 0) > 0 || next > this.#now;
    switch (kind) {
      case 'retrying':
        return undefined;
      case 'dead_lettered':
        if (!isThere) return `Its message is no longer in the DLQ. ${sweep}`;
        return `To send it back: npx sluice redrive ${stage} --key ${key}`;
      case 'undelivered':
        return `To send it there: npx sluice redrive ${stage} --key ${key}`;
      case 'failed':
        return `To reprocess the object: npx sluice replay ${key} --force`;
      case 'no_message':
        return sweep;
      case 'plain_files':
        return undefined;
    }
  }

  /** A function that dies before it can write, or can't start, leaves its messages without notes. */
  async #unnoted(
    { key, versionId }: ObjectVersion,
    stage: Stage,
    queue: QueueState | undefined,
  ): Promise<Trouble | undefined> {
    if (queue === undefined || queue.dead + queue.undelivered === 0) return undefined;
    const found = (await this.#lettersOf(stage)).filter(
      (letter) => letter.key === key && letter.versionId === versionSegment(versionId),
    );
    return worstOf(
      found.map(({ place, attempts, code, reason, lastFailure, sentAt }) => ({
        kind: place === 'dlq' ? 'dead_lettered' : 'undelivered',
        stage,
        items: 1,
        code,
        message: reason,
        at: lastFailure ?? sentAt,
        attempt: attempts,
        of: attempts,
      })),
    );
  }

  #lettersOf(stage: Stage): Promise<readonly DeadLetter[]> {
    const target = this.#target;
    const known = this.#letters.get(stage) ?? readLetters(target, stage);
    this.#letters.set(stage, known);
    return known;
  }

  async #withoutMessage(
    path: VersionPath,
    stage: Stage,
    since: number | undefined,
  ): Promise<Trouble | undefined> {
    if (since === undefined || this.#now - since < MESSAGE_DUE_MS) return undefined;
    // Until it is published to its end, a stage before may have the message of whoever publishes it.
    const isPublished = stage !== 'extraction' && (await ledgerOf(this.#target).isPublishedWhole(path));
    const mayHaveIt = isPublished ? [stage] : stages.slice(0, stages.indexOf(stage) + 1);
    const queues = (await this.queues()).filter((queue) => mayHaveIt.includes(queue.stage));
    if (queues.some((queue) => queue.waiting + queue.inFlight > 0)) return undefined;
    const message =
      'No queue has a message of it: its event was lost, or EventBridge still tries to deliver it.';
    return { kind: 'no_message', stage, items: 1, code: 'no_message', message, at: since };
  }
}

/** For how long to try again when another command is reading the same queues. */
const PATIENCE_MS = 5000;
const AGAIN_MS = 250;

async function readLetters(target: Target, stage: Stage): Promise<readonly DeadLetter[]> {
  const queues = deadLetterQueues(target, [stage]);
  const end = Date.now() + PATIENCE_MS;
  const found = new Map<string, DeadLetter>();
  for (;;) {
    const unseen = await withOpenQueues(target, queues, new AbortController().signal, async (open) => {
      for (const letter of open.flatMap(({ letters }) => letters)) found.set(letter.id, letter);
      return open.reduce((sum, each) => sum + each.unseen, 0);
    });
    if (unseen === 0 || Date.now() > end) return [...found.values()];
    await pause(AGAIN_MS);
  }
}

/** `retrying (loading, attempt 2 of 5)` */
export function troubleName({ kind, stage, attempt, of }: Trouble): string {
  switch (kind) {
    case 'retrying':
      return `retrying (${stage}${of === undefined ? '' : `, attempt ${attempt} of ${of}`})`;
    case 'dead_lettered':
      return `dead-lettered (${stage})`;
    case 'undelivered':
      return `undelivered (${stage})`;
    case 'failed':
      return `failed (${stage})`;
    case 'no_message':
      return `no message (${stage})`;
    case 'plain_files':
      return 'not taken over';
  }
}

/** The reason, what happens next, and the command that helps. @param now milliseconds since the epoch */
export function describeTrouble(trouble: FoundTrouble, now: number): string {
  const { items, cure } = trouble;
  const others = items === 1 ? '' : ` The same is true of ${count(items - 1, 'other work item')} of it.`;
  return `${happened(trouble, now)}${others}${cure === undefined ? '' : ` ${cure}`}`;
}

function happened(
  { kind, stage, code, message, at, attempt, of, underWaySince, next }: Trouble,
  now: number,
): string {
  const reason = `${printable(code)}: ${printable(message).replace(/(?<![.!?])$/, '.')}`;
  const comes = next === undefined || next <= now ? undefined : age(next - now);
  switch (kind) {
    case 'retrying':
      if (underWaySince !== undefined)
        return `attempt ${attempt} of ${of} at the ${stage} began ${age(now - underWaySince)} ago, after ${reason}`;
      return `attempt ${attempt} of ${of} at the ${stage} failed ${age(now - at)} ago, ${reason} The next one ${comes === undefined ? 'is due' : `comes in ${comes}`}.`;
    case 'dead_lettered':
      return [
        `the ${stage} was dead-lettered${of === undefined ? '' : ` after ${count(of, 'attempt')}`}, ${age(now - at)} ago, ${reason}`,
        ...(comes === undefined ? [] : [`Its message reaches the DLQ in ${comes}.`]),
      ].join(' ');
    case 'undelivered':
      return `EventBridge could not deliver its event to the queue of the ${stage}, ${reason}`;
    case 'failed':
      return `the ${stage} failed for good, ${reason}`;
    case 'no_message':
    case 'plain_files':
      return printable(message);
  }
}
