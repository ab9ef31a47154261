import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type JournalOptions, openJournal } from '../core/journal.ts';
import { FunctionLogs } from '../logs/logs.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-journal-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A map whose every change is journalled: the smallest state there is. */
async function openMap(options?: JournalOptions, path = join(directory, 'map.journal')) {
  type Entry = readonly [key: string, value: string | null];
  const map = new Map<string, string>();
  const apply = ([key, value]: Entry) => (value === null ? map.delete(key) : map.set(key, value));
  const journal = await openJournal<Entry>(path, apply, () => map, { entries: () => map.size, ...options });
  return {
    map,
    path,
    close: () => journal.close(),
    set(key: string, value: string | null) {
      apply([key, value]);
      return journal.append([key, value]);
    },
  };
}

describe('a journal', () => {
  test('restores any text after a restart', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))),
        async (entries) => {
          const path = join(directory, `${Math.random()}.journal`);
          const written = await openMap({}, path);
          for (const [key, value] of entries) await written.set(key, value);
          await written.close();
          const read = await openMap({}, path);
          await read.close();
          expect([...read.map]).toEqual([...written.map]);
        },
      ),
      { numRuns: 50 },
    );
  });

  test.each(['\u2028', '\u2029', '\u0085', '\r', '\n', '\r\n', '\ud800'])(
    'is not split at %j',
    async (text) => {
      const written = await openMap();
      await written.set(`a${text}b`, text);
      await written.close();
      const read = await openMap();
      await read.close();
      expect([...read.map]).toEqual([[`a${text}b`, text]]);
    },
  );

  test('loses only a half-written last line, as a kill leaves it', async () => {
    const written = await openMap();
    await written.set('whole', '1');
    await written.close();
    appendFileSync(written.path, '["half","');
    const read = await openMap();
    await read.set('after', '2');
    await read.close();
    const again = await openMap();
    await again.close();
    expect([...again.map]).toEqual([
      ['whole', '1'],
      ['after', '2'],
    ]);
  });

  test('with damage in its middle is refused, and not rewritten', async () => {
    const written = await openMap();
    await written.close();
    appendFileSync(written.path, 'damage\n["a","1"]\n');
    const before = readFileSync(written.path, 'utf8');
    await expect(openMap()).rejects.toThrow(`${written.path}:1 is not a journal entry`);
    expect(readFileSync(written.path, 'utf8')).toBe(before);
  });

  test.each([
    ['the same file goes on', 2, true],
    ['it is rewritten if most of its entries are of the past', 3, false],
  ])('when it is opened, %s', async (_, changes, goesOn) => {
    const written = await openMap();
    for (let n = 0; n < changes; n += 1) await written.set('a', `${n}`);
    await written.close();
    const { ino } = statSync(written.path);
    const read = await openMap();
    await read.close();
    expect([...read.map]).toEqual([['a', `${changes - 1}`]]);
    expect(statSync(read.path).ino === ino).toBe(goesOn);
    expect(readFileSync(read.path, 'utf8').split('\n')).toHaveLength(goesOn ? changes + 1 : 2);
  });

  test('that goes on takes nothing of a rewrite with it that a kill ended', async () => {
    const written = await openMap();
    await written.set('a', '1');
    await written.close();
    writeFileSync(`${written.path}.next`, '["b"');
    const read = await openMap();
    await read.close();
    expect(readdirSync(directory)).toEqual(['map.journal']);
    expect([...read.map]).toEqual([['a', '1']]);
  });

  test('has the state from its first start on', async () => {
    const path = join(directory, 'new.journal');
    const journal = await openJournal(
      path,
      () => {},
      () => [{ last: 0 }],
      { entries: () => 1 },
    );
    await journal.close();
    expect(readFileSync(path, 'utf8')).toBe('{"last":0}\n');
  });

  test('stays about as large as the current state after any number of changes', async () => {
    const written = await openMap({ compactAboveBytes: 10_000 });
    await written.set('constant', 'x'.repeat(1000));
    for (let round = 0; round < 200; round += 1) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => written.set(`key ${i}`, `${round}`.repeat(20))));
      await Promise.all(Array.from({ length: 20 }, (_, i) => written.set(`key ${i}`, null)));
    }
    await written.set('last', 'one');
    await written.close();
    expect(statSync(written.path).size).toBeLessThan(20_000);
    const read = await openMap();
    await read.close();
    expect([...read.map]).toEqual([...written.map]);
  });

  test('that can’t be written reports it once and acknowledges nothing more', async () => {
    const failures: string[] = [];
    const written = await openMap({ compactAboveBytes: 100, onFailure: (path) => failures.push(path) });
    await written.set('a', 'x'.repeat(200));
    rmSync(directory, { recursive: true });
    await expect(written.set('b', '1')).rejects.toThrow('ENOENT');
    await expect(written.set('c', '1')).rejects.toThrow('ENOENT');
    expect(failures).toEqual([written.path]);
  });
});

