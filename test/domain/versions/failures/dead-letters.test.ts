import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { registry } from '../../../../datasets/index.ts';
import { stages } from '../../../../domain/stage.ts';
import {
  type DeadLetter,
  deadLetterPlaces,
  isReturnOf,
  receiptKeyOf,
  standingOf,
} from '../../../../domain/versions/failures/dead-letter.ts';
import {
  canariesOf,
  type DeadLetterSelection,
  everything,
  grouped,
  isEverything,
  selected,
} from '../../../../domain/versions/failures/selection.ts';
import { deletionKey, partKey, publicationKey, versionPath } from '../../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../../../domain/versions/object-event.ts';

const times = fc.integer({ min: 1, max: 9 });
const letters: fc.Arbitrary<DeadLetter[]> = fc.uniqueArray(
  fc.record({
    id: fc.uuid(),
    stage: fc.constantFrom(...stages),
    place: fc.constantFrom(...deadLetterPlaces),
    body: fc.constantFrom('a', 'b'),
    key: fc.constantFrom('recipes/a.json', 'recipes/b.json', undefined),
    dataset: fc.constantFrom('recipes', 'passengers', undefined),
    versionId: fc.constant('v1'),
    attempts: times,
    sentAt: times,
    firstFailure: fc.option(times, { nil: undefined }),
    lastFailure: fc.option(times, { nil: undefined }),
    expiresAt: times,
    code: fc.constantFrom('storage', 'database', 'no_note'),
    reason: fc.constantFrom('one', 'two'),
    standing: fc.constantFrom('open' as const, 'done' as const, 'superseded' as const),
  }),
  { selector: ({ id }) => id, maxLength: 12 },
);
const some = <Value>(...values: Value[]) => fc.subarray(values);
const selections: fc.Arbitrary<DeadLetterSelection> = fc.record({
  codes: some('storage', 'database'),
  datasets: some('recipes'),
  keys: some('recipes/a.json'),
  messages: some('a', '1', 'f'),
  since: fc.integer({ min: 0, max: 9 }),
  limit: fc.constantFrom(0, 1, 3, Number.POSITIVE_INFINITY),
});

describe('a selection of dead letters', () => {
  test('has only messages that match each of its parts, and every one unless there is a limit', () => {
    fc.assert(
      fc.property(letters, selections, (all, selection) => {
        const isMeant = (each: DeadLetter) =>
          (selection.codes.length === 0 || selection.codes.includes(each.code)) &&
          (selection.datasets.length === 0 || selection.datasets.includes(each.dataset ?? '')) &&
          (selection.keys.length === 0 || selection.keys.includes(each.key ?? '')) &&
          (selection.messages.length === 0 || selection.messages.some((id) => each.id.startsWith(id))) &&
          (each.lastFailure ?? each.sentAt) >= selection.since;
        const chosen = selected(all, selection);
        expect(chosen.every(isMeant)).toBe(true);
        expect(chosen).toHaveLength(Math.min(all.filter(isMeant).length, selection.limit));
      }),
    );
  });

  test('takes the oldest first, whatever order they were received in', () => {
    fc.assert(
      fc.property(letters, selections, (all, selection) => {
        const chosen = selected(all, selection);
        expect(selected(all.toReversed(), selection)).toEqual(chosen);
        expect(chosen.map(({ sentAt }) => sentAt)).toEqual(chosen.map(({ sentAt }) => sentAt).sort());
      }),
    );
  });

  test('is everything exactly if it can leave nothing out', () => {
    expect(isEverything(everything)).toBe(true);
    fc.assert(
      fc.property(letters, selections, (all, selection) => {
        if (isEverything(selection)) expect(selected(all, selection)).toHaveLength(all.length);
      }),
    );
    for (const part of [
      { codes: ['storage'] },
      { messages: ['a'] },
      { keys: ['k'] },
      { since: 1 },
      { limit: 5 },
    ])
      expect(isEverything({ ...everything, ...part })).toBe(false);
  });
});

test('every message is in exactly one group, together with messages of the same stage, reason and standing', () => {
  fc.assert(
    fc.property(letters, (all) => {
      const groups = grouped(all);
      expect(groups.flatMap((group) => group.letters.map(({ id }) => id)).sort()).toEqual(
        all.map(({ id }) => id).sort(),
      );
      for (const { stage, place, code, standing, letters: own } of groups)
        for (const each of own) expect(each).toMatchObject({ stage, place, code, standing });
      const names = groups.map(({ stage, place, code, standing }) => [stage, place, code, standing].join());
      expect(new Set(names).size).toBe(groups.length);
    }),
  );
});

