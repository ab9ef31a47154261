import { TransientError } from '../../../domain/errors.ts';
import { instantText } from '../../../domain/instant.ts';
import { type VersionPath, versionPath } from '../../../domain/versions/key-layout.ts';
import { type Decision, type LedgerEntry, withoutAttempts } from '../../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import type { ExtractionReceipt } from '../../../domain/versions/receipt.ts';
import { isVersion, parseRevision, revisionName } from '../../../domain/versions/revision.ts';
import type { EntryState, Ledger } from '../../../store/ledger.ts';
import type { StageContext } from '../context.ts';
import { type Outcome, withoutRecords } from '../outcome.ts';
import { type Publishing, publishActive, publishIfWhole } from '../publish.ts';
import { type OutputBuckets, removeExtracted, removeForgotten, removeUnread } from '../removal.ts';
import { removeSuperseded } from '../supersede.ts';

/** An event with the revision and the sequencer of its ledger entry. */
interface ClaimedEvent extends ObjectEvent {
  /** When the revision was claimed for the first time, ISO 8601. */
  readonly loadedAt?: string;
}

/** A revision that this invocation has claimed: no other one works on it. */
export interface TakenUp {
  readonly event: ClaimedEvent;
  readonly path: VersionPath;
  /** The receipt of its extraction, if another attempt got that far. */
  readonly before: ExtractionReceipt | undefined;
  /** Whether an earlier attempt may have left a checkpoint. */
  readonly mayGoOn: boolean;
  /** The ledger entry with the claim. */
  readonly claimed: EntryState | undefined;
}

/**
 * Claims the version of an event, in the first revision that is not done. If there is nothing to extract,
 * returns the outcome instead.
 */
export async function takeUp(
  event: ObjectEvent,
  ledger: Ledger,
  buckets: OutputBuckets,
  context: StageContext,
): Promise<TakenUp | Outcome> {
  const { store, now, deadline, message, invocation, codeVersion, registry } = context;
  const publishing = { ledger, buckets, context };
  const dataset = registry.nameOf(event.key);
  const { onDelete } = registry.rulesOf(event.key);
  for (let asked = event; ; ) {
    const path = registry.pathOf(asked);
    const claim = { dataset, onDelete, message, invocation, codeVersion, now: now(), deadline };
    const { decision, known, claimed, wasLost } = await ledger.claim(path, asked, claim);
    if (decision.action !== 'extract') return leave(asked, path, decision, claimed, publishing);

    const name = revisionName(asked.versionId, asked.revision);
    // A sweep makes up sequencers. So the entry's sequencer counts, and all rows of a version must carry that
    // one.
    const {
      versionId = name,
      sequencer = asked.sequencer,
      begunAt,
    } = decision.next.attempts.find((each) => each.message === message && each.invocation === invocation) ??
    {};
    if (versionId !== name) {
      asked = { ...asked, revision: parseRevision(versionId).revision };
      continue;
    }
    const loadedAt = begunAt !== undefined && { loadedAt: instantText(begunAt * 1000) };
    const mayGoOn = known?.attempts.some((each) => each.versionId === versionId) === true;
    // Nobody else has extracted it before the claim, unless its entry knows, or was there and is lost.
    const before = mayGoOn || wasLost ? await ledger.extraction(path) : undefined;
    const isMine = (each: LedgerEntry['attempts'][number]) =>
      each.versionId === versionId && each.message === message && each.invocation === invocation;
    // If this claim is no longer in the entry, another invocation, by whose clock the lease was over, has
    // extracted the version since.
    const isTheirs = async () => !(await ledger.entry(path))?.attempts.some(isMine);
    if (before === undefined || known !== undefined || (await isTheirs()))
      return {
        event: { ...asked, sequencer, ...loadedAt },
        path,
        before,
        mayGoOn,
        claimed,
      };

    // This revision was extracted before, and the claim did not see it: its ledger entry was lost. With an
    // entry, a claim takes no name that has receipts.
    await removeExtracted(path, store, buckets);
    await ledger.change(path, (latest) => latest && withoutAttempts(latest, [versionId]));
    asked = { ...asked, revision: asked.revision + 1 };
  }
}

/**
 * Answers an event that needs no extraction, and finishes any clean-up that an attempt that died has left
 * undone.
 */
async function leave(
  event: ObjectEvent,
  path: VersionPath,
  decision: Exclude<Decision, { readonly action: 'extract' }>,
  known: EntryState | undefined,
  publishing: Publishing,
): Promise<Outcome> {
  const { ledger, buckets, context } = publishing;
  const entry = known?.entry;
  switch (decision.action) {
    case 'keep':
      return withoutRecords(path.dataset, 'kept');
    case 'wait':
      throw inProgress(event, decision.until);
    case 'duplicate':
      await removeUnread(entry, event.versionId, ledger, context.store, buckets);
      await publishActive(await publishRevisions(event, known, publishing), publishing);
      return withoutRecords(path.dataset, 'duplicate');
    case 'retract':
      await publishActive(entry, publishing);
      return withoutRecords(path.dataset, 'retracted');
    case 'stale':
      // An attempt at this very event may have died after it was overtaken.
      if (event.type === 'created') await removeForgotten(path, ledger, context.store, buckets);
      // Its version is active in a later revision, and who made it so may have died before it was published.
      if (isVersion(entry?.current?.versionId ?? '', event.versionId)) await publishActive(entry, publishing);
      else await removeSuperseded(entry, ledger, context.store, buckets);
      return withoutRecords(path.dataset, 'stale');
  }
}

/**
 * Publishes the revisions of an event's version that are whole: whoever transformed the last part may have
 * died.
 *
 * @returns the entry afterwards
 */
async function publishRevisions(
  { versionId }: ObjectEvent,
  known: EntryState | undefined,
  publishing: Publishing,
): Promise<LedgerEntry | undefined> {
  let entry = known?.entry;
  for (const attempt of entry?.attempts ?? []) {
    if (entry === undefined || !isVersion(attempt.versionId, versionId)) continue;
    const path = versionPath({ ...entry, versionId: attempt.versionId });
    entry = (await publishIfWhole(path, known, publishing)) ?? entry;
  }
  return entry;
}

function inProgress({ key }: ObjectEvent, until: number): TransientError {
  const message = `Another invocation is extracting ${JSON.stringify(key)}, until ${new Date(until).toISOString()} at most. This message will be retried.`;
  return new TransientError('in_progress', message, { stage: 'extraction' });
}
