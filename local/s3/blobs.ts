import { createReadStream, mkdirSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Slice } from './bucket.ts';

/** Where the bytes are. A blob is written once, whole or not at all, and never changed. */
export interface Blobs {
  /** Stores what `chunks` yields; when it throws, nothing is stored and the error passes through. */
  write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes from `start` to before `end` of the slices in a row. What is being read is not removed meanwhile. */
  read(slices: readonly Slice[], start: number, end: number): Readable;
  remove(ids: Iterable<string>): Promise<void>;
  /** Removes, at start, what a crash left behind: all but `referenced`. */
  sweep(referenced: ReadonlySet<string>): Promise<void>;
}

/** The pieces of slices that make up a range. */
function* pieces(slices: readonly Slice[], start: number, end: number) {
  let offset = 0;
  for (const { blob, size } of slices) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, size);
    if (from < to) yield { blob, from, to };
    offset += size;
    if (offset >= end) return;
  }
}

const readChunk = 256 * 1024;
/** Chunks of a body are gathered up to this size before they are written. */
const writeChunk = 1024 * 1024;

/** Blobs as files `<directory>/blobs/<id>`; what is on its way in is in `<directory>/incoming/`. */
export class FileBlobs implements Blobs {
  readonly #blobs: string;
  readonly #incoming: string;
  readonly #readers = new Map<string, number>();
  readonly #doomed = new Set<string>();

  constructor(directory: string) {
    this.#blobs = join(directory, 'blobs');
    this.#incoming = join(directory, 'incoming');
    mkdirSync(this.#blobs, { recursive: true });
    mkdirSync(this.#incoming, { recursive: true });
  }

  async write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const path = join(this.#incoming, id);
    const file = await open(path, 'wx', 0o600);
    try {
      await pour(chunks, file);
      await file.close();
      await rename(path, join(this.#blobs, id));
    } catch (error) {
      await file.close().catch(() => {});
      await rm(path, { force: true });
      throw error;
    }
  }

  read(slices: readonly Slice[], start: number, end: number): Readable {
    const wanted = [...pieces(slices, start, end)];
    for (const { blob } of wanted) this.#readers.set(blob, (this.#readers.get(blob) ?? 0) + 1);
    const [only] = wanted;
    const stream =
      only && wanted.length === 1
        ? createReadStream(join(this.#blobs, only.blob), {
            start: only.from,
            end: only.to - 1,
            highWaterMark: readChunk,
          })
        : Readable.from(this.#each(wanted), { objectMode: false, highWaterMark: readChunk });
    return stream.once('close', () => {
      for (const { blob } of wanted) this.#release(blob);
    });
  }

  async *#each(wanted: readonly { blob: string; from: number; to: number }[]): AsyncGenerator<Uint8Array> {
    for (const { blob, from, to } of wanted) {
      yield* createReadStream(join(this.#blobs, blob), {
        start: from,
        end: to - 1,
        highWaterMark: readChunk,
      });
    }
  }

  #release(blob: string): void {
    const readers = (this.#readers.get(blob) ?? 0) - 1;
    if (readers > 0) {
      this.#readers.set(blob, readers);
      return;
    }
    this.#readers.delete(blob);
    // A file that stays behind is swept at the next start.
    if (this.#doomed.delete(blob)) this.#unlink(blob).catch(() => {});
  }

  async remove(ids: Iterable<string>): Promise<void> {
    for (const id of ids) {
      if (this.#readers.has(id)) this.#doomed.add(id);
      else await this.#unlink(id);
    }
  }

  async #unlink(id: string): Promise<void> {
    await unlink(join(this.#blobs, id));
  }

  async sweep(referenced: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#incoming)) await rm(join(this.#incoming, name), { force: true });
    for (const name of await readdir(this.#blobs)) if (!referenced.has(name)) await this.#unlink(name);
  }
}

/** Writes all chunks to the file, gathering small ones; the next ones are hashed while the last are written. */
async function pour(chunks: AsyncIterable<Uint8Array>, file: FileHandle): Promise<void> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  let writing: Promise<unknown> | undefined;
  let failed: unknown;
  const flush = () => {
    if (size === 0) return;
    const batch = gathered;
    gathered = [];
    size = 0;
    writing = writeAll(file, batch).catch((error: unknown) => {
      failed = error;
    });
  };
  try {
    for await (const chunk of chunks) {
      gathered.push(chunk);
      size += chunk.byteLength;
      if (size < writeChunk) continue;
      await writing;
      if (failed !== undefined) break;
      flush();
    }
  } finally {
    await writing;
  }
  flush();
  await writing;
  if (failed !== undefined) throw failed;
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const wanted = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const { bytesWritten } = await file.writev(chunks);
  // A short write happens when the disk is full; writing the rest brings the error to light.
  if (bytesWritten < wanted) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}

/** Blobs in memory, for the simulation and for small runs that keep nothing. */
export class MemoryBlobs implements Blobs {
  readonly #blobs = new Map<string, Uint8Array>();

  async write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk);
    this.#blobs.set(id, Buffer.concat(all));
  }

  read(slices: readonly Slice[], start: number, end: number): Readable {
    const found = [...pieces(slices, start, end)].map(({ blob, from, to }) => {
      const bytes = this.#blobs.get(blob);
      if (!bytes) throw new Error(`There is no blob ${blob}.`);
      return bytes.subarray(from, to);
    });
    return Readable.from(found, { objectMode: false });
  }

  async remove(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#blobs.delete(id);
  }

  async sweep(referenced: ReadonlySet<string>): Promise<void> {
    for (const id of this.#blobs.keys()) if (!referenced.has(id)) this.#blobs.delete(id);
  }

  /** How many blobs are held: what is not referenced must not stay. */
  get count(): number {
    return this.#blobs.size;
  }
}
