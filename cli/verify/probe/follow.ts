import { type Stage, stages } from '../../../domain/stage.ts';
import { describeState } from '../../ledger/states/describe-state.ts';
import {
  isFinal,
  isStuck,
  type ObjectState,
  objectState,
  withTrouble,
} from '../../ledger/states/object-state.ts';
import { TroubleFinder } from '../../ledger/states/trouble.ts';
import { queueDepth } from '../../target/queue-state.ts';
import type { Target } from '../../target/target.ts';
import { linesWith, logGroupOf } from '../../terminal/log-events.ts';
import { count, integer } from '../../terminal/terminal.ts';
import type { Finding } from '../finding.ts';
import { type Denial, denialIn } from './denial.ts';
import { untilNextLook } from './step.ts';

export interface Following {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** For so long nothing is wrong with an object that does not move. */
const LOOK_AFTER_MS = 3000;

/**
 * Follows a version of an object to its end.
 *
 * @returns its state, or where it is stuck and why
 */
export async function follow(
  target: Target,
  { key, versionId }: { readonly key: string; readonly versionId: string },
  { timeoutMs, signal, progress }: Following,
): Promise<{ readonly state: ObjectState } | { readonly stuck: Finding }> {
  const since = Date.now();
  let lookAt = since + LOOK_AFTER_MS;
  for (;;) {
    signal.throwIfAborted();
    const state = await objectState(target, key, versionId);
    if (isFinal(state)) return { state };
    progress(describeState(state));
    const now = Date.now();
    const isLate = now - since > timeoutMs;
    if (now >= lookAt || isLate) {
      const { trouble } = await withTrouble({ ...state, since }, new TroubleFinder(target));
      // What EventBridge may not do is told of as an event that was not delivered.
      const denial = trouble && trouble.kind !== 'undelivered' ? denialIn(trouble.message) : undefined;
      // It would be tried again to no avail: a permission does not come back by itself.
      if (isLate || denial !== undefined || isStuck({ trouble }))
        return { stuck: await whereStuck(target, { ...state, trouble }, now - since, denial) };
      lookAt = Date.now() + LOOK_AFTER_MS;
    }
    await untilNextLook({ target, signal });
  }
}

/** Where an object is stuck, why, and what to do. */
async function whereStuck(
  target: Target,
  state: ObjectState,
  waitedMs: number,
  denial: Denial | undefined,
): Promise<Finding> {
  const { key, trouble } = state;
  const stage = trouble?.stage ?? stages.find((each) => each === state.stage) ?? 'extraction';
  const group = await logGroupOf(target, target.outputs.functions[stage]);
  const log = `The log group: ${group}. To read it: npx sluice logs ${stage}`;
  const finding = (code: string, message: string, cure: string): Finding => ({
    code,
    area: 'probe',
    subject: key,
    level: 'failed',
    message,
    cure,
    blocking: true,
  });
  if (denial !== undefined)
    return finding(
      'denied',
      `The ${stage} may not ${denial.action} on ${denial.resource}: ${denial.reason}. The caller is ${denial.principal}.`,
      `Give the role the permission (infra/, then pulumi up). ${log}`,
    );
  const seconds = Math.round(waitedMs / 1000);
  switch (trouble?.kind) {
    case 'dead_lettered':
      return finding(
        'dead_lettered',
        `Its message is in the DLQ of the ${stage}, ${target.outputs.deadLetterQueues[stage]}: ${trouble.code}: ${trouble.message}`,
        trouble.cure ?? log,
      );
    case 'undelivered':
      return finding(
        'undelivered',
        `EventBridge could not deliver its event to the ${stage}; it is in ${target.outputs.undeliveredQueues[stage]}: ${trouble.code}: ${trouble.message}`,
        `Bring back what it names, such as the queue's or the key's policy: pulumi up --refresh. ${trouble.cure ?? log}`,
      );
    case 'retrying':
    case 'failed':
      return finding(
        'stage_fails',
        `The ${stage} fails at it${trouble.attempt === undefined ? '' : `, attempt ${trouble.attempt} of ${trouble.of}`}: ${trouble.code}: ${trouble.message}`,
        log,
      );
    default:
      return unseen(target, stage, seconds, finding, log);
  }
}

/** No note and no dead letter tells of it: what the queue and the function's log say. */
async function unseen(
  target: Target,
  stage: Stage,
  seconds: number,
  finding: (code: string, message: string, cure: string) => Finding,
  log: string,
): Promise<Finding> {
  const { waiting, inFlight } = await queueDepth(target, target.outputs.queues[stage]);
  const line = await lastError(target, stage, Date.now() - seconds * 1000 - 60_000);
  const told = line === undefined ? '' : ` The last error in its log: ${line}`;
  if (waiting > 0)
    return finding(
      'not_received',
      `After ${seconds} s, ${count(waiting, 'message')} of the ${stage} still ${waiting === 1 ? 'waits' : 'wait'} in its queue: the function is throttled, its mapping does not poll, or others are before it.${told}`,
      `To see the queues: npx sluice status. ${log}`,
    );
  if (inFlight > 0)
    return finding(
      'no_end',
      `After ${seconds} s, ${integer(inFlight)} in flight at the ${stage}, and no attempt has ended: the function is slow, or dies before it can say why.${told}`,
      log,
    );
  return finding(
    'never_delivered',
    `After ${seconds} s, no queue has a message for the ${stage}: its event was never delivered. The rule, its pattern and the queue's policy look right, or stand above.${told}`,
    `To see whether the rule matched and delivered: the metrics MatchedEvents and FailedInvocations of AWS/Events. ${log}`,
  );
}

async function lastError(target: Target, stage: Stage, startTime: number): Promise<string | undefined> {
  const group = await logGroupOf(target, target.outputs.functions[stage]);
  for (const text of ['"level":"ERROR"', 'Task timed out', 'Runtime exited', 'errorMessage']) {
    const { lines } = await linesWith(target, group, { text, startTime }, { most: 50, patience: 3000 });
    const last = lines.at(-1)?.message?.trim();
    if (last !== undefined) return last.slice(0, 500);
  }
  return undefined;
}
