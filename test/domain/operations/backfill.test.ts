import { describe, expect, test } from 'vitest';
import {
  latestRevision,
  type Plan,
  planBackfill,
  planReplay,
  type Report,
  statusOf,
  versionOutcome,
} from '../../../domain/operations/backfill.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';

const key = 'recipes/a.json';
const latest = { versionId: 'v2', deleted: false, size: 7 };
const now = 1_000;
const first = () => 0;

const current = (versionId: string, sequencer = '05'): NonNullable<LedgerEntry['current']> => ({
  type: 'created',
  sequencer,
  versionId,
});
const attempt = (
  versionId: string,
  status: 'extracting' | 'rejected',
  leaseUntil = 0,
): LedgerEntry['attempts'][number] => ({
  sequencer: '06',
  versionId,
  status,
  message: 'm',
  codeVersion: 'c',
  parts: 0,
  invocation: 'i',
  leaseUntil,
});
const headOf = (
  shown?: NonNullable<LedgerEntry['current']>,
  ...attempts: LedgerEntry['attempts']
): LedgerEntry => ({
  dataset: 'recipes',
  key,
  ...(shown && { current: shown }),
  attempts,
  superseded: [],
});
const eventOf = (plan: Plan) => ('event' in plan ? plan.event : undefined);

describe('the plan of a backfill', () => {
  test('an unknown object is sent with the lowest sequencer, which any true event beats', () => {
    expect(planBackfill(key, latest, undefined, first, now)).toMatchObject({
      event: { type: 'created', key, versionId: 'v2', sequencer: '0', revision: 0, size: 7 },
      watched: { key, versionId: 'v2' },
    });
  });

  test('an object with another active version is sent with a sequencer just above that one', () => {
    const plan = planBackfill(key, latest, headOf(current('v1')), first, now);
    expect(eventOf(plan)).toMatchObject({ versionId: 'v2', sequencer: '0501' });
  });

  test('a version that has receipts already is sent in its next revision', () => {
    const plan = planBackfill(key, latest, headOf(current('v1')), () => 3, now);
    expect(plan).toMatchObject({ event: { revision: 3 }, watched: { versionId: 'v2!0003' } });
  });

  test.each([
    ['what the tables show', headOf(current('v2')), 'v2'],
    ['a later revision of it', headOf(current('v2!0001')), 'v2!0001'],
    ['what was rejected', headOf(current('v1'), attempt('v2', 'rejected')), 'v2'],
  ])('%s is done, and watched', (_what, entry, versionId) => {
    expect(planBackfill(key, latest, entry, first, now)).toMatchObject({
      skip: 'done',
      watched: { key, versionId },
    });
  });

  test('a version that is being extracted is tracked, and one whose extraction was interrupted is sent again', () => {
    const alive = headOf(undefined, attempt('v2', 'extracting', now + 1));
    expect(planBackfill(key, latest, alive, first, now)).toMatchObject({
      skip: 'under_way',
      watched: { versionId: 'v2' },
    });
    const dead = headOf(undefined, attempt('v2', 'extracting', now - 1));
    expect(eventOf(planBackfill(key, latest, dead, first, now))).toMatchObject({
      versionId: 'v2',
      sequencer: '06',
      revision: 0,
    });
  });

  test('a directory marker is skipped as one', () => {
    const marker = { ...latest, size: 0 };
    expect(planBackfill('recipes/', marker, undefined, first, now)).toEqual({ skip: 'directory_marker' });
    expect(planBackfill(key, marker, undefined, first, now)).toMatchObject({ event: { size: 0 } });
  });

  test('an object that was deleted meanwhile is skipped as gone', () => {
    expect(planBackfill(key, undefined, undefined, first, now)).toEqual({ skip: 'gone' });
    expect(planBackfill(key, { versionId: 'v3', deleted: true }, undefined, first, now)).toEqual({
      skip: 'gone',
    });
  });
});

const work = { dataset: 'recipes', key, versionId: 'v2', sequencer: '06', rejects: [], durationMs: 1 };
const extraction = (more: object = {}): Receipt =>
  ({
    ...work,
    stage: 'extraction',
    finishedAt: '2026-11-22T00:00:00Z',
    codeVersion: 'c1',
    bytes: 70,
    read: 3,
    valid: 2,
    rejected: { missing_field: 1 },
    rejects: [{ key: 'rejects/…', records: 1, bytes: 1 }],
    parts: [{ key: 'part', records: 2, bytes: 1 }],
    ...more,
  }) as Receipt;
const transformation = (more: object = {}): Receipt =>
  ({
    ...work,
    stage: 'transformation',
    finishedAt: '2026-11-22T00:00:00Z',
    codeVersion: 'c1',
    part: 0,
    read: 2,
    written: 2,
    filtered: {},
    rejected: {},
    outputs: [{ key: 'file', records: 2, bytes: 1 }],
    ...more,
  }) as Receipt;
const loading = {
  ...work,
  stage: 'loading',
  finishedAt: '2026-11-22T00:00:00Z',
  codeVersion: 'c1',
  part: 0,
  files: [{ key: 'file', archive: { key: 'file', records: 2, bytes: 1 } }],
} as Receipt;