describe('a function’s log', () => {
  test('is read to its end with any contents', async () => {
    const logs = new FunctionLogs(directory);
    const messages = ['plain', 'with \u2028 and \u2029', 'a\nb', '{"json":true}'];
    for (const message of messages) logs.append('f', 's', message);
    expect((await logs.read('f')).map(({ message }) => message)).toEqual(messages);
  });

  test('continues after a partial line, as a kill leaves it', async () => {
    const before = new FunctionLogs(directory);
    before.append('f', 's', 'first');
    await before.flush();
    appendFileSync(join(directory, 'f.log'), '{"id":"1","mess');
    const after = new FunctionLogs(directory);
    after.append('f', 's', 'second');
    expect((await after.read('f')).map(({ message }) => message)).toEqual(['first', 'second']);
  });

  describe('of a megabyte, in two files', () => {
    const lines = 3000;
    const write = async () => {
      const logs = new FunctionLogs(directory, { rotateAt: 700_000 });
      for (let n = 0; n < lines; n += 1) {
        // Some lines are longer than the blocks in which the first line is looked for.
        logs.append('f', 's', `${n} ${'x'.repeat(n % 500 === 7 ? 90_000 : 100)}`);
        if (n % 100 === 0) await logs.flush();
      }
      return logs;
    };

    test('is read from any line on, and from any time on', async () => {
      const logs = await write();
      const all = await logs.read('f');
      expect(all.map(({ message }) => Number.parseInt(message, 10))).toEqual(
        Array.from({ length: lines }, (_, n) => n),
      );
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: lines - 1 }), async (n) => {
          const { id = '', timestamp = 0 } = all[n] ?? {};
          expect(await logs.read('f', { after: id })).toEqual(all.slice(n + 1));
          const since = all.filter((each) => each.timestamp >= timestamp);
          expect(await logs.read('f', { from: timestamp })).toEqual(since);
        }),
        { numRuns: 20 },
      );
    });

    test('is not read from the beginning for its newest lines', async () => {
      const logs = await write();
      const [last] = (await logs.read('f')).slice(-2);
      const reads = vi.spyOn(JSON, 'parse');
      try {
        expect(await logs.read('f', { after: last?.id ?? '' })).toHaveLength(1);
        expect(reads.mock.calls.length).toBeLessThan(lines / 3);
      } finally {
        reads.mockRestore();
      }
    });

    test('is read without a gap and nothing twice while it moves on to its next file', async () => {
      const logs = new FunctionLogs(directory, { rotateAt: 20_000 });
      const seen: string[] = [];
      let after = '';
      for (let n = 0; n < 1000; n += 1) {
        logs.append('f', 's', `${n} ${'x'.repeat(100)}`);
        if (n % 7 !== 0) continue;
        // The next lines are written, and perhaps the files renamed, while these are read.
        const reading = logs.read('f', { after });
        for (let more = 0; more < 3; more += 1) {
          n += 1;
          logs.append('f', 's', `${n} ${'x'.repeat(100)}`);
        }
        const found = await reading;
        seen.push(...found.map(({ message }) => message));
        after = found.at(-1)?.id ?? after;
      }
      seen.push(...(await logs.read('f', { after })).map(({ message }) => message));
      expect(seen.map((message) => Number.parseInt(message, 10))).toEqual(
        Array.from({ length: seen.length }, (_, n) => n),
      );
      expect(seen.length).toBeGreaterThan(990);
    });
  });
});
