import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

/** A log of what happened, from which state is rebuilt after a restart. */
export interface Journal<Entry> {
  /** Resolves when the entry survives the death of this process (it is with the operating system; not fsynced). */
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/** Keeps nothing: for `--ephemeral` runs and the simulation. */
export const noJournal: Journal<unknown> = {
  append: async () => {},
  close: async () => {},
};

/**
 * Opens the journal at `path`: replays what it holds, rewrites it as the entries of `snapshot` (so that it never
 * holds more than the living state at start), and appends from there.
 *
 * A half-written last line, as a kill leaves it, is dropped: its append was never acknowledged. Any other line that
 * does not parse is an error, for the state behind it can't be trusted.
 */
export async function openJournal<Entry>(
  path: string,
  replay: (entry: Entry) => void,
  snapshot: () => Iterable<Entry>,
): Promise<Journal<Entry>> {
  await mkdir(dirname(path), { recursive: true });
  await replayFile(path, replay);
  await rewrite(path, snapshot());
  return new FileJournal<Entry>(await open(path, 'a', 0o600));
}

async function replayFile<Entry>(path: string, replay: (entry: Entry) => void): Promise<void> {
  const file = await open(path, 'a+', 0o600);
  await file.close();
  let broken: number | undefined;
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (broken !== undefined)
      throw new Error(`${path}:${broken} is not a journal entry. Remove ${dirname(path)} to start anew.`);
    if (line === '') continue;
    let entry: Entry;
    try {
      entry = JSON.parse(line) as Entry;
    } catch {
      broken = number;
      continue;
    }
    replay(entry);
  }
}

async function rewrite<Entry>(path: string, entries: Iterable<Entry>): Promise<void> {
  const next = `${path}.next`;
  await rm(next, { force: true });
  const file = await open(next, 'wx', 0o600);
  try {
    let lines: string[] = [];
    for (const entry of entries) {
      lines.push(JSON.stringify(entry));
      if (lines.length === 1000) {
        await file.appendFile(`${lines.join('\n')}\n`);
        lines = [];
      }
    }
    if (lines.length > 0) await file.appendFile(`${lines.join('\n')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
}

/** Appends in groups: while one write is under way, later entries gather for the next. */
class FileJournal<Entry> implements Journal<Entry> {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  append(entry: Entry): Promise<void> {
    this.#waiting.push(JSON.stringify(entry));
    this.#next ??= this.#writing.then(() => this.#flush());
    return this.#next;
  }

  #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    this.#writing = this.#file.appendFile(`${lines.join('\n')}\n`);
    return this.#writing;
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#writing);
    await this.#file.close();
  }
}
