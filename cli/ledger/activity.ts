import { setTimeout as sleep } from 'node:timers/promises';
import { Activity, outcomes, type Step, type Unsure } from '../../domain/activity/activity.ts';
import {
  type ObjectRevision,
  OUTCOME_LINE,
  parseStageLine,
  RETRY_LINE,
} from '../../domain/activity/stage-line.ts';
import { stages } from '../../domain/stage.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { type VersionPath, versionSegment } from '../../domain/versions/key-layout.ts';
import { total } from '../../domain/versions/receipt.ts';
import { unreadableDocument } from '../../store/ledger.ts';
import type { Target } from '../target/target.ts';
import { LogTail, logGroupOf, quotedTerm } from '../terminal/log-events.ts';
import { ledgerOf } from './ledger.ts';
import { objectState } from './states/object-state.ts';

export interface FollowOptions {
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Ends the generator. */
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

/** FilterLogEvents allows an account 5 to 25 requests a second; each look makes one for each stage. */
const POLL_MS = 1000;
/** How many objects the ledger is asked for in one look. */
const ASK_AT_ONCE = 4;

/** Either is in each line that tells of a message. */
const pattern = [OUTCOME_LINE, RETRY_LINE].map((text) => `?${quotedTerm(text)}`).join(' ');

/**
 * Follows what the pipeline does, from the logs of the stages' functions: a step for each message that ends
 * or fails, and with the last step of an object how it ended. It reads the ledger only for objects whose
 * lines are incomplete.
 *
 * @returns the steps of each look at the logs, in the order of their times; often none
 */
export async function* followLooks(
  target: Target,
  { since, signal, pollMs = POLL_MS }: FollowOptions,
): AsyncGenerator<readonly Step[]> {
  const activity = new Activity((key) => target.registry.nameOf(key));
  try {
    const groups = await Promise.all(
      stages.map((each) => logGroupOf(target, target.outputs.functions[each])),
    );
    const tails = groups.map((group) => new LogTail(target, group, since, pattern));
    while (!signal.aborted) {
      const found = await Promise.all(tails.map((tail) => Array.fromAsync(tail.look(signal))));
      const events = found.flat().sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0));
      const steps = events.flatMap(({ message = '', timestamp = 0 }) => {
        const line = parseStageLine(message);
        return line === undefined ? [] : [activity.add(line, timestamp)];
      });
      for (const each of activity.unsure(Date.now(), ASK_AT_ONCE))
        steps.push(...(await askLedger(target, activity, each)));
      activity.forget(Date.now());
      yield steps;
      await sleep(pollMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The same, step by step. */
export async function* followActivity(target: Target, options: FollowOptions): AsyncGenerator<Step> {
  for await (const steps of followLooks(target, options)) yield* steps;
}

/** The last step of an object, if the ledger says that it has ended. */
async function askLedger(target: Target, activity: Activity, { path, object }: Unsure): Promise<Step[]> {
  const known = object ?? (await objectAt(target, path));
  if (known === undefined) return [];
  const state = await objectState(target, known.key, known.versionId).catch(unreadableDocument);
  if (state instanceof UnreadableDocument) return [];
  const { stage, read, written, filtered, rejected, fault } = state;
  const outcome = outcomes.find((each) => each === stage);
  if (outcome === undefined) return [];
  const counts = { read, written, filtered: total(filtered), rejected: total(rejected) };
  const step = activity.end(path, known, { outcome, ...counts, code: fault?.code });
  return step === undefined ? [] : [step];
}

/** The object of a path, which holds neither the whole key nor always the whole version id. */
async function objectAt(target: Target, path: VersionPath): Promise<ObjectRevision | undefined> {
  const entry = await ledgerOf(target).entry(path).catch(unreadableDocument);
  if (entry === undefined || entry instanceof UnreadableDocument) return undefined;
  const { key, current, attempts, superseded } = entry;
  const names = [current?.versionId ?? '', ...attempts.map(({ versionId }) => versionId), ...superseded];
  return { key, versionId: names.find((name) => versionSegment(name) === path.version) ?? path.version };
}
