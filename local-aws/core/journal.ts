import { closeSync, fsync, ftruncateSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Disk, isFullDisk } from './disk.ts';
import { endOfLines, wholeLines } from './lines.ts';
import { StateRefused } from './state.ts';

/** A log of changes, from which state is rebuilt after a restart. */
export interface Journal<Entry> {
  /**
   * Resolves when the entry survives the death of this process (the operating system has it; it is not
   * fsynced). Call it in the same turn as the change of state.
   */
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/** Opens the journal of a service, by the service's name: see `openJournal`. */
export type OpenJournal = <Entry>(
  name: string,
  replay: (entry: Entry) => void,
  snapshot: () => Iterable<Entry>,
) => Promise<Journal<Entry>>;

/** A journal that keeps nothing, for runs in memory and the simulation. */
export const noJournal: Journal<unknown> = {
  append: async () => {},
  close: async () => {},
};

/** Opens no journal. */
export const openNothing: OpenJournal = async () => noJournal;

export interface JournalOptions {
  /**
   * A journal is rewritten as the current state when it has more bytes than this and than four times its size
   * after the last rewrite.
   */
  readonly compactAboveBytes?: number;
  /**
   * Called once if the journal can't be written for another reason than a full disk. By default the process
   * ends: see `stop`.
   */
  readonly onFailure?: (path: string, error: Error) => void;
  readonly disk?: Disk;
  /** How many entries the snapshot has: a journal with few others is not rewritten when it is opened. */
  readonly entries?: () => number;
}

/** A journal with this many times the entries of its snapshot is rewritten when it is opened. */
const SUPERFLUOUS = 2;

const COMPACT_ABOVE_BYTES = 64 * 1024 * 1024;
const LINES_A_WRITE = 1000;
/**
 * Room reserved in advance for entries on their way when the disk fills up: some hundred entries, or a batch
 * of messages.
 */
const ROOM_BYTES = 1024 * 1024;
const LEAST_ROOM_BYTES = ROOM_BYTES / 2;
const zeros = Buffer.alloc(ROOM_BYTES);
const sync = promisify(fsync);

/**
 * Opens the journal at `path`: replays its entries, rewrites it as the entries of `snapshot` if it has many
 * others (so that it starts with the current state), and appends from there.
 *
 * A kill leaves a half-written last line; it is dropped with the zeros after it, since its append was never
 * acknowledged. Any other line that does not parse is an error, because the state after it can't be trusted.
 */
export async function openJournal<Entry>(
  path: string,
  replay: (entry: Entry) => void,
  snapshot: () => Iterable<Entry>,
  {
    compactAboveBytes = COMPACT_ABOVE_BYTES,
    onFailure = stop,
    disk = new Disk(),
    entries = () => 0,
  }: JournalOptions = {},
): Promise<Journal<Entry>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const replayed = await replayFile(path, replay);
  const journal = new FileJournal<Entry>(path, snapshot, { compactAboveBytes, onFailure, disk });
  // A new one begins with the state, too: an empty file is one that was lost.
  if (replayed === 0 || replayed > SUPERFLUOUS * entries()) await journal.rewrite();
  else journal.goOn();
  return journal;
}

/** Opens journals in a directory, `name.journal` each. */
export function journalsIn(directory: string, options: JournalOptions = {}): OpenJournal {
  return (name, replay, snapshot) =>
    openJournal(join(directory, `${name}.journal`), replay, snapshot, options);
}

/** @returns the number of entries */
async function replayFile<Entry>(path: string, replay: (entry: Entry) => void): Promise<number> {
  const file = await open(path, 'a+', 0o600);
  try {
    let number = 0;
    for await (const lines of wholeLines(file))
      for (const line of lines) {
        number += 1;
        replay(parseEntry(line, path, number));
      }
    return number;
  } finally {
    await file.close();
  }
}

/** @throws {StateRefused} */
function parseEntry<Entry>(line: string, path: string, number: number): Entry {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    throw new StateRefused(
      `${path}:${number} is not a journal entry: the file was changed, or the disk lost a part of it. Restore an older copy, or choose another --directory.`,
    );
  }
}

/**
 * If a journal can't be written, the state in memory is ahead of it, so later answers can't be trusted. The
 * files on disk are consistent, so the remedy is to end the process and restart.
 */
function stop(path: string, error: Error): void {
  // Synchronously in one write, since the process ends before a stream would be flushed.
  writeFileSync(
    2,
    `${path} can't be written: ${error.message}. Acknowledged changes are kept. Make it writable and restart.\n`,
  );
  process.exit(1);
}

/**
 * Appends in groups: during one write, later entries gather for the next.
 *
 * The file is longer than its contents: trailing zeros, which no line contains, reserve room for entries on
 * their way when the disk fills up. Entries that find no room wait until there is some, because the state
 * already has them and they can't be refused any more.
 */
