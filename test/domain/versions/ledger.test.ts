import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  type Claim,
  type Decision,
  decide,
  isSettled,
  isShownBy,
  type LedgerEntry,
  mayBeForgotten,
  withCommitted,
  withLoaded,
  withoutSuperseded,
} from '../../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import {
  withExtracted,
  withTransformed,
  withVerdict,
} from '../../../domain/versions/publishing/conclusion.ts';

const key = 'recipes/a.json';
const claim: Claim = {
  dataset: 'recipes',
  onDelete: 'retract',
  message: 'M1',
  invocation: 'me',
  codeVersion: 'c1',
  now: 1000,
  deadline: 1900,
};

function created(versionId: string, sequencer: string, revision = 0): ObjectEvent {
  return {
    type: 'created',
    bucket: 'raw',
    key,
    versionId,
    revision,
    sequencer,
    size: 1,
    permanent: false,
    reason: 'PutObject',
    time: '',
  };
}

function deleted(versionId: string, sequencer: string, permanent = false): ObjectEvent {
  return { ...created(versionId, sequencer), type: 'deleted', size: undefined, permanent };
}

const none: LedgerEntry = { dataset: 'recipes', key, attempts: [], superseded: [] };
const shows = (versionId: string, sequencer: string, rest: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...none,
  current: { type: 'created', sequencer, versionId },
  ...rest,
});
/** The same, as it is written when a version without parts is accepted. */
const concluded = (versionId: string, sequencer: string, rest: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...shows(versionId, sequencer, rest),
  current: { type: 'created', sequencer, versionId, parts: 0 },
});
const isDeleted = (sequencer: string, rest: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...none,
  current: { type: 'deleted', sequencer, versionId: 'marker' },
  ...rest,
});
/** When others began. */
const BEGUN = 700;
const extracting = (
  versionId: string,
  sequencer: string,
  leaseUntil = 1500,
  invocation = 'other',
  message = 'M1',
  codeVersion = 'c1',
) =>
  ({
    sequencer,
    versionId,
    status: 'extracting',
    message,
    invocation,
    codeVersion,
    leaseUntil,
    begunAt: invocation === 'me' ? claim.now : BEGUN,
    parts: 0,
  }) as const;
const rejected = (versionId: string, sequencer: string, parts = 0) =>
  ({
    sequencer,
    versionId,
    status: 'rejected',
    message: '',
    invocation: '',
    codeVersion: '',
    leaseUntil: 0,
    parts,
  }) as const;

