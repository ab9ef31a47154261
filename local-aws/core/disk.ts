import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Call } from './call.ts';
import { ServiceError } from './service-error.ts';

/** The system calls that write. A test has others, which fail. */
export interface DiskWrites {
  /** Writes at once, some of the bytes at least ("write(2)"); appends without a position. Returns how many. */
  write(file: number, bytes: Uint8Array, position: number | null): number;
  writev(file: FileHandle, chunks: readonly Uint8Array[]): Promise<{ readonly bytesWritten: number }>;
}

const systemWrites: DiskWrites = {
  write: (file, bytes, position) => writeSync(file, bytes, 0, bytes.length, position),
  writev: (file, chunks) => file.writev(chunks),
};

interface DiskOptions {
  /** Told that the disk is full, at most once a minute. */
  readonly onFull?: (line: string) => void;
  readonly writes?: DiskWrites;
}

/** A file that needs room ahead of what will be written to it. */
interface Roomy {
  /** Whether there is some; takes it where it can. */
  hasRoom(): boolean;
}

const REPORT_EVERY_MS = 60_000;
const TRY_AGAIN_MS = 500;

/** What of the services' state is written, and what happens when there is no room for it. */
export class Disk {
  readonly #onFull: (line: string) => void;
  readonly #writes: DiskWrites;
  readonly #files = new Set<Roomy>();
  readonly #closing = new AbortController();
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor({ onFull = () => {}, writes = systemWrites }: DiskOptions = {}) {
    this.#onFull = onFull;
    this.#writes = writes;
  }

  /** Counts a file among those without which nothing new is taken on. */
  watch(file: Roomy): void {
    this.#files.add(file);
  }

  unwatch(file: Roomy): void {
    this.#files.delete(file);
  }

  /** Writes all of it to an open file, at once. */
  write(file: number, bytes: Uint8Array, position: number | null = null): void {
    for (let written = 0; written < bytes.length; ) {
      const at = position === null ? null : position + written;
      written += this.#writes.write(file, written === 0 ? bytes : bytes.subarray(written), at);
    }
  }

  /** Writes all of the chunks to the end of an open file. */
  async append(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
    const wanted = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    let { bytesWritten } = await this.#writes.writev(file, chunks);
    // A short write happens when the disk is full; writing the rest brings the error to light.
    if (bytesWritten === wanted) return;
    const all = Buffer.concat(chunks);
    while (bytesWritten < wanted)
      bytesWritten += (await this.#writes.writev(file, [all.subarray(bytesWritten)])).bytesWritten;
  }

  get isFull(): boolean {
    for (const file of this.#files) if (!file.hasRoom()) return true;
    return false;
  }

  /** Until it is time to try once more. @throws when nobody will */
  async wait(): Promise<void> {
    const { signal } = this.#closing;
    await setTimeout(TRY_AGAIN_MS, undefined, { signal }).catch(() => {
      throw new Error('there was no room until the end');
    });
  }

  /** Lets nobody wait for room any longer. */
  close(): void {
    this.#closing.abort();
  }

  /** Refuses, before it has any effect, what could not be kept. @throws ServiceError 503 */
  check({ action }: Pick<Call, 'action'>): void {
    if (keepsSomething(action) && this.isFull) throw diskIsFull();
  }

  /** What to answer when a write failed: a full disk is no fault of ours. */
  refusal(path: string, error: unknown): unknown {
    if (!isFullDisk(error)) return error;
    this.report(path, error);
    return diskIsFull();
  }

  report(path: string, error: Error): void {
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    this.#onFull(
      `${path} can't be written: ${error.message}. Reads are answered, writes are refused with 503, and nothing that was acknowledged is lost. Make room: writes go on by themselves.`,
    );
  }
}

/** Whether the disk, or the user's share of it, has no room. */
export function isFullDisk(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT'].includes(`${error.code}`);
}

/** Whether an IAM action changes what the local cloud keeps on disk. */
const keepsSomething = (action: string) =>
  /^(s3|sqs|events|glue|states):(?!Get|List|Head|Describe|BatchGet|Test)/.test(action);

const diskIsFull = () =>
  new ServiceError(
    'ServiceUnavailable',
    503,
    'The disk of the local cloud is full. Make room on it: writes go on by themselves.',
  );
