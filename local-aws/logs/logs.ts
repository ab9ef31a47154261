import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Disk, isFullDisk } from '../core/disk.ts';
import { wholeLines } from '../core/lines.ts';
import { makePrivate } from '../core/state.ts';

/** One line of a function's log, as stored in the log file. */
export interface LogEvent {
  /** Increases with each line, also across restarts. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** The process that wrote it. */
  readonly stream: string;
  readonly message: string;
}

export interface LogQuery {
  /** Milliseconds since the epoch, both inclusive. */
  readonly from?: number;
  readonly to?: number;
  /** Only events after the one with this id. */
  readonly after?: string;
  readonly limit?: number;
  /** Selects streams by name. */
  readonly stream?: (name: string) => boolean;
  readonly matches?: (message: string) => boolean;
}

/** A function's log keeps its newest lines: one to two times this many bytes. */
const rotateAtBytes = 8 * 1024 * 1024;

export interface FunctionLogsOptions {
  readonly rotateAt?: number;
  readonly disk?: Disk;
  /** Gets each message that is appended. */
  readonly onEvent?: ((message: string) => void) | undefined;
}

/**
 * The functions' logs: a file of JSON lines per function, `<directory>/<function>.log`, and the previous one,
 * `.log.1`.
 */
export class FunctionLogs {
  readonly #directory: string;
  readonly #files = new Map<string, LogFile>();
  readonly #options: Required<FunctionLogsOptions>;

  constructor(directory: string, options: FunctionLogsOptions = {}) {
    const { rotateAt = rotateAtBytes, disk = new Disk(), onEvent = () => {} } = options;
    this.#directory = directory;
    this.#options = { rotateAt, disk, onEvent };
  }

  append(functionName: string, stream: string, message: string): void {
    this.#options.onEvent?.(message);
    this.#file(functionName).append({ timestamp: Date.now(), stream, message });
  }

  /** Events in the order in which they were written. */
  async read(functionName: string, query: LogQuery = {}): Promise<LogEvent[]> {
    const { from = 0, to = Infinity, after = '', limit = 10_000 } = query;
    const { stream = () => true, matches = () => true } = query;
    const found: LogEvent[] = [];
    // An id is never below its line's time, and ids increase along the files.
    const firstId = Math.max(from * 1000, Number(after) + 1);
    for await (const event of this.#file(functionName).events(firstId)) {
      if (event.id <= after || event.timestamp < from || event.timestamp > to) continue;
      if (!stream(event.stream) || !matches(event.message)) continue;
      found.push(event);
      if (found.length === limit) break;
    }
    return found;
  }