describe('the decision about an event', () => {
  const mine = extracting('v2', '20', 1900, 'me');
  const retracted = { type: 'deleted', sequencer: '20', versionId: 'marker' } as const;

  test.each<[string, LedgerEntry | undefined, ObjectEvent, Decision]>([
    // A version, and what is known of its key.
    [
      'the first version of a key',
      undefined,
      created('v2', '20'),
      { action: 'extract', next: { ...none, attempts: [mine] } },
    ],
    [
      'a newer version',
      shows('v1', '10'),
      created('v2', '20'),
      { action: 'extract', next: shows('v1', '10', { attempts: [mine] }) },
    ],
    ['an older version', shows('v3', '30'), created('v2', '20'), { action: 'stale' }],
    ['a version that is shown', shows('v2', '20'), created('v2', '20'), { action: 'duplicate' }],
    [
      'a version that a sweep put too far down, when its own event comes after all',
      shows('v2!0001', '1001'),
      created('v2', '20'),
      {
        action: 'extract',
        next: shows('v2!0001', '1001', { attempts: [extracting('v2!0002', '20', 1900, 'me')] }),
      },
    ],
    [
      'a version that was rejected',
      shows('v1', '10', { attempts: [rejected('v2', '20')] }),
      created('v2', '20'),
      { action: 'duplicate' },
    ],
    [
      'a version older than a rejected one, and newer than what is shown',
      shows('v1', '10', { attempts: [rejected('v3', '30')] }),
      created('v2', '20'),
      { action: 'extract', next: shows('v1', '10', { attempts: [rejected('v3', '30'), mine] }) },
    ],
    [
      'a version that another message is at',
      { ...none, attempts: [extracting('v2', '20', 1500, 'other', 'M2')] },
      created('v2', '20'),
      { action: 'duplicate' },
    ],
    [
      'a version that the same message is at, which was delivered twice',
      { ...none, attempts: [extracting('v2', '20')] },
      created('v2', '20'),
      { action: 'wait', until: 1500 },
    ],
    [
      'a version whose lease has run out',
      { ...none, attempts: [extracting('v2', '20', 1000)] },
      created('v2', '20'),
      { action: 'extract', next: { ...none, attempts: [{ ...mine, begunAt: BEGUN }] } },
    ],
    [
      'a version that the code before a deploy left undone',
      { ...none, attempts: [extracting('v2', '20', 1000, 'other', 'M1', 'c0')] },
      created('v2', '20'),
      {
        action: 'extract',
        next: { ...none, attempts: [extracting('v2!0001', '20', 1900, 'me')], superseded: ['v2'] },
      },
    ],
    [
      'a version that the code before a deploy is still at',
      { ...none, attempts: [extracting('v2', '20', 1500, 'other', 'M1', 'c0')] },
      created('v2', '20'),
      { action: 'wait', until: 1500 },
    ],
    [
      'a version that was taken up in a later revision, and left undone',
      { ...none, attempts: [extracting('v2!0001', '20', 1000)], superseded: ['v2'] },
      created('v2', '20'),
      {
        action: 'extract',
        next: {
          ...none,
          attempts: [{ ...mine, versionId: 'v2!0001', begunAt: BEGUN }],
          superseded: ['v2'],
        },
      },
    ],
    [
      "one's own claim, whose answer was lost",
      { ...none, attempts: [extracting('v2', '20', 1900, 'me')] },
      created('v2', '20'),
      { action: 'extract', next: { ...none, attempts: [mine] } },
    ],
    [
      'a version beside an older one under way',
      { ...none, attempts: [extracting('v1', '10')] },
      created('v2', '20'),
      { action: 'extract', next: { ...none, attempts: [extracting('v1', '10'), mine] } },
    ],
    ['a version that was deleted meanwhile', isDeleted('30'), created('v2', '20'), { action: 'stale' }],
    [
      'a version that was put again after a deletion',
      isDeleted('10'),
      created('v2', '20'),
      { action: 'extract', next: isDeleted('10', { attempts: [mine] }) },
    ],
    [
      'a sequencer that is longer, and newer',
      shows('v1', '2'),
      created('v2', '200001'),
      { action: 'extract', next: shows('v1', '2', { attempts: [{ ...mine, sequencer: '200001' }] }) },
    ],
    // Another revision of a version.
    [
      'a new revision of what is shown',
      shows('v2', '20'),
      created('v2', '20', 1),
      { action: 'extract', next: shows('v2', '20', { attempts: [extracting('v2!0001', '20', 1900, 'me')] }) },
    ],
    ['a revision that is shown', shows('v2!0001', '20'), created('v2', '20', 1), { action: 'duplicate' }],
    [
      'a revision below the one that is shown',
      shows('v2!0002', '20'),
      created('v2', '20', 1),
      { action: 'stale' },
    ],
    [
      'the event itself, after a new revision',
      shows('v2!0001', '20'),
      created('v2', '20'),
      { action: 'stale' },
    ],
    ['a revision of what was overwritten', shows('v3', '30'), created('v2', '20', 1), { action: 'stale' }],
    // A deletion.
    [
      'a deletion of a key nobody knows',
      undefined,
      deleted('marker', '20'),
      { action: 'retract', next: { ...none, current: retracted } },
    ],
    [
      'a deletion of what is shown',
      shows('v1', '10'),
      deleted('marker', '20'),
      { action: 'retract', next: { ...none, current: retracted, superseded: ['v1'] } },
    ],
    [
      'a deletion of what is under way',
      { ...none, attempts: [extracting('v1', '10')] },
      deleted('marker', '20'),
      { action: 'retract', next: { ...none, current: retracted, superseded: ['v1'] } },
    ],
    [
      'a deletion older than what is under way',
      shows('v1', '10', { attempts: [extracting('v3', '30')] }),
      deleted('marker', '20'),
      {
        action: 'retract',
        next: { ...none, current: retracted, attempts: [extracting('v3', '30')], superseded: ['v1'] },
      },
    ],
    ['a deletion older than what is shown', shows('v3', '30'), deleted('marker', '20'), { action: 'stale' }],
    [
      'a deletion that a sweep had made up for, and put too far down',
      isDeleted('15', { attempts: [extracting('v1', '17')] }),
      deleted('marker', '20'),
      { action: 'retract', next: { ...none, current: retracted, superseded: ['v1'] } },
    ],
    [
      'the event of a version that a sweep had made up for, and that is done anew under its own sequencer',
      { ...none, attempts: [extracting('v2', '15', 900)] },
      created('v2', '20'),
      {
        action: 'extract',
        next: { ...none, attempts: [{ ...mine, versionId: 'v2!0001' }], superseded: ['v2'] },
      },
    ],
    [
      'the event of a version that was rejected when a sweep had made up for it',
      { ...none, attempts: [rejected('v2', '15')] },
      created('v2', '20'),
      {
        action: 'extract',
        next: { ...none, attempts: [{ ...mine, versionId: 'v2!0001' }], superseded: ['v2'] },
      },
    ],
    [
      'the same, while somebody works on it',
      { ...none, attempts: [extracting('v2', '15')] },
      created('v2', '20'),
      { action: 'wait', until: 1500 },
    ],
    [
      'a version of which a sweep has made a revision: its own sequencer counts',
      shows('v2', '20'),
      created('v2', '15', 1),
      {
        action: 'extract',
        next: shows('v2', '20', { attempts: [{ ...mine, versionId: 'v2!0001' }] }),
      },
    ],
    [
      'a version whose name is about to be removed',
      isDeleted('10', { superseded: ['v2'] }),
      created('v2', '20'),
      {
        action: 'extract',
        next: isDeleted('10', { attempts: [{ ...mine, versionId: 'v2!0001' }], superseded: ['v2'] }),
      },
    ],
    ['a deletion that was carried out', isDeleted('20'), deleted('marker', '20'), { action: 'duplicate' }],
    [
      'a deletion that was carried out, sent again above a newer version that was gone before it was read',
      isDeleted('20', { attempts: [rejected('v3', '30')] }),
      deleted('marker', '30000'),
      { action: 'retract', next: isDeleted('30000', { superseded: ['v3'] }) },
    ],
    [
      'the removal of a delete marker that was carried out',
      isDeleted('20'),
      deleted('marker', '30', true),
      { action: 'duplicate' },
    ],
    ['an old version that expires', shows('v2', '20'), deleted('v1', '30', true), { action: 'stale' }],
    [
      'the version that is shown, deleted for good',
      shows('v2', '10'),
      deleted('v2', '20', true),
      {
        action: 'retract',
        next: { ...none, current: { ...retracted, sequencer: '10', versionId: 'v2' }, superseded: ['v2'] },
      },
    ],
    [
      'the version that is shown in a later revision, deleted for good',
      shows('v2!0001', '10', { attempts: [extracting('v2!0002', '10')] }),
      deleted('v2', '20', true),
      {
        action: 'retract',
        next: {
          ...none,
          current: { ...retracted, sequencer: '10', versionId: 'v2' },
          superseded: ['v2!0002', 'v2!0001'],
        },
      },
    ],
    [
      'a version under way, deleted for good',
      shows('v1', '10', { attempts: [extracting('v2', '15')] }),
      deleted('v2', '20', true),
      { action: 'retract', next: shows('v1', '10', { superseded: ['v2'] }) },
    ],
    [
      'what a sweep has deleted since nothing is left of the version, which is shown in a later revision',
      shows('v1!0001', '10'),
      deleted('v1', '1001'),
      {
        action: 'retract',
        next: {
          ...none,
          current: { type: 'deleted', sequencer: '1001', versionId: 'v1' },
          superseded: ['v1!0001'],
        },
      },
    ],
    [
      'the same of a later revision that was rejected',
      { ...none, attempts: [rejected('v1!0001', '10')] },
      deleted('v1', '1001'),
      {
        action: 'retract',
        next: {
          ...none,
          current: { type: 'deleted', sequencer: '1001', versionId: 'v1' },
          superseded: ['v1!0001'],
        },
      },
    ],
    [
      'the last good version, which expires since a rejected one came after it',
      shows('v1', '10', { attempts: [rejected('v2', '20')] }),
      { ...deleted('v1', '30', true), reason: 'Lifecycle Expiration' },
      { action: 'stale' },
    ],
    [
      'a version newer than one that was deleted for good, whose event comes late',
      { ...none, current: { type: 'deleted', sequencer: '10', versionId: 'v1' } },
      created('v2', '20'),
      {
        action: 'extract',
        next: { ...none, current: { type: 'deleted', sequencer: '10', versionId: 'v1' }, attempts: [mine] },
      },
    ],
    [
      'the event of a version that was deleted for good',
      { ...none, current: { type: 'deleted', sequencer: '20', versionId: 'v2' } },
      created('v2', '20'),
      { action: 'stale' },
    ],
  ])('%s', (_, known, event, decision) => {
    expect(decide(known, event, claim)).toEqual(decision);
  });

  it.each([
    ['deleted', deleted('marker', '20')],
    ['deleted for good', deleted('v1', '20', true)],
  ])('leaves the rows of objects that are %s alone if the dataset keeps them', (_, event) => {
    expect(decide(shows('v1', '10'), event, { ...claim, onDelete: 'keep' })).toEqual({ action: 'keep' });
  });
});

