import { expect, test, vi } from 'vitest';
import { Refreshed } from '../../../cli/ui/refreshed.ts';

test('a value is read once for all who ask at the same time, and again when it is old', async () => {
  vi.useFakeTimers();
  try {
    let reads = 0;
    const value = new Refreshed(async () => ++reads, 1000);
    expect((await Promise.all([value.get(), value.get()])).map((each) => each.value)).toEqual([1, 1]);
    vi.advanceTimersByTime(900);
    expect((await value.get()).value).toBe(1);
    vi.advanceTimersByTime(200);
    // Whoever asks gets what is there, and the next one what is new.
    expect((await value.get()).value).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect((await value.get()).value).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});

test('what was read before a change is not shown after it', async () => {
  const release: ((value: string) => void)[] = [];
  const value = new Refreshed(() => new Promise<string>((resolve) => release.push(resolve)), 1000);
  const before = value.get();
  value.forget();
  const after = value.get();
  release[1]?.('new');
  expect((await after).value).toBe('new');
  release[0]?.('old');
  await before;
  expect((await value.get()).value).toBe('new');
});

test('a read that fails is told to those who wait for it, and tried again', async () => {
  let reads = 0;
  const value = new Refreshed(async () => {
    reads += 1;
    if (reads === 1) throw new Error('no connection');
    return reads;
  }, 1000);
  await expect(value.get()).rejects.toThrow('no connection');
  expect((await value.get()).value).toBe(2);
});