  /** Resolves when everything appended so far can be read. */
  async flush(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.flush()));
  }

  /** Writes everything appended so far, and closes the files until there is more. */
  async close(): Promise<void> {
    await this.flush();
    for (const file of this.#files.values()) file.close();
  }

  #file(functionName: string): LogFile {
    let file = this.#files.get(functionName);
    if (!file) {
      file = new LogFile(join(this.#directory, `${functionName}.log`), this.#options);
      this.#files.set(functionName, file);
    }
    return file;
  }
}

class LogFile {
  readonly #path: string;
  readonly #options: Pick<Required<FunctionLogsOptions>, 'rotateAt' | 'disk'>;
  #bytes: number | undefined;
  #file: number | undefined;
  #lastId = 0;
  #waiting: Omit<LogEvent, 'id'>[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, options: Pick<Required<FunctionLogsOptions>, 'rotateAt' | 'disk'>) {
    this.#path = path;
    this.#options = options;
  }

  append(event: Omit<LogEvent, 'id'>): void {
    this.#waiting.push(event);
    if (this.#waiting.length === 1) this.#writing = this.#writing.then(turn).then(() => this.#write());
  }

  flush(): Promise<void> {
    return this.#writing;
  }

  async #write(): Promise<void> {
    const events = this.#waiting.splice(0);
    try {
      if (this.#bytes === undefined) {
        makePrivate(dirname(this.#path));
        this.#bytes = await endLastLine(this.#path);
        for await (const { id } of this.#written()) this.#lastId = Math.max(this.#lastId, Number(id));
      }
      if (this.#bytes > this.#options.rotateAt) {
        this.close();
        await rename(this.#path, `${this.#path}.1`);
        this.#bytes = 0;
      }
      this.#file ??= openSync(this.#path, 'a', 0o600);
      const lines = events.map((event) => `${JSON.stringify({ id: this.#nextId(event), ...event })}\n`);
      const text = Buffer.from(lines.join(''));
      this.#options.disk.write(this.#file, text);
      this.#bytes += text.length;
    } catch (error) {
      // On a full disk these lines are lost; a partial line must not remain.
      if (this.#file !== undefined) ftruncateSync(this.#file, this.#bytes);
      if (isFullDisk(error)) this.#options.disk.report(this.#path, error);
      else console.error(`Could not write ${this.#path}:`, error);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #nextId({ timestamp }: Omit<LogEvent, 'id'>): string {
    this.#lastId = Math.max(timestamp * 1000, this.#lastId + 1);
    return `${this.#lastId}`;
  }

  /** The events whose id is `firstId` or above. */
  async *events(firstId: number): AsyncGenerator<LogEvent> {
    await this.flush();
    yield* this.#written(firstId);
  }

  async *#written(firstId = 0): AsyncGenerator<LogEvent> {
    const files: FileHandle[] = [];
    try {
      // The newer one is opened first: if it becomes the other one just then, its lines are read twice, and
      // not lost.
      for (const path of [this.#path, `${this.#path}.1`]) files.unshift(...(await openIfThere(path)));
      let last = 0;
      for (const file of files) {
        for await (const lines of wholeLines(file, await offsetOf(file, firstId)))
          for (const line of lines) {
            const event = parseEvent(line);
            if (event === undefined || Number(event.id) <= last) continue;
            last = Number(event.id);
            if (last >= firstId) yield event;
          }
      }
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle[]> {
  try {
    return [await open(path, 'r')];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

const BLOCK_BYTES = 64 * 1024;
/** Longer than most lines. */
const LINE_BYTES = 4 * 1024;

/**
 * The offset of a line, not far before the first one whose id is `id` or above: a follower asks for the
 * newest lines every second, and must not cost the reading of all.
 */
async function offsetOf(file: FileHandle, id: number): Promise<number> {
  let low = 0;
  let high = (await file.stat()).size;
  while (id > 0 && high - low > BLOCK_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const next = await lineAfter(file, middle, high);
    if (next === undefined || next.id >= id) high = middle;
    else low = next.offset;
  }
  return low;
}

/** The first line between two offsets whose beginning can be read. */
async function lineAfter(
  file: FileHandle,
  from: number,
  to: number,
): Promise<{ readonly offset: number; readonly id: number } | undefined> {
  const block = Buffer.alloc(LINE_BYTES);
  // Blocks overlap, so that none cuts the beginning of each line that it has.
  for (let start = from; start < to; start += LINE_BYTES / 2) {
    const { bytesRead } = await file.read(block, 0, LINE_BYTES, start);
    const [found] = block.toString('latin1', 0, bytesRead).matchAll(/\n\{"id":"(\d+)"/g);
    if (found !== undefined) return { offset: start + found.index + 1, id: Number(found[1]) };
  }
  return undefined;
}

/** A kill leaves a partial line; the next append must not continue it. Returns the file's size. */
async function endLastLine(path: string): Promise<number> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    if (size === 0) return 0;
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    if (buffer.toString() === '\n') return size;
    await file.appendFile('\n');
    return size + 1;
  } finally {
    await file.close();
  }
}

/** A partial line is no event. */
function parseEvent(line: string): LogEvent | undefined {
  try {
    return JSON.parse(line) as LogEvent;
  } catch {
    return undefined;
  }
}