describe('a name that has receipts and that no entry knows', () => {
  const nameOf = (decision: Decision) =>
    decision.action === 'extract' ? decision.next.attempts.at(-1)?.versionId : decision.action;

  test('a new version gets the next free name', () => {
    const used = ['v1', 'v1!0001'];
    expect(nameOf(decide(none, created('v1', '10'), { ...claim, used }))).toBe('v1!0002');
  });

  test('so does a version whose extraction other code has begun', () => {
    const known = { ...none, attempts: [{ ...extracting('v1', '10', 900), codeVersion: 'older' }] };
    expect(nameOf(decide(known, created('v1', '10'), claim))).toBe('v1!0001');
    const used = ['v1!0001'];
    const decision = decide(known, created('v1', '10'), { ...claim, used });
    expect(nameOf(decision)).toBe('v1!0002');
    expect(decision).toMatchObject({ next: { superseded: ['v1!0001', 'v1'] } });
  });

  test('a version that has used the last of its names gets no other, and the error says what to do', () => {
    const last = shows('v2', '20', { superseded: ['v1!9998', 'v1!9999'] });
    const asked = created('v1', '30', 9998);
    expect(() => decide(last, asked, claim)).toThrow(
      'Version v1 has been processed 9999 times, the maximum. Upload its object again.',
    );
  });
});

