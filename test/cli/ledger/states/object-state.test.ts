import { describe, expect, test } from 'vitest';
import { describeState, unknownFieldsText } from '../../../../cli/ledger/states/describe-state.ts';
import { isConserved, isFinal, stateOf } from '../../../../cli/ledger/states/object-state.ts';
import type { Attempt, LedgerEntry } from '../../../../domain/versions/ledger.ts';
import type { Receipt } from '../../../../domain/versions/receipt.ts';

const object = { dataset: 'recipes', key: 'recipes/a.json', versionId: 'v1' };
const work = {
  ...object,
  sequencer: '01',
  rejects: [],
  finishedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 10,
  codeVersion: 'c',
};
const stored = (key: string, records: number) => ({ key, records, bytes: 100 });
const extraction = (parts: number, extra: object = {}): Receipt => ({
  ...work,
  stage: 'extraction',
  bytes: 1,
  read: parts * 10,
  rejected: {},
  parts: Array.from({ length: parts }, (_, i) => stored(`part-${i}`, 10)),
  ...extra,
});
const transformation = (part: number, files: number, extra: object = {}): Receipt => ({
  ...work,
  stage: 'transformation',
  part,
  read: 10,
  written: 10,
  filtered: {},
  rejected: {},
  outputs: Array.from({ length: files }, (_, i) => stored(`file-${part}-${i}`, 5)),
  ...extra,
});
const loading = (part: number): Receipt => ({
  ...work,
  stage: 'loading',
  part,
  files: [{ key: `file-${part}-0`, archive: stored(`file-${part}-0`, 5) }],
});

/** The entry of the object once it is active, and what the sinks show of it. */
const active = (...shown: Array<'committed' | 'loaded'>): LedgerEntry => {
  const current = { type: 'created' as const, sequencer: '01', versionId: object.versionId };
  const sinks = Object.fromEntries(shown.map((sink) => [sink, current]));
  return { dataset: 'recipes', key: object.key, attempts: [], superseded: [], current, ...sinks };
};

/** The entry of the object while it is not active. */
const entryWith = (ended: Pick<Attempt, 'status' | 'parts' | 'fault'>): LedgerEntry => {
  const idle = { message: '', invocation: '', codeVersion: '', leaseUntil: 0 };
  const attempts = [{ sequencer: '01', versionId: object.versionId, ...idle, ...ended }];
  return { dataset: 'recipes', key: object.key, attempts, superseded: [] };
};

