import type { Stage } from '../../stage.ts';
import { type NoteKind, receiptKey, type WorkItem } from '../key-layout.ts';
import type { Fault } from './fault.ts';

/** A note in the failed bucket. */
export interface Note {
  readonly kind: NoteKind;
  readonly item: WorkItem;
  readonly fault: Fault;
  /** When it was written, in milliseconds since the epoch; of S3, to the second. */
  readonly at: number;
}

/**
 * Why a version does not go on. `retrying`: an attempt failed, and another one follows or is under way.
 * `dead_lettered`: the last attempt failed. `undelivered`: EventBridge could not deliver its event to the
 * queue. `failed`: the work item is at fault, and no attempt follows. `no_message`: no queue has a message of
 * it. `plain_files`: older code made its files, which no table can show.
 */
export interface Trouble {
  readonly kind: 'retrying' | 'dead_lettered' | 'undelivered' | 'failed' | 'no_message' | 'plain_files';
  readonly stage: Stage;
  /** How many work items of the version are in the same situation. The rest is about the latest of them. */
  readonly items: number;
  readonly code: string;
  readonly message: string;
  /** When it failed last, in milliseconds since the epoch. */
  readonly at: number;
  /** The number of the last attempt, if known. */
  readonly attempt?: number | undefined;
  /** After so many attempts, the message goes to the DLQ. */
  readonly of?: number | undefined;
  /** Since when that attempt has been under way: then code and message are those of the attempt before. */
  readonly underWaySince?: number;
  /** When SQS hands out the message again, or moves it to the DLQ. */
  readonly next?: number;
}

/** The worst first. */
const kinds: readonly Trouble['kind'][] = [
  'plain_files',
  'failed',
  'dead_lettered',
  'undelivered',
  'retrying',
  'no_message',
];

/**
 * The trouble of a version by the notes on its work items; `undefined` if none of them is in trouble.
 *
 * @param done the keys of its receipts: notes on finished work items are obsolete @param now milliseconds
 * since the epoch @param hiddenFor how long after the start of an attempt SQS hides the message of a stage,
 * in milliseconds, unless the attempt has put off the next one
 */
export function troubleOf(
  notes: readonly Note[],
  done: ReadonlySet<string>,
  now: number,
  hiddenFor: (stage: Stage) => number,
): Trouble | undefined {
  const open = notes.filter(({ item }) => !done.has(receiptKey(item) ?? ''));
  const byItem = Map.groupBy(open, ({ item: { stage, part, partitionPath } }) =>
    JSON.stringify([stage, part, partitionPath]),
  );
  return worstOf([...byItem.values()].flatMap((each) => troubleOfItem(each, now, hiddenFor) ?? []));
}

/** The worst trouble of work items, the latest one of its kind, and how many are in that kind of trouble. */
export function worstOf(troubles: readonly Trouble[]): Trouble | undefined {
  const kind = kinds.find((each) => troubles.some((trouble) => trouble.kind === each));
  const same = troubles.filter((trouble) => trouble.kind === kind);
  const [first, ...others] = same;
  if (first === undefined) return undefined;
  return { ...others.reduce((a, b) => (b.at > a.at ? b : a), first), items: same.length };
}

function troubleOfItem(
  notes: readonly Note[],
  now: number,
  hiddenFor: (stage: Stage) => number,
): Trouble | undefined {
  const inOrder = notes.toSorted((a, b) => startOf(a) - startOf(b) || Number(isOver(a)) - Number(isOver(b)));
  const latest = inOrder.at(-1);
  if (latest === undefined) return undefined;
  const { kind, item, fault, at } = latest;
  const { stage } = item;
  const { code, message } = fault;
  const of = { stage, items: 1, code, message, at, attempt: fault.attempt?.number, of: fault.attempt?.of };
  if (kind === 'faults') return { ...of, kind: 'failed' };
  const { again } = fault.attempt ?? {};
  const next = again === undefined ? startOf(latest) + hiddenFor(stage) : Date.parse(again);
  if (!isOver(latest) && now < next)
    return { ...of, ...before(inOrder), kind: 'retrying', underWaySince: startOf(latest) };
  return { ...of, kind: kind === 'gave-up' ? 'dead_lettered' : 'retrying', next };
}

/** The error of the attempt before the latest one, which is under way. */
function before(inOrder: readonly Note[]): Pick<Trouble, 'code' | 'message' | 'at'> {
  const latest = inOrder.at(-1);
  const number = (latest?.fault.attempt?.number ?? 0) - 1;
  const noted = inOrder.findLast((each) => isOver(each) && each.fault.attempt?.number === number);
  if (noted !== undefined) return { code: noted.fault.code, message: noted.fault.message, at: noted.at };
  const message = `Attempt ${number} left no error: the function was killed, timed out, ran out of memory or could not start.`;
  return { code: 'interrupted', message, at: latest?.at ?? 0 };
}

/** Notes from before November 2026 have no attempt: they are of last attempts that failed. */
const startOf = ({ fault: { attempt }, at }: Note) =>
  attempt === undefined ? at : Date.parse(attempt.startedAt);
const isOver = ({ fault: { attempt } }: Note) => attempt?.failed ?? true;