const path = { dataset: 'recipes', objectId: 'o' };

describe('a version that is decided about', () => {
  const attempts = [extracting('v2', '20')];
  test.each<[string, LedgerEntry, boolean, LedgerEntry | undefined]>([
    [
      'replaces the one before',
      shows('v1', '10', { attempts }),
      true,
      concluded('v2', '20', { superseded: ['v1'] }),
    ],
    [
      'leaves the last good one active if none of its records is usable',
      shows('v1', '10', { attempts }),
      false,
      shows('v1', '10', { attempts: [rejected('v2', '20')] }),
    ],
    [
      'takes older attempts with it',
      { ...none, attempts: [extracting('v1', '10'), ...attempts] },
      true,
      concluded('v2', '20', { superseded: ['v1'] }),
    ],
    [
      'leaves newer attempts',
      { ...none, attempts: [rejected('v3', '30'), ...attempts] },
      true,
      concluded('v2', '20', { attempts: [rejected('v3', '30')] }),
    ],
    [
      'gives way to a newer rejected one',
      { ...none, attempts: [rejected('v3', '30'), ...attempts] },
      false,
      { ...none, attempts: [rejected('v3', '30')], superseded: ['v2'] },
    ],
    ['was overtaken', shows('v3', '30', { superseded: ['v2'] }), true, undefined],
    ['was concluded before', shows('v2', '20'), true, shows('v2', '20')],
  ])('%s', (_, known, accepted, expected) => {
    expect(withVerdict(known, { ...path, version: 'v2' }, { accepted, parts: 0 })).toEqual(expected);
  });

  it('supersedes an earlier revision that was being extracted, even if none of its own records is usable', () => {
    const known = { ...none, attempts: [extracting('v2', '20'), extracting('v2!0001', '20')] };
    expect(withVerdict(known, { ...path, version: 'v2!0001' }, { accepted: false, parts: 0 })).toEqual({
      ...none,
      attempts: [rejected('v2!0001', '20')],
      superseded: ['v2'],
    });
  });
});

