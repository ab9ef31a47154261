import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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

describe('how often a value is read', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A value whose reads take these times, in milliseconds, and the last of them from then on. */
  function slow(...times: number[]): { refreshed: Refreshed<number>; reads: () => number } {
    let reads = 0;
    const read = async () => {
      const ms = times[Math.min(reads, times.length - 1)] ?? 0;
      reads += 1;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return reads;
    };
    return { refreshed: new Refreshed(read, 1_000), reads: () => reads };
  }

  /** Asks every half second, as pages do. */
  async function askFor(refreshed: Refreshed<number>, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      const asked = refreshed.get();
      await vi.advanceTimersByTimeAsync(500);
      await asked;
    }
  }

  test('a value that is quick to read is read again as often as it may change, though the first read was slow', async () => {
    const { refreshed, reads } = slow(400, 5);
    await askFor(refreshed, 30_000);
    expect(reads()).toBeGreaterThanOrEqual(15);
  });

  test('one slow read among quick ones does not make a value old', async () => {
    const { refreshed, reads } = slow(5, 5, 5, 400, 5);
    await askFor(refreshed, 30_000);
    expect(reads()).toBeGreaterThanOrEqual(15);
  });

  test('a value that is slow to read takes a fiftieth of the time at most', async () => {
    const { refreshed, reads } = slow(400);
    await askFor(refreshed, 200_000);
    expect(reads()).toBeLessThanOrEqual(3 + 200_000 / 50 / 400);
    expect(reads()).toBeGreaterThan(5);
  });
});