describe('the plan of a replay', () => {
  const deployed = { extraction: 'c2', transformation: 'c1', commit: 'c1', loading: 'c1' };
  const wish = { codes: [], force: false, deployed };
  const plan = (
    entry: LedgerEntry | undefined,
    more: Partial<typeof wish> = {},
    codes: readonly string[] = [],
  ) => planReplay('v2', entry, [extraction(), transformation()], ['v2'], { ...wish, ...more, codes });

  test('sends the active version in its next revision, with its own sequencer', () => {
    expect(plan(headOf(current('v2')))).toMatchObject({
      event: { key, versionId: 'v2', revision: 1, sequencer: '05', size: 70 },
      watched: { versionId: 'v2!0001' },
    });
    expect(eventOf(plan(headOf(current('v1'), attempt('v2', 'rejected'))))).toMatchObject({ revision: 1 });
  });

  test('skips versions that were replaced, are being extracted, or were rejected by the deployed code', () => {
    expect(plan(undefined)).toEqual({ skip: 'gone' });
    expect(plan(headOf(current('v3')))).toEqual({ skip: 'gone' });
    expect(plan(headOf(current('v2'), attempt('v2!0001', 'extracting', now)))).toMatchObject({
      skip: 'under_way',
      watched: { versionId: 'v2!0001' },
    });
    const same = { deployed: { ...deployed, extraction: 'c1' } };
    expect(plan(headOf(current('v2')), same)).toEqual({ skip: 'same_code' });
    expect(plan(headOf(current('v2')), { ...same, force: true })).toHaveProperty('event');
  });

  test('sends only versions that were rejected for one of the requested codes', () => {
    expect(plan(headOf(current('v2')), {}, ['wrong_type'])).toEqual({ skip: 'other_code' });
    expect(plan(headOf(current('v2')), {}, ['wrong_type', 'missing_field'])).toHaveProperty('event');
  });
});

describe('the outcome of a version', () => {
  const watched = { key, versionId: 'v2', sequencer: '06' };

  test('it succeeded when every work item is done and the counts add up', () => {
    const shown = current('v2', '06');
    const entry = { ...headOf(shown), committed: shown, loaded: shown };
    expect(versionOutcome(watched, entry, [extraction(), transformation(), loading])).toEqual({
      end: 'succeeded',
      records: { read: 3, written: 2, filtered: 0, rejected: 1 },
    });
  });

  test.each([
    ['committed', /commit/],
    ['loaded', /removal/],
  ] as const)('it succeeded in part while the ledger does not say that it is %s', (sink, reason) => {
    const shown = current('v2', '06');
    const { [sink]: _, ...rest } = { ...headOf(shown), committed: shown, loaded: shown };
    const outcome = versionOutcome(watched, rest, [extraction(), transformation(), loading]);
    expect(outcome).toMatchObject({ end: 'partly', reason: expect.stringMatching(reason) });
  });

  test.each([
    ['a file is not loaded', [extraction(), transformation()], /not done: files loaded \(0 of 1\)/],
    ['counts contradict each other', [extraction(), transformation({ read: 1 }), loading], /does not add up/],
    ['it breaks off', [extraction({ fault: { code: 'truncated', message: '' } })], /truncated/],
  ])('it succeeded in part when %s', (_why, receipts, reason) => {
    const { end, reason: told } = versionOutcome(watched, headOf(current('v2', '06')), receipts);
    expect({ end, told }).toEqual({ end: 'partly', told: expect.stringMatching(reason) });
  });

  test.each([
    ['nobody has taken it up', undefined, /never started/],
    ['the tables still show the one before', headOf(current('v1')), /never started/],
    ['its extraction goes on', headOf(current('v1'), attempt('v2', 'extracting')), /not finished/],
    [
      'nothing of it can be used',
      headOf(current('v1'), attempt('v2', 'rejected')),
      /none of its records is usable/,
    ],
  ])('it failed when %s', (_why, entry, reason) => {
    const { end, reason: told } = versionOutcome(watched, entry, []);
    expect({ end, told }).toEqual({ end: 'failed', told: expect.stringMatching(reason) });
  });

  test('it failed when the requested revision was never extracted', () => {
    const again = { ...watched, versionId: 'v2!0001' };
    expect(versionOutcome(again, headOf(current('v2', '06')), []).end).toBe('failed');
  });

  test('it is superseded when a newer version, or a deletion, has taken effect', () => {
    expect(versionOutcome(watched, headOf(current('v3', '07')), []).end).toBe('superseded');
    expect(versionOutcome(watched, headOf({ ...current('v3', '07'), type: 'deleted' }), []).end).toBe(
      'superseded',
    );
  });

  test('it is that of a later revision, if there is one', () => {
    expect(latestRevision(watched, headOf(current('v2!0002')))).toBe('v2!0002');
    expect(latestRevision(watched, headOf(current('v1'), attempt('v2!0001', 'rejected')))).toBe('v2!0001');
    expect(latestRevision(watched, headOf(current('v1!0007')))).toBe('v2');
    expect(latestRevision({ versionId: 'v2!0003' }, headOf(current('v2')))).toBe('v2!0003');
  });
});

describe('the outcome of an execution', () => {
  const objects: Report['objects'] = {
    listed: 3,
    sent: 3,
    skipped: {},
    succeeded: 0,
    partly: 0,
    failed: 0,
    superseded: 0,
  };

  test.each([
    ['succeeded', { succeeded: 3 }, []],
    ['succeeded', { superseded: 3 }, []],
    ['succeeded', { skipped: { done: 3 } }, []],
    ['succeeded', { listed: 0 }, []],
    ['partly', { succeeded: 2, failed: 1 }, []],
    ['partly', { partly: 1 }, []],
    ['partly', { skipped: { done: 3 } }, ['the crawl failed']],
    ['failed', { failed: 3 }, []],
    ['failed', { listed: 0 }, ['nothing could be listed']],
  ] as const)('it is %s with %j and trouble %j', (status, more, troubles) => {
    expect(statusOf({ ...objects, ...more }, troubles, false)).toBe(status);
  });

  test('a dry run is counted, unless it had problems', () => {
    expect(statusOf(objects, [], true)).toBe('counted');
    expect(statusOf(objects, ['nothing could be listed'], true)).toBe('failed');
  });
});
