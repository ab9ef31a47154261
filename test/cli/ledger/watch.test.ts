import { expect, test } from 'vitest';
import { Watch } from '../../../cli/ledger/watch.ts';
import { frameText, sparkline } from '../../../cli/terminal/frame.ts';
import type { Step } from '../../../domain/activity/activity.ts';

const queue = (waiting: number, dead = 0) => ({
  stage: 'extraction' as const,
  waiting,
  inFlight: 1,
  visibilitySeconds: 60,
  dead,
  undelivered: 0,
  oldestAgeSeconds: undefined,
  failedInvocations: 0,
});
const none = { read: 0, written: 0, filtered: 0, rejected: 0 };
const start = Date.UTC(2026, 0, 1);
const step = (key: string, changes: Partial<Step> = {}): Step => ({
  at: start,
  stage: 'transformation',
  dataset: 'recipes',
  key,
  versionId: 'v',
  result: 'done',
  ...none,
  ...changes,
});
const ended = { outcome: 'done', ...none } as const;

test('a frame has the depths so far, the rate of the last seconds, what moves and what ended last', () => {
  const watch = new Watch(start);
  watch.next([queue(0)], [step('a', { read: 100 }), step('b', { read: 300 })], start + 2000);
  const frame = watch.next([queue(7, 2)], [step('a', { stage: 'loading', ended }), step('c')], start + 4000);
  expect(frame).toMatchObject({
    stages: [{ stage: 'extraction', depths: [1, 8] }],
    recordsPerSecond: 100,
    moving: [{ key: 'c' }, { key: 'b' }],
    ended: [{ key: 'a' }],
  });
  const text = frameText(frame);
  expect(text).toMatch(/^[-\d :]+ {2}100 records a second\n\nSTAGE .* DEPTH\nextraction .* 2 .* ▂█\n/);
  expect(text).toMatch(/\nMOVING\n.* transformation done: c\n.* b\n\nENDED LAST\n.* ✓ done a$/);
  const later = watch.next([queue(0)], [], start + 100_000);
  expect(later).toMatchObject({ recordsPerSecond: 0, moving: [], ended: [{ key: 'a' }] });
});

test('a version that has ended moves no more when a sink is told of it afterwards, and its successor does', () => {
  const watch = new Watch(start);
  const deletion = { outcome: 'retracted', ...none } as const;
  watch.next([], [step('a', { stage: 'extraction', result: 'retracted', ended: deletion })], start);
  const told = watch.next([], [step('a', { stage: 'commit' }), step('a', { stage: 'loading' })], start + 10);
  expect(told.moving).toEqual([]);
  watch.next([], [step('a', { versionId: 'w' })], start + 20);
  const { moving } = watch.next([], [step('a', { stage: 'loading' })], start + 30);
  expect(moving).toMatchObject([{ key: 'a', versionId: 'w', stage: 'transformation' }]);
});

test('frames keep no more than fits on a screen', () => {
  const watch = new Watch(start);
  for (let n = 0; n < 100; n += 1)
    watch.next([queue(n)], [step(`m${n}`), step(`e${n}`, { ended })], start + n);
  const { stages, moving, ended: last } = watch.next([queue(1)], [], start + 100);
  expect(stages[0]?.depths).toHaveLength(30);
  expect(moving.map(({ key }) => key)).toEqual(['m99', 'm98', 'm97', 'm96', 'm95']);
  expect(last).toHaveLength(8);
});

test('a sparkline has a bar for each value, of the lowest height only for nothing', () => {
  expect(sparkline([0, 1, 50, 100])).toBe('▁▂▅█');
  expect(sparkline([0, 0])).toBe('▁▁');
});
