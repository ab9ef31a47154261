import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type LatestVersion,
  missedEvent,
  nextRevision,
  redeliverEvent,
  reprocessEvent,
  type SyntheticEvent,
  unsettled,
  untransformed,
} from '../../../domain/operations/sweep.ts';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import {
  loadingReceiptKey,
  partKey,
  publicationKey,
  transformationReceiptKey,
  versionPath,
  versionSegment,
} from '../../../domain/versions/key-layout.ts';
import { decide, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import { type ObjectEvent, parseObjectEvent } from '../../../domain/versions/object-event.ts';
import { withVerdict } from '../../../domain/versions/publishing/conclusion.ts';
import { parseRevision, revisionName } from '../../../domain/versions/revision.ts';

const key = 'recipes/a.json';
const recipes = { key, onDelete: 'retract' } as const;
const claim = {
  dataset: 'recipes',
  onDelete: 'retract',
  message: 'm',
  invocation: 'i',
  codeVersion: 'c',
  now: 0,
  deadline: 1,
} as const;

/**
 * The ledger, and what lies in the sinks, of one key; extraction ends as soon as it begins, and a receipt is
 * for good.
 */
class Pipeline {
  entry: LedgerEntry | undefined;
  readonly receipts = new Set<string>();
  readonly outputs = new Set<string>();
  readonly #isThere: (versionId: string) => boolean;

  /** @param isThere whether a version can still be read when its event is worked on */
  constructor(isThere: (versionId: string) => boolean = () => true) {
    this.#isThere = isThere;
  }

  /** As the extraction does it. */
  take(event: SyntheticEvent): void {
    const decision = decide(this.entry, { ...event, bucket: 'raw', reason: '', time: '' }, claim);
    if (!('next' in decision)) return;
    if (decision.action === 'extract') {
      const name = decision.next.attempts.at(-1)?.versionId ?? '';
      if (this.receipts.has(name)) {
        this.take({ ...event, revision: parseRevision(name).revision + 1 });
        return;
      }
      this.receipts.add(name);
      const accepted = this.#isThere(event.versionId);
      if (accepted) this.outputs.add(name);
      const path = versionPath({ dataset: 'recipes', key, versionId: name });
      this.entry = withVerdict(decision.next, path, { accepted, parts: accepted ? 1 : 0 });
    } else this.entry = decision.next;
    for (const name of this.entry?.superseded ?? []) this.outputs.delete(name);
  }

  get shown(): string | undefined {
    return this.entry?.current?.type === 'created' ? this.entry.current.versionId : undefined;
  }
}

/** A key in a versioned bucket, newest first, and the events of it. */
class RawKey {
  versions: LatestVersion[] = [];
  readonly events: SyntheticEvent[] = [];
  #count = 0;

  do(what: 'put' | 'delete' | 'removeNewest'): void {
    this.#count += 1;
    const sequencer = (0xa000 + this.#count).toString(16);
    const event = { key, revision: 0, sequencer, size: undefined, permanent: false };
    const versionId = `v${this.#count}`;
    if (what === 'put') {
      this.versions.unshift({ versionId, deleted: false, size: 1 });
      this.events.push({ ...event, type: 'created', versionId });
    } else if (what === 'delete') {
      this.versions.unshift({ versionId, deleted: true });
      this.events.push({ ...event, type: 'deleted', versionId });
    } else {
      const gone = this.versions.shift();
      if (gone) this.events.push({ ...event, type: 'deleted', versionId: gone.versionId, permanent: true });
    }
  }
}

function swept(raw: RawKey, { entry, receipts }: Pipeline) {
  return missedEvent(recipes, raw.versions[0], entry, (versionId) => nextRevision(receipts, versionId));
}

const operations = fc.array(fc.constantFrom('put', 'put', 'delete', 'removeNewest' as const), {
  minLength: 1,
  maxLength: 8,
});

describe('changes in the raw bucket that the ledger missed', () => {
  test('a directory marker is none, though the ledger knows nothing of it', () => {
    const marker: LatestVersion = { versionId: 'v1', deleted: false, size: 0 };
    const missed = (at: string) => missedEvent({ ...recipes, key: at }, marker, undefined, () => 1)?.missed;
    expect([missed('recipes/2026/'), missed('recipes/a.json')]).toEqual([undefined, 'never_seen']);
  });

  test('after a sweep the tables show what the raw bucket shows, whatever events were lost', () => {
    fc.assert(
      fc.property(operations, fc.infiniteStream(fc.boolean()), (all, isLost) => {
        const raw = new RawKey();
        const pipeline = new Pipeline();
        for (const what of all) raw.do(what as 'put');
        for (const event of raw.events) if (!isLost.next().value) pipeline.take(event);
        settle(raw, pipeline);
      }),
    );
  });

  test('after a sweep the tables show what the raw bucket shows, even if a version was removed before it was read', () => {
    fc.assert(
      fc.property(operations, fc.infiniteStream(fc.boolean()), (all, isLost) => {
        const raw = new RawKey();
        const pipeline = new Pipeline((id) => raw.versions.some(({ versionId }) => versionId === id));
        for (const what of all) raw.do(what as 'put');
        for (const event of raw.events) if (!isLost.next().value) pipeline.take(event);
        settle(raw, pipeline);
      }),
      { numRuns: 3000 },
    );
  });

  test('after a sweep the tables show what the raw bucket shows, even if the lost events come later in any order', () => {
    fc.assert(
      fc.property(
        operations,
        fc.infiniteStream(fc.boolean()),
        fc.infiniteStream(fc.nat()),
        (all, isLate, order) => {
          const raw = new RawKey();
          const pipeline = new Pipeline();
          for (const what of all) raw.do(what as 'put');
          const late = raw.events.filter((event) => {
            const keep = isLate.next().value as boolean;
            if (!keep) pipeline.take(event);
            return keep;
          });
          settle(raw, pipeline);
          const places = new Map(late.map((event) => [event, order.next().value as number]));
          for (const event of late.sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0)))
            pipeline.take(event);
          settle(raw, pipeline);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a sweep without lost events finds only older versions that S3 shows again', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('put', 'delete' as const), { maxLength: 8 }), (all) => {
        const raw = new RawKey();
        const pipeline = new Pipeline();
        for (const what of all) raw.do(what as 'put');
        for (const event of raw.events) pipeline.take(event);
        expect(swept(raw, pipeline)).toBeUndefined();
      }),
    );
  });

  test('the rows of a deleted object stay if its dataset keeps them', () => {
    const entry: LedgerEntry = {
      dataset: 'recipes',
      key,
      current: { type: 'created', sequencer: '10', versionId: 'v1' },
      attempts: [],
      superseded: [],
    };
    const marker = { versionId: 'm', deleted: true };
    expect(missedEvent({ key, onDelete: 'keep' }, marker, entry, () => 0)).toBeUndefined();
    expect(missedEvent(recipes, marker, entry, () => 0)?.missed).toBe('not_retracted');
  });
});

