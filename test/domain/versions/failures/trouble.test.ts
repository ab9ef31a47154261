import { expect, test } from 'vitest';
import { type Note, troubleOf } from '../../../../domain/versions/failures/trouble.ts';
import { receiptKey, type WorkItem } from '../../../../domain/versions/key-layout.ts';

const path = { dataset: 'recipes', objectId: 'a', version: 'v1' };
const item: WorkItem = { path, stage: 'transformation', part: 1 };
const MINUTE = 60_000;
/** Midnight, in minutes: the notes below say at which minute they were written. */
const midnight = Date.parse('2026-11-26T00:00:00Z');
const at = (minute: number) => midnight + minute * MINUTE;

/** A note on attempt `number`, which began at `minute` and failed half a minute later, or has only begun. */
function note(
  number: number,
  minute: number,
  changes: Partial<Note> & { code?: string; failed?: boolean } = {},
): Note {
  const { code = 'storage', failed = true, ...rest } = changes;
  const attempt = { number, of: 5, startedAt: new Date(at(minute)).toISOString(), failed };
  const fault = {
    stage: 'transformation' as const,
    versionId: 'v1',
    code,
    message: `Error ${number}.`,
    attempt,
  };
  return { kind: 'attempts', item, fault, at: at(minute) + (failed ? 30_000 : 0), ...rest };
}
const begun = (number: number, minute: number, changes: Partial<Note> = {}) =>
  note(number, minute, { code: 'interrupted', failed: false, ...changes });

/** The trouble of a version at a minute, if SQS hides a message for ten. */
const trouble = (minute: number, ...notes: readonly Note[]) =>
  troubleOf(notes, new Set(), at(minute), () => 10 * MINUTE);

test('an object without notes has no trouble', () => {
  expect(trouble(0)).toBeUndefined();
});

test('a failed attempt is followed by another when SQS shows the message again', () => {
  expect(trouble(1, note(1, 0))).toMatchObject({
    kind: 'retrying',
    attempt: 1,
    code: 'storage',
    next: at(10),
  });
});

test('an attempt under way has the error of the one before', () => {
  expect(trouble(11, note(1, 0), begun(2, 10))).toMatchObject({
    kind: 'retrying',
    attempt: 2,
    underWaySince: at(10),
    code: 'storage',
    message: 'Error 1.',
  });
});

test('an attempt under way says so if the one before was killed before it could leave a note', () => {
  expect(trouble(11, begun(2, 10))).toMatchObject({
    code: 'interrupted',
    message: expect.stringContaining('Attempt 1 left'),
  });
  expect(trouble(21, note(1, 0), begun(3, 20))?.message).toContain('Attempt 2 left no error');
});

test('an attempt that has begun and left nothing when SQS shows its message again was killed', () => {
  const killed = trouble(20, note(1, 0), begun(2, 10));
  expect(killed).toMatchObject({
    kind: 'retrying',
    attempt: 2,
    code: 'interrupted',
    message: 'Error 2.',
    next: at(20),
  });
  expect(killed).not.toHaveProperty('underWaySince');
});

test('the last attempt is under way, then dead-lettered, whether it was killed or failed', () => {
  const last = begun(5, 40, { kind: 'gave-up' });
  expect(trouble(41, note(4, 30), last)).toMatchObject({ kind: 'retrying', attempt: 5, message: 'Error 4.' });
  expect(trouble(50, note(4, 30), last)).toMatchObject({ kind: 'dead_lettered', code: 'interrupted' });
  const failed = note(5, 40, { kind: 'gave-up' });
  expect(trouble(41, failed)).toMatchObject({ kind: 'dead_lettered', code: 'storage', next: at(50) });
});

test('a message that was sent back is retried, whatever its note from before says', () => {
  const before = note(5, 40, { kind: 'gave-up' });
  expect(trouble(61, before, note(1, 60))).toMatchObject({ kind: 'retrying', attempt: 1, next: at(70) });
});

test('a note of older code has no attempt, and is of the last one', () => {
  const { fault, ...rest } = note(5, 40, { kind: 'gave-up' });
  const old = { ...rest, fault: { ...fault, attempt: undefined } };
  expect(trouble(60, old)).toMatchObject({ kind: 'dead_lettered', code: 'storage', at: at(40.5) });
});

test('of several work items the worst trouble counts, and those with a receipt have none', () => {
  const other = { item: { ...item, part: 2 } };
  const third = { item: { ...item, part: 3 } };
  const dead = { kind: 'gave-up' } as const;
  const notes = [
    note(1, 60),
    note(5, 40, { ...dead, ...other }),
    note(5, 45, { ...dead, ...third, code: 'unexpected' }),
  ];
  expect(trouble(61, ...notes)).toMatchObject({ kind: 'dead_lettered', items: 2, code: 'unexpected' });
  const done = new Set([receiptKey(other.item) ?? '', receiptKey(third.item) ?? '']);
  expect(troubleOf(notes, done, at(61), () => 10 * MINUTE)).toMatchObject({ kind: 'retrying', items: 1 });
});