describe('a version that is extracted', () => {
  const extraction = { read: 3, rejected: 1 };
  const known = shows('v1', '10', { attempts: [extracting('v2', '20')] });
  const v2 = { ...path, version: 'v2' };
  const extracted = withExtracted(known, v2, { parts: 2, extraction });

  it('leaves the one before active, and is not extracted again', () => {
    expect(extracted).toMatchObject({
      current: { versionId: 'v1' },
      attempts: [{ versionId: 'v2', status: 'extracted', leaseUntil: 0, parts: 2, extraction }],
    });
    expect(decide(extracted, created('v2', '20'), claim)).toEqual({ action: 'duplicate' });
    expect(withExtracted(extracted ?? none, v2, { parts: 9, extraction })).toBe(extracted);
  });

  it('is extracted again, under another name, if its event comes with another sequencer', () => {
    const decision = decide(extracted, created('v2', '25'), claim);
    expect(decision).toMatchObject({
      next: { attempts: [{ versionId: 'v2!0001', status: 'extracting' }], superseded: ['v2'] },
    });
  });

  it('is overtaken by a newer version, and by a deletion', () => {
    const newer = { ...known, attempts: [...(extracted?.attempts ?? []), extracting('v3', '30')] };
    const overtaken = withVerdict(newer, { ...path, version: 'v3' }, { accepted: true, parts: 0 });
    expect(overtaken).toMatchObject({ attempts: [], superseded: ['v1', 'v2'] });
    expect(withVerdict(overtaken ?? none, v2, { accepted: true, parts: 2 })).toBeUndefined();
    expect(decide(extracted, deleted('marker', '30'), claim)).toMatchObject({
      next: { current: { type: 'deleted' }, attempts: [], superseded: ['v1', 'v2'] },
    });
  });

  it('knows whether a part of it was transformed before, and only that', () => {
    const ahead = withTransformed(known, v2);
    expect(ahead.attempts).toMatchObject([{ status: 'extracting', ahead: true }]);
    expect(withTransformed(ahead, v2)).toBe(ahead);
    expect(withTransformed(extracted ?? none, v2)).toBe(extracted);
    expect(withExtracted(ahead, v2, { parts: 2, extraction })?.attempts).toMatchObject([{ ahead: true }]);
  });

  it('has what is amiss of it in the entry, be it accepted or not', () => {
    const fault = { code: 'too_many_rejects', message: 'm' };
    expect(withVerdict(extracted ?? none, v2, { accepted: false, fault, parts: 2 })).toEqual({
      ...shows('v1', '10'),
      attempts: [{ ...rejected('v2', '20'), parts: 2, fault }],
    });
    expect(withVerdict(extracted ?? none, v2, { accepted: true, fault, parts: 2 })).toEqual({
      ...none,
      current: { type: 'created', versionId: 'v2', sequencer: '20', parts: 2, fault },
      superseded: ['v1'],
    });
  });
});