test('a sweep removes the output of a newer version that was deleted for good after a deletion took effect', () => {
  const pipeline = new Pipeline();
  pipeline.entry = {
    dataset: 'recipes',
    key,
    current: { type: 'deleted', sequencer: '10', versionId: 'm' },
    attempts: [
      {
        sequencer: '20',
        versionId: 'v2',
        status: 'rejected',
        message: '',
        invocation: '',
        codeVersion: '',
        leaseUntil: 0,
        parts: 0,
      },
    ],
    superseded: [],
  };
  const missed = () => missedEvent(recipes, { versionId: 'm', deleted: true }, pipeline.entry, () => 0);
  const found = missed();
  expect(found?.missed).toBe('not_retracted');
  if (found !== undefined) pipeline.take(found.event);
  expect(missed()).toBeUndefined();
});

/** Sweeps once: then nothing is amiss, and the outputs of what is shown are there. */
function settle(raw: RawKey, pipeline: Pipeline): void {
  const found = swept(raw, pipeline);
  if (found) pipeline.take(found.event);
  expect(swept(raw, pipeline)).toBeUndefined();
  const [latest] = raw.versions;
  const wanted = latest === undefined || latest.deleted ? undefined : latest.versionId;
  const { shown } = pipeline;
  expect(shown && parseRevision(shown).versionId).toBe(wanted);
  expect([...pipeline.outputs]).toEqual(shown === undefined ? [] : [shown]);
}

