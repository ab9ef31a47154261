import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
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
    for await (const event of this.#file(functionName).events()) {
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

  async *events(): AsyncGenerator<LogEvent> {
    await this.flush();
    yield* this.#written();
  }

  async *#written(): AsyncGenerator<LogEvent> {
    for (const path of [`${this.#path}.1`, this.#path]) {
      try {
        for await (const line of wholeLines(path)) {
          const event = parseEvent(line);
          if (event !== undefined) yield event;
        }
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    }
  }
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
