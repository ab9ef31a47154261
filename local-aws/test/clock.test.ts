import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../core/clock.ts';

const day = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a task beyond the 24.8 days of a timer runs when it is due, and not before', () => {
  const task = vi.fn();
  systemClock.schedule(40 * day + 5, task);
  vi.advanceTimersByTime(40 * day + 4);
  expect(task).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(task).toHaveBeenCalledTimes(1);
});

test('a long delay follows the wall clock, also when the machine was asleep meanwhile', () => {
  const task = vi.fn();
  systemClock.schedule(40 * day, task);
  vi.setSystemTime(Date.now() + 39 * day);
  vi.advanceTimersByTime(2 * day);
  expect(task).toHaveBeenCalledTimes(1);
});

test('a task that was cancelled after days never runs', () => {
  const task = vi.fn();
  const cancel = systemClock.schedule(40 * day, task);
  vi.advanceTimersByTime(39 * day + 1);
  cancel();
  vi.advanceTimersByTime(40 * day);
  expect(task).not.toHaveBeenCalled();
});
