import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { activityLines } from '../../../cli/terminal/activity-lines.ts';
import { width } from '../../../cli/terminal/terminal.ts';
import type { Ended, Step } from '../../../domain/activity/activity.ts';

const at = new Date().setHours(17, 43, 18, 0);
const none = { read: 0, written: 0, filtered: 0, rejected: 0 };

const step = (changes: Partial<Step> = {}): Step => ({
  at,
  stage: 'loading',
  dataset: 'recipes',
  key: 'recipes/soup.json',
  versionId: 'v1',
  result: 'done',
  ...none,
  ...changes,
});

const ended = (changes: Partial<Ended> = {}): Step =>
  step({ ended: { outcome: 'done', ...none, tookMs: 1240, ...changes } });

/** As on a terminal of 80 columns. */
function onTerminal(): void {
  const { isTTY, columns } = process.stdout;
  Object.assign(process.stdout, { isTTY: true, columns: 80 });
  onTestFinished(() => void Object.assign(process.stdout, { isTTY, columns }));
}

describe('the lines of what ended', () => {
  it.each([
    [ended({ read: 60, written: 60 }), '✓ done recipes/soup.json  60 read = 60 written  1.2 s'],
    [
      ended({ read: 1500, written: 1400, filtered: 60, rejected: 40 }),
      '✓ done recipes/soup.json  1,500 read = 1,400 written + 60 filtered + 40 rejected  1.2 s',
    ],
    [
      ended({ outcome: 'rejected', read: 2, rejected: 2 }),
      '✕ rejected recipes/soup.json  2 read = 2 rejected  1.2 s',
    ],
    [
      step({ message: 'It ends early.', ended: { outcome: 'failed', ...none, code: 'truncated' } }),
      '✕ failed recipes/soup.json  truncated: It ends early.',
    ],
    [ended({ read: 2, written: 1 }), '✓ done recipes/soup.json  2 read ≠ 1 written  1.2 s'],
    [
      step({ result: 'retried', attempt: 1, of: 5, code: 'database', message: 'It is down.' }),
      '↻ retried recipes/soup.json  loading, attempt 1 of 5, database: It is down.',
    ],
    [
      step({ result: 'dead_lettered', attempt: 5, of: 5, code: 'database', key: 'a\u001b[2J' }),
      '✕ dead-lettered a\\u001b[2J  loading, attempt 5 of 5, database',
    ],
  ])('say it with a sign, a word and the counts: %#', (each, text) => {
    expect(activityLines([each])).toEqual([`17:43:18 ${text}`]);
  });

  it('are none for a step that ends nothing', () => {
    expect(activityLines([step(), step({ result: 'duplicate' })])).toEqual([]);
  });

  it('have colours on a terminal only', () => {
    vi.stubEnv('FORCE_COLOR', '1');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(activityLines([ended()])[0]).toContain('\u001b[32m✓ done\u001b[39m');
  });

  it('break before the counts on a narrow terminal, and never within the key', () => {
    onTerminal();
    const key = `recipes/${'long-'.repeat(10)}.json`;
    const lines = activityLines([{ ...ended({ read: 7, written: 5, filtered: 2 }), key }]).join('\n');
    expect(stripVTControlCharacters(lines)).toBe(
      `17:43:18 ✓ done ${key}\n         7 read = 5 written + 2 filtered  1.2 s`,
    );
    const message = 'no '.repeat(100);
    const retried = step({ result: 'retried', attempt: 1, of: 5, code: 'database', message });
    for (const line of activityLines([retried]).join('\n').split('\n'))
      expect(width(stripVTControlCharacters(line))).toBeLessThanOrEqual(80);
  });

  it('are summed up when more end at once than a person can read, but for the first problems', () => {
    const problem = step({ result: 'retried', attempt: 1, of: 5, code: 'database', message: 'It is down.' });
    const many = [
      ...Array.from({ length: 30 }, () => ended({ read: 10, written: 9, rejected: 1 })),
      ...Array.from({ length: 7 }, () => problem),
    ];
    const lines = activityLines(many);
    expect(lines).toHaveLength(6);
    expect(lines.slice(0, 5).every((line) => line.includes('↻ retried recipes/soup.json'))).toBe(true);
    expect(lines[5]).toBe('17:43:18 … 30 done, 2 retried; 300 read = 270 written + 30 rejected');
    expect(activityLines(many.slice(0, 20))).toHaveLength(20);
  });
});