class FileJournal<Entry> implements Journal<Entry> {
  readonly #path: string;
  readonly #snapshot: () => Iterable<Entry>;
  readonly #options: Required<Omit<JournalOptions, 'entries'>>;
  #file: number | undefined;
  /** Size of the contents in bytes, where the next entry goes. */
  #end = 0;
  /** Size of the reserved file. */
  #allocated = 0;
  #limit = 0;
  /** Whether an entry is waiting for room. */
  #isHeld = false;
  #waiting: string[] = [];
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    path: string,
    snapshot: () => Iterable<Entry>,
    options: Required<Omit<JournalOptions, 'entries'>>,
  ) {
    this.#path = path;
    this.#snapshot = snapshot;
    this.#options = options;
  }

  async rewrite(): Promise<void> {
    await this.#rewrite();
    this.#options.disk.watch(this);
  }

  /**
   * Appends to the file as it is. What follows its last whole line goes, and what a rewrite left that a kill
   * ended.
   */
  goOn(): void {
    rmSync(nextOf(this.#path), { force: true });
    const file = openSync(this.#path, 'r+', 0o600);
    const end = endOfLines(file);
    ftruncateSync(file, end);
    this.#use(file, end);
    this.#options.disk.watch(this);
  }

  append(entry: Entry): Promise<void> {
    this.#waiting.push(JSON.stringify(entry));
    this.#next ??= this.#writing.then(() => this.#flush());
    return this.#next;
  }

  hasRoom(): boolean {
    if (this.#isHeld) return false;
    if (this.#file === undefined || this.#allocated - this.#end >= LEAST_ROOM_BYTES) return true;
    const room = this.#end + ROOM_BYTES;
    try {
      this.#options.disk.write(this.#file, zeros.subarray(0, room - this.#allocated), this.#allocated);
    } catch (error) {
      if (!isFullDisk(error)) throw error;
      this.#options.disk.report(this.#path, error);
      return false;
    }
    this.#allocated = room;
    return true;
  }

  #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    this.#writing = this.#end > this.#limit ? this.#compact(lines) : this.#append(lines);
    this.#writing.catch((error: Error) => this.#options.onFailure(this.#path, error));
    return this.#writing;
  }

  /**
   * Writes synchronously if there is room, because a small write is faster than a trip to the thread pool.
   */
  async #append(lines: readonly string[]): Promise<void> {
    if (this.#file === undefined) return;
    const text = textOf(lines);
    while (!this.#tryToWrite(this.#file, text)) {
      this.#isHeld = true;
      await this.#options.disk.wait();
    }
    this.#isHeld = false;
    this.#end += text.length;
    this.#allocated = Math.max(this.#allocated, this.#end);
    this.hasRoom();
  }

  #tryToWrite(file: number, text: Uint8Array): boolean {
    try {
      this.#options.disk.write(file, text, this.#end);
      return true;
    } catch (error) {
      if (!isFullDisk(error)) throw error;
      this.#options.disk.report(this.#path, error);
      return false;
    }
  }

  /** The waiting entries' changes are already in the state, so the snapshot includes them. */
  async #compact(lines: readonly string[]): Promise<void> {
    try {
      await this.#rewrite();
    } catch (error) {
      if (!isFullDisk(error)) throw error;
      this.#options.disk.report(this.#path, error);
      this.#limit = this.#end * 2;
      await this.#append(lines);
    }
  }

  /**
   * Replaces the journal with the current state; the file is complete at every moment. The state is written
   * without yielding, so that it is consistent and never in memory twice.
   */
  async #rewrite(): Promise<void> {
    const path = nextOf(this.#path);
    rmSync(path, { force: true });
    const file = openSync(path, 'wx', 0o600);
    let size = 0;
    try {
      for (const text of texts(this.#snapshot())) {
        this.#options.disk.write(file, text, size);
        size += text.length;
      }
      await sync(file);
      await rename(path, this.#path);
    } catch (error) {
      closeSync(file);
      rmSync(path, { force: true });
      throw error;
    }
    this.#use(file, size);
  }

  #use(file: number, size: number): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = file;
    this.#end = size;
    this.#allocated = size;
    this.#limit = Math.max(this.#options.compactAboveBytes, size * 4);
    this.hasRoom();
  }

  async close(): Promise<void> {
    this.#options.disk.unwatch(this);
    await (this.#next ?? this.#writing);
    if (this.#file === undefined) return;
    ftruncateSync(this.#file, this.#end);
    closeSync(this.#file);
    this.#file = undefined;
  }
}

/** The file that a rewrite writes, which then takes the place of the journal. */
const nextOf = (path: string) => `${path}.next`;
const textOf = (lines: readonly string[]) => Buffer.from(`${lines.join('\n')}\n`);

function* texts(entries: Iterable<unknown>): Generator<Buffer> {
  let lines: string[] = [];
  for (const entry of entries) {
    lines.push(JSON.stringify(entry));
    if (lines.length < LINES_A_WRITE) continue;
    yield textOf(lines);
    lines = [];
  }
  if (lines.length > 0) yield textOf(lines);
}
