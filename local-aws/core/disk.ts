import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Call } from './call.ts';
import { ServiceError } from './service-error.ts';

/** The system calls that write. Tests replace them with failing ones. */
export interface DiskWrites {
  /**
   * Writes synchronously, possibly only some of the bytes ("write(2)"); appends if there is no position.
   * Returns the number of bytes written.
   */
  write(file: number, bytes: Uint8Array, position: number | null): number;
  writev(file: FileHandle, chunks: readonly Uint8Array[]): Promise<{ readonly bytesWritten: number }>;
}

const systemWrites: DiskWrites = {
  write: (file, bytes, position) => writeSync(file, bytes, 0, bytes.length, position),
  writev: (file, chunks) => file.writev(chunks),
};

interface DiskOptions {
  /** Called when the disk is full, at most once a minute. */
  readonly onFull?: (line: string) => void;
  readonly writes?: DiskWrites;
}

/** A file that reserves room for later writes. */
interface Roomy {
  /** Whether room is reserved; tries to reserve it first. */
  hasRoom(): boolean;
}

const REPORT_EVERY_MS = 60_000;
const TRY_AGAIN_MS = 500;

/** Writes the services' state, and refuses new work when there is no room for it. */
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

  /** Refuses new writes while this file has no room. */
  watch(file: Roomy): void {
    this.#files.add(file);
  }

  unwatch(file: Roomy): void {
    this.#files.delete(file);
  }

  /** Writes all bytes to an open file, synchronously. */
  write(file: number, bytes: Uint8Array, position: number | null = null): void {
    for (let written = 0; written < bytes.length; ) {
      const at = position === null ? null : position + written;
      written += this.#writes.write(file, written === 0 ? bytes : bytes.subarray(written), at);
    }
  }

  /** Writes all chunks to the end of an open file. */
  async append(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
    const wanted = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    let { bytesWritten } = await this.#writes.writev(file, chunks);
    // A full disk causes a short write; writing the rest raises the error.
    if (bytesWritten === wanted) return;
    const all = Buffer.concat(chunks);
    while (bytesWritten < wanted)
      bytesWritten += (await this.#writes.writev(file, [all.subarray(bytesWritten)])).bytesWritten;
  }

  get isFull(): boolean {
    for (const file of this.#files) if (!file.hasRoom()) return true;
    return false;
  }

  /** Resolves when it is time to retry. @throws if the disk was closed */
  async wait(): Promise<void> {
    const { signal } = this.#closing;
    await setTimeout(TRY_AGAIN_MS, undefined, { signal }).catch(() => {
      throw new Error('the disk was full until the local cloud stopped');
    });
  }

  /** Ends all waiting for room. */
  close(): void {
    this.#closing.abort();
  }

  /** Refuses a call before it takes effect, if its change could not be kept. @throws ServiceError 503 */
  check({ action }: Pick<Call, 'action'>): void {
    if (keepsSomething(action) && this.isFull) throw diskIsFull();
  }

  /** The error to answer after a failed write: a full disk gets a message of its own. */
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
      `${path} can't be written: ${error.message}. Writes are refused with 503; reads still work, and no acknowledged write is lost. Free disk space: writes then resume automatically.`,
    );
  }
}

/** Whether the disk is full or the user's quota is used up. */
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
    "The local cloud's disk is full. Free disk space: writes then resume automatically.",
  );