describe('the state of an object, by its receipts', () => {
  test.each<[string, Receipt[], object, LedgerEntry?]>([
    [
      'a whole version waits for its commit',
      [extraction(1), transformation(0, 2)],
      { stage: 'commit', finished: 0, pieces: 1 },
      active(),
    ],
    [
      'a committed version waits for the loading of its parts, though one of them is loaded',
      [extraction(2), transformation(0, 2), transformation(1, 1), loading(1)],
      { stage: 'loading', finished: 1, pieces: 2 },
      active('committed'),
    ],
    [
      'a loaded version waits for its commit',
      [extraction(1), transformation(0, 2), loading(0)],
      { stage: 'commit', finished: 0, pieces: 1 },
      active('loaded'),
    ],
    ['an object without receipts waits for extraction', [], { stage: 'extraction', finished: 0 }],
    [
      'an extracted object waits for the transformation of all parts',
      [extraction(2)],
      { stage: 'transformation', finished: 0, pieces: 2 },
    ],
    [
      'an object with one transformed part waits for the other',
      [extraction(2), transformation(0, 1)],
      { stage: 'transformation', finished: 1, pieces: 2 },
    ],
    [
      'an object that every sink shows is done',
      [extraction(1), transformation(0, 2), loading(0)],
      { stage: 'done', read: 10, written: 10 },
      active('committed', 'loaded'),
    ],
    [
      'an object with an empty array is done when it is extracted',
      [extraction(0)],
      { stage: 'done', read: 0 },
    ],
    [
      'an object that could not be read at all has failed',
      [extraction(0, { fault: { code: 'unknown_format', message: 'm' } })],
      { stage: 'failed', fault: { code: 'unknown_format', message: 'm' } },
    ],
    [
      'an object that could be read up to a fault is processed up to it',
      [
        extraction(1, { fault: { code: 'truncated', message: 'm' } }),
        transformation(0, 0, { written: 0, filtered: { old: 10 } }),
      ],
      { stage: 'done', fault: { code: 'truncated', message: 'm' }, filtered: { old: 10 } },
    ],
  ])('%s', (_, receipts, expected, entry) => {
    const state = stateOf(object, receipts, entry);
    expect(state).toMatchObject(expected);
    expect(isFinal(state)).toBe(['done', 'failed'].includes(state.stage));
  });

  const attempt = (leaseUntil: number) => ({
    ...{ sequencer: '01', versionId: 'v1', status: 'extracting' as const, message: 'm', invocation: 'i' },
    ...{ codeVersion: 'c', leaseUntil, parts: 0 },
  });
  test.each([
    ['while its lease lasts', Date.now() + 60_000, true],
    ['but not after its lease', Date.now() - 60_000, false],
  ])(
    'a claimed object is being extracted %s, and shows the records of its finished parts',
    (_, until, extracting) => {
      const entry = { dataset: 'recipes', key: object.key, attempts: [attempt(until)], superseded: [] };
      const state = stateOf(object, [transformation(0, 1), transformation(1, 1)], entry);
      expect(state).toMatchObject({ stage: 'extraction', extracting, read: 20 });
      const told = extracting ? 'being extracted, 20 records so far' : 'waits for extraction';
      expect(describeState(state)).toBe(`recipes/a.json: ${told}`);
    },
  );

  test('an object whose records were all rejected is rejected, whichever stage rejected them', () => {
    // As until November 2026, when the extraction validated.
    const invalid = { read: 10, rejected: { wrong_type: 10 } };
    expect(stateOf(object, [extraction(0, invalid)]).stage).toBe('rejected');
    const late = transformation(0, 0, { written: 0, rejected: { invalid_row: 10 } });
    expect(stateOf(object, [extraction(1), late]).stage).toBe('rejected');
    const filtered = transformation(0, 0, { written: 0, filtered: { old: 1 }, rejected: { invalid_row: 9 } });
    expect(stateOf(object, [extraction(1), filtered]).stage).toBe('done');
  });

  test('an object is not published yet while nobody has decided about its version', () => {
    const entry = entryWith({ status: 'extracted', parts: 1 });
    const state = stateOf(object, [extraction(1), transformation(0, 1)], entry);
    expect(state).toMatchObject({ stage: 'transformation', finished: 1, pieces: 1 });
    expect(isFinal(state)).toBe(false);
  });

  test('an object that was rejected when it was whole has failed, and none of its rows was written', () => {
    const fault = { code: 'too_many_rejects', message: 'm' };
    const entry = entryWith({ status: 'rejected', parts: 1, fault });
    const late = transformation(0, 1, { written: 4, rejected: { invalid_row: 6 } });
    const state = stateOf(object, [extraction(1), late], entry);
    expect(state).toMatchObject({ stage: 'failed', fault, written: 0 });
    expect(state.rejected).toEqual({ invalid_row: 6, too_many_rejects: 4 });
    expect(isConserved(state)).toBe(true);
  });

  test('an object that took effect although too much is rejected is done, with that fault', () => {
    const fault = { code: 'too_many_rejects', message: 'm' };
    const entry = active('committed', 'loaded');
    const { current } = entry;
    const accepted = { ...entry, ...(current && { current: { ...current, fault } }) };
    const state = stateOf(object, [extraction(1), transformation(0, 1), loading(0)], accepted);
    expect(state).toMatchObject({ stage: 'done', fault, written: 10 });
  });

  test('records are conserved only when every one of them is accounted for', () => {
    const receipts = (written: number) => [
      extraction(1, { read: 12, rejected: { empty: 2 } }),
      transformation(0, 0, { written, filtered: { old: 3 }, rejected: { invalid_row: 1 } }),
    ];
    expect(isConserved(stateOf(object, receipts(6)))).toBe(true);
    expect(isConserved(stateOf(object, receipts(5)))).toBe(false);
    expect(isConserved(stateOf(object, receipts(7)))).toBe(false);
  });
});

test('the fields that the dataset does not name are added up over its parts, and told without control characters', () => {
  const unknown = (...fields: [string, number][]) => ({
    unknown: { fields: fields.map(([field, records]) => ({ field, records })), others: 1 },
  });
  const parts = [
    transformation(0, 1, unknown(['a', 1], ['\u001b[2J', 2000])),
    transformation(1, 1, unknown(['a', 2])),
  ];
  const state = stateOf(object, [extraction(2), ...parts]);
  expect(state.unknown).toEqual({
    fields: [
      { field: '\u001b[2J', records: 2000 },
      { field: 'a', records: 3 },
    ],
    others: 2,
  });
  expect(unknownFieldsText(state)).toBe(
    'fields that the dataset does not name are left out, each in so many records: \\u001b[2J 2,000, a 3, and 2 of other names',
  );
  expect(unknownFieldsText(stateOf(object, [extraction(1), transformation(0, 1)]))).toBeUndefined();
});