describe('the ledger entry', () => {
  it('may have forgotten only versions that are older than a rejected one', () => {
    const known = shows('v1', '10', { attempts: [rejected('v4', '40'), extracting('v3', '30')] });
    const may = (versionId: string, sequencer: string) => mayBeForgotten(known, { versionId, sequencer });
    expect([may('v2', '20'), may('v3', '30'), may('v4', '40'), may('v5', '50')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(mayBeForgotten(none, { versionId: 'v2', sequencer: '20' })).toBe(false);
  });

  it('forgets superseded versions only once their output was removed', () => {
    expect(
      withoutSuperseded(shows('v4', '40', { superseded: ['v1', 'v2', 'v3'] }), ['v1', 'v3']).superseded,
    ).toEqual(['v2']);
  });

  const shown = (versionId: string, sequencer: string) =>
    ({ type: 'created', sequencer, versionId }) as const;

  it('is settled when the table, MySQL and the archive show what is active', () => {
    const v1 = shown('v1', '10');
    const active = shows('v1', '10');
    expect(isSettled(none)).toBe(true);
    expect([active, { ...active, committed: v1 }, { ...active, loaded: v1 }].map(isSettled)).toEqual([
      false,
      false,
      false,
    ]);
    expect(isSettled({ ...active, committed: v1, loaded: v1 })).toBe(true);
    // The same version under another sequencer, and its deletion, are other events.
    for (const other of [shown('v1', '11'), { ...v1, type: 'deleted' } as const])
      expect(isSettled({ ...active, committed: v1, loaded: other })).toBe(false);
    expect(isSettled({ ...active, dataset: '_unknown' })).toBe(true);
  });

  it('takes what was loaded only of the active event', () => {
    const known = shows('v2', '20', { loaded: shown('v1', '10') });
    expect(withLoaded(known, shown('v1', '10'))).toBe(known);
    const loaded = withLoaded(known, shown('v2', '20'));
    expect(loaded.loaded).toEqual(shown('v2', '20'));
    expect(withLoaded(loaded, shown('v2', '20'))).toBe(loaded);
  });

  it('takes what was committed even if it was overtaken, but never over a later commit', () => {
    const at = (versionId: string, sequencer: string, sequence?: number) => ({
      ...shown(versionId, sequencer),
      ...(sequence !== undefined && { snapshot: `s${sequence}`, sequence }),
    });
    const known = shows('v3', '30');
    const first = withCommitted(known, at('v2', '20', 7));
    expect(first.committed).toEqual(at('v2', '20', 7));
    expect(isShownBy('committed', first)).toBe(false);
    const second = withCommitted(first, at('v3', '30', 9));
    expect(isShownBy('committed', second)).toBe(true);
    for (const earlier of [at('v2', '20', 7), at('v2', '20'), at('v1', '10', 8)])
      expect(withCommitted(second, earlier)).toBe(second);
    // Tables of CSV have no snapshots.
    const copied = withCommitted(known, at('v2', '20'));
    expect(withCommitted(copied, at('v3', '30')).committed).toEqual(at('v3', '30'));
  });

  it('ends with the newest effective event, in whatever order and however often events come', () => {
    const change = fc.constantFrom('good', 'bad', 'delete');
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        (changes, chance) => {
          const events = changes.map((what, n) => {
            const sequencer = (n + 16).toString(16).toUpperCase();
            return {
              what,
              event: what === 'delete' ? deleted(`m${n}`, sequencer) : created(`v${n}`, sequencer),
            };
          });
          const deliveries = [...events, ...events]
            .map((each) => ({ each, at: chance.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at);
          let known: LedgerEntry | undefined;
          for (const { each } of deliveries) {
            const decision = decide(known, each.event, claim);
            if ('next' in decision) known = decision.next;
            const claimed = known?.attempts.at(-1)?.versionId ?? '';
            if (known && decision.action === 'extract')
              known =
                withVerdict(
                  known,
                  { ...path, version: claimed },
                  { accepted: each.what === 'good', parts: 0 },
                ) ?? known;
          }
          const last = events.findLast(({ what }) => what !== 'bad');
          const expected = last && {
            type: last.event.type,
            sequencer: last.event.sequencer,
            versionId: last.event.versionId,
            ...(last.what === 'good' && { parts: 0 }),
          };
          expect(known?.current).toEqual(expected);
          const newer = events.slice(last ? events.indexOf(last) + 1 : 0).at(-1);
          expect(known?.attempts.map(({ versionId }) => versionId)).toEqual(
            newer ? [newer.event.versionId] : [],
          );
        },
      ),
    );
  });
});
