import * as z from 'zod';
import type { ObjectEvent } from './object-event.ts';
import { compareSequencers } from './sequencer.ts';

/**
 * What is known of one raw key: the newest event that was taken up, and how far it got. One object a key in the
 * ledger bucket, changed by compare-and-swap only.
 */
export const head = z.strictObject({
  dataset: z.string(),
  key: z.string(),
  /** What the newest event says of the key. */
  type: z.enum(['created', 'deleted']),
  sequencer: z.string(),
  versionId: z.string(),
  /**
   * `extracting`: somebody writes its parts. `settling`: they are written and on their way through the other stages, or
   * a deletion is being carried out. `settled`: the sinks hold what they should.
   */
  status: z.enum(['extracting', 'settling', 'settled']),
  /** While `extracting`: until when nobody else may take it up, in milliseconds since the epoch. */
  leaseUntil: z.int().nonnegative(),
  /** Versions that may have left something behind, to go when the newest one is settled. */
  superseded: z.array(z.string()),
});
export type Head = z.infer<typeof head>;

/** What is to be done about an event, given what is known of its key. */
export type Decision =
  /** Take it up: write `next`, under the condition that the head has not changed; then do the work. */
  | { readonly action: 'extract' | 'retract'; readonly next: Head }
  /** It was taken up before and got through: see that it settles, nothing else. */
  | { readonly action: 'duplicate' }
  /** A newer event was taken up: this one has no effect. */
  | { readonly action: 'stale' }
  /** Somebody works on it: come back later, in case they don't get through. */
  | { readonly action: 'wait'; readonly until: number };

/** What the decision needs besides the head and the event, in milliseconds since the epoch. */
export interface Claim {
  readonly dataset: string;
  readonly now: number;
  /** When the work has ended in any case, well or badly. */
  readonly deadline: number;
}

/**
 * Decides about an event. Sequencers decide, as S3 defines them; times and the order of arrival never do.
 *
 * An old version that is deleted for good changes nothing of the key, and is stale like any event that has no effect.
 */
export function decide(known: Head | undefined, event: ObjectEvent, claim: Claim): Decision {
  if (event.type === 'deleted' && event.permanent && event.versionId !== known?.versionId)
    return { action: 'stale' };
  if (known === undefined) return takeUp([], event, claim);
  const order = compareSequencers(event.sequencer, known.sequencer);
  if (order < 0) return { action: 'stale' };
  if (order > 0) {
    const left = known.type === 'created' ? [known.versionId] : [];
    return takeUp([...new Set([...known.superseded, ...left])], event, claim);
  }
  if (known.status !== 'extracting') return { action: 'duplicate' };
  if (known.leaseUntil > claim.now) return { action: 'wait', until: known.leaseUntil };
  return takeUp(known.superseded, event, claim);
}

function takeUp(superseded: string[], event: ObjectEvent, { dataset, deadline }: Claim): Decision {
  const { type, key, sequencer, versionId } = event;
  const common = { dataset, key, type, sequencer, versionId, superseded };
  if (type === 'created')
    return { action: 'extract', next: { ...common, status: 'extracting', leaseUntil: deadline } };
  return { action: 'retract', next: { ...common, status: 'settling', leaseUntil: 0 } };
}

/** Whether what belongs to this sequencer has been overtaken by a newer event of its key. */
export function isOvertaken(known: Head | undefined, sequencer: string): boolean {
  return known !== undefined && compareSequencers(sequencer, known.sequencer) < 0;
}

/** The receipts of a version, as far as their keys tell, and whether they are all there. */
export interface Progress {
  /** Parts that the extraction wrote; `undefined` before its receipt. */
  readonly parts: number | undefined;
  readonly transformed: number;
  /** Files that the transformed parts became. */
  readonly files: number;
  readonly loaded: number;
}

export function isComplete({ parts, transformed, files, loaded }: Progress): boolean {
  return parts !== undefined && transformed >= parts && loaded >= files;
}