describe('synthetic events', () => {
  const name = fc.record({
    versionId: fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/),
    revision: fc.integer({ min: 0, max: 9000 }),
  });

  test('the stages read them with the intended meaning', () => {
    const event = fc.record({
      type: fc.constantFrom('created' as const, 'deleted' as const),
      key: fc.string({ minLength: 1, unit: 'binary' }),
      versionId: fc.string({ minLength: 1 }),
      revision: fc.integer({ min: 0, max: 9999 }),
      sequencer: fc.stringMatching(/^[0-9A-F]{1,20}$/),
      size: fc.option(fc.nat(), { nil: undefined }),
      permanent: fc.boolean(),
    });
    fc.assert(
      fc.property(event, (any) => {
        const sent: SyntheticEvent = any.type === 'created' ? { ...any, permanent: false } : any;
        const body = toQueueMessage('raw', sent, 'Sweep', 0);
        expect(parseObjectEvent(body)).toEqual({
          ...sent,
          bucket: 'raw',
          reason: 'Sweep',
          time: '1970-01-01T00:00:00.000Z',
        } satisfies ObjectEvent);
        // "Amazon SQS API Reference: SendMessage" lists the characters that a body may have.
        expect(body).not.toMatch(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
      }),
    );
  });

  test('a redelivered event has the same version and revision', () => {
    fc.assert(
      fc.property(name, ({ versionId, revision }) => {
        const sequencer = 'A0';
        const event = redeliverEvent(key, { versionId: revisionName(versionId, revision), sequencer }, 5);
        expect(event).toMatchObject({ key, versionId, revision, sequencer, size: 5, type: 'created' });
      }),
    );
  });

  test('a version is reprocessed in a revision above every existing one', () => {
    fc.assert(
      fc.property(name, fc.array(fc.integer({ min: 0, max: 9000 })), ({ versionId, revision }, others) => {
        const there = others.map((each) => versionSegment(revisionName(versionId, each)));
        const version = { versionId: revisionName(versionId, revision), sequencer: 'A0' };
        const event = reprocessEvent(key, version, ['other!0500', ...there]);
        expect(event.revision).toBe(Math.max(revision, ...others) + 1);
      }),
    );
  });

  test('a version that has reached the last revision is not reprocessed', () => {
    expect(() => reprocessEvent(key, { versionId: 'v!9999', sequencer: 'A0' }, [])).toThrow(
      'Upload it again',
    );
  });
});

const path = versionPath({ dataset: 'recipes', key, versionId: 'v1' });

test('exactly the parts without a receipt are untransformed', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 6 }), (isDone) => {
      const parts = isDone.map((_, part) => ({ key: partKey(path, part), records: 1, bytes: 1 }));
      const receipts = isDone.flatMap((done, part) => (done ? [transformationReceiptKey(path, part)] : []));
      expect(untransformed(path, { parts }, new Set(receipts))).toEqual(
        isDone.flatMap((done, part) => (done ? [] : [partKey(path, part)])),
      );
    }),
  );
});

test('of a published version, what a sink does not show yet is asked for again, by its document', () => {
  const active = { type: 'created', sequencer: '10', versionId: 'v1' } as const;
  const isLoaded = fc.array(fc.boolean(), { maxLength: 5 });
  fc.assert(
    fc.property(isLoaded, fc.boolean(), fc.boolean(), (loaded, isCommitted, isMarked) => {
      const parts = loaded.length;
      // A version without parts has one document.
      const documents = parts === 0 ? [false] : loaded;
      const entry: LedgerEntry = {
        dataset: 'recipes',
        key,
        current: active,
        attempts: [],
        superseded: [],
        ...(isCommitted && { committed: active }),
        ...(isMarked && { loaded: active }),
      };
      const receipts = documents.flatMap((done, part) => (done ? [loadingReceiptKey(path, part)] : []));
      const found = unsettled(path, parts, entry, new Set(receipts));
      const last = publicationKey(path, documents.length - 1, parts);
      const of = (stage: string) => found.filter((each) => each.stage === stage).map((each) => each.key);
      expect(of('commit')).toEqual(isCommitted ? [] : [last]);
      const missing = documents.flatMap((done, part) => (done ? [] : [publicationKey(path, part, parts)]));
      expect(of('loading')).toEqual(missing.length > 0 || isMarked ? missing : [last]);
    }),
  );
});