test('the canaries are so many of each stage, and a finished message is one only if its stage has too few open ones', () => {
  fc.assert(
    fc.property(letters, fc.integer({ min: 1, max: 3 }), (all, n) => {
      const canaries = canariesOf(all, n);
      for (const stage of stages) {
        const own = all.filter((each) => each.stage === stage);
        const chosen = canaries.filter((each) => each.stage === stage);
        expect(chosen).toHaveLength(Math.min(n, own.length));
        const open = own.filter(({ standing }) => standing === 'open').length;
        expect(chosen.filter(({ standing }) => standing === 'open')).toHaveLength(Math.min(n, open));
      }
    }),
  );
});

test('a message has returned if it was sent again later, and not if it never left', () => {
  const sent = { body: 'a', sentAt: 5 };
  expect(isReturnOf({ body: 'a', sentAt: 6 }, sent)).toBe(true);
  expect(isReturnOf(sent, sent)).toBe(false);
  expect(isReturnOf({ body: 'b', sentAt: 6 }, sent)).toBe(false);
});

describe('the standing of a message', () => {
  const key = 'recipes/a.json';
  const event = (of: string, type: ObjectEvent['type'] = 'created'): ObjectEvent => ({
    type,
    bucket: 'b',
    key: of,
    versionId: 'v1',
    revision: 0,
    sequencer: '10',
    size: 1,
    permanent: false,
    reason: 'PutObject',
    time: '',
  });
  const shows = (versionId: string, sequencer: string, superseded: string[] = []): LedgerEntry => ({
    dataset: 'recipes',
    key,
    current: { type: 'created', sequencer, versionId },
    attempts: [],
    superseded,
  });
  const leased = (status: 'extracting' | 'rejected'): LedgerEntry => ({
    dataset: 'recipes',
    key,
    attempts: [
      {
        sequencer: '10',
        versionId: 'v1',
        status,
        message: 'm',
        invocation: 'i',
        codeVersion: 'c',
        leaseUntil: 9e15,
        parts: 0,
      },
    ],
    superseded: [],
  });
  const path = versionPath({ dataset: 'recipes', key, versionId: 'v1' });
  const part = event(partKey(path, 0));
  const published = event(publicationKey(path, 0, 1));
  const of = (
    stage: (typeof stages)[number],
    about: ObjectEvent,
    entry: LedgerEntry | undefined,
    hasReceipt = false,
  ) => standingOf(stage, about, registry, { entry, hasReceipt });

  test.each([
    ['open', 'the ledger does not know its key', undefined],
    ['open', 'an extraction began and never ended, whatever its lease says', leased('extracting')],
    ['done', 'its version was rejected', leased('rejected')],
    ['done', 'its version is active', shows('v1', '10')],
    ['superseded', 'a newer version is active', shows('v2', '20')],
    ['open', 'only an older version is active', shows('v0', '05')],
  ] as const)('an extraction is %s if %s', (standing, _, entry) => {
    expect(of('extraction', event(key), entry)).toBe(standing);
  });

  test.each([
    ['transformation', part],
    ['loading', published],
  ] as const)(
    'a piece of the %s is done with its receipt, and superseded with its version',
    (stage, piece) => {
      expect(of(stage, piece, shows('v1', '10'))).toBe('open');
      expect(of(stage, piece, shows('v1', '10'), true)).toBe('done');
      expect(of(stage, piece, shows('v2', '20', ['v1']), true)).toBe('superseded');
      expect(of(stage, piece, shows('v2', '20'))).toBe('superseded');
      expect(receiptKeyOf(stage, piece, registry)).toMatch(new RegExp(`^receipts/recipes/.*/v1/${stage}/`));
    },
  );

  test('what leaves no receipt is open: a commit, the loading of a deletion, and a key of no layout', () => {
    for (const [stage, about] of [
      ['commit', published],
      ['commit', event(deletionKey(path))],
      ['loading', event(deletionKey(path))],
      ['loading', event('other.txt')],
    ] as const) {
      expect(receiptKeyOf(stage, about, registry)).toBeUndefined();
      expect(of(stage, about, shows('v2', '20'), true)).toBe('open');
    }
  });
});
