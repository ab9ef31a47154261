import { closeSync, fsync, openSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { wholeLines } from './lines.ts';
import { writeWhole } from './write-whole.ts';

/** A log of what happened, from which state is rebuilt after a restart. */
export interface Journal<Entry> {
  /**
   * Resolves when the entry survives the death of this process (it is with the operating system; not fsynced). Call it
   * in the same turn in which the state changes.
   */
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/** Keeps nothing: for runs in memory and the simulation. */
export const noJournal: Journal<unknown> = {
  append: async () => {},
  close: async () => {},
};

export interface JournalOptions {
  /** Beyond so many bytes, and four times its size after the last time, a journal is rewritten as the living state. */
  readonly compactAboveBytes?: number;
  /** Called once, when the journal can't be written any more. By default the process ends: see `stop`. */
  readonly onFailure?: (path: string, error: Error) => void;
}

const COMPACT_ABOVE_BYTES = 64 * 1024 * 1024;
const LINES_A_WRITE = 1000;
const sync = promisify(fsync);

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
  { compactAboveBytes = COMPACT_ABOVE_BYTES, onFailure = stop }: JournalOptions = {},
): Promise<Journal<Entry>> {
  await mkdir(dirname(path), { recursive: true });
  await replayFile(path, replay);
  const journal = new FileJournal<Entry>(path, snapshot, compactAboveBytes, onFailure);
  await journal.open();
  return journal;
}

async function replayFile<Entry>(path: string, replay: (entry: Entry) => void): Promise<void> {
  await (await open(path, 'a', 0o600)).close();
  let number = 0;
  for await (const line of wholeLines(path)) {
    number += 1;
    let entry: Entry;
    try {
      entry = JSON.parse(line) as Entry;
    } catch {
      throw new Error(
        `${path}:${number} is not a journal entry: the file was changed or the disk lost a part of it.`,
      );
    }
    replay(entry);
  }
}

/**
 * State in memory is ahead of a journal that can't be written: nothing that is answered from then on can be trusted.
 * What is on disk is whole, so the way out is to end, and to start again.
 */
function stop(path: string, error: Error): void {
  // In one piece and at once, since the process ends before a stream would be written.
  writeFileSync(
    2,
    `${path} can't be written: ${error.message}. What was acknowledged is kept. Make room and start again.\n`,
  );
  process.exit(1);
}

/** Appends in groups: while one write is under way, later entries gather for the next. */
class FileJournal<Entry> implements Journal<Entry> {
  readonly #path: string;
  readonly #snapshot: () => Iterable<Entry>;
  readonly #compactAbove: number;
  readonly #onFailure: (path: string, error: Error) => void;
  #file: number | undefined;
  #bytes = 0;
  #limit = 0;
  #waiting: string[] = [];
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    path: string,
    snapshot: () => Iterable<Entry>,
    compactAbove: number,
    onFailure: (path: string, error: Error) => void,
  ) {
    this.#path = path;
    this.#snapshot = snapshot;
    this.#compactAbove = compactAbove;
    this.#onFailure = onFailure;
  }

  open(): Promise<void> {
    return this.#rewrite();
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
    // What the waiting entries changed is in the state already, and so in the snapshot that takes their place.
    this.#writing = this.#bytes > this.#limit ? this.#rewrite() : this.#append(lines);
    this.#writing.catch((error: Error) => this.#onFailure(this.#path, error));
    return this.#writing;
  }

  async #append(lines: readonly string[]): Promise<void> {
    if (this.#file !== undefined) this.#write(this.#file, lines);
  }

  /** At once: what is small is with the operating system sooner than the thread pool could take it. */
  #write(file: number, lines: readonly string[]): void {
    const text = Buffer.from(`${lines.join('\n')}\n`);
    writeWhole(file, text);
    this.#bytes += text.length;
  }

  /**
   * Puts the living state in the place of what led to it; the journal is whole at every moment. The state is written while
   * nothing else happens, so that it is of one moment, and never in memory a second time.
   */
  async #rewrite(): Promise<void> {
    const path = `${this.#path}.next`;
    rmSync(path, { force: true });
    const file = openSync(path, 'ax', 0o600);
    this.#bytes = 0;
    let lines: string[] = [];
    for (const entry of this.#snapshot()) {
      lines.push(JSON.stringify(entry));
      if (lines.length < LINES_A_WRITE) continue;
      this.#write(file, lines);
      lines = [];
    }
    if (lines.length > 0) this.#write(file, lines);
    await sync(file);
    await rename(path, this.#path);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = file;
    this.#limit = Math.max(this.#compactAbove, this.#bytes * 4);
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#writing);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
