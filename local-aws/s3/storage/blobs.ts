import { closeSync, createReadStream, openSync, readdirSync, readSync } from 'node:fs';
import { open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Disk } from '../../core/disk.ts';
import { makePrivate } from '../../core/state.ts';
import type { Slice } from './model.ts';

/** Stores bytes. A blob is written once, completely or not at all, and never changed. */
export interface Blobs {
  /**
   * Stores the bytes of `chunks` and returns the blob's name, derived from the fresh `id`. If `chunks`
   * throws, nothing is stored and the error is passed on. A chunk may be overwritten once the next is
   * requested.
   */
  write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<string>;
  /**
   * The bytes from `start` to before `end` of the concatenated slices; the reader owns each chunk. A blob is
   * not removed while it is being read.
   */
  read(slices: readonly Slice[], start: number, end: number): Readable;
  /**
   * The same bytes at once, owned by the reader, if they are few and available; a stream costs much more than
   * reading them.
   */
  atOnce(slices: readonly Slice[], start: number, end: number): Uint8Array | undefined;
  remove(blobs: Iterable<string>): Promise<void>;
  /** Whether nothing has been stored yet. */
  readonly isEmpty: boolean;
  /** Removes, at start, everything that a crash left behind: all blobs except `referenced`. */
  sweep(referenced: Iterable<string>): Promise<void>;
  /** Closes open files. */
  close(): void;
}

interface Piece {
  readonly blob: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** The pieces of the slices within a range. */
function* pieces(slices: readonly Slice[], start: number, end: number): Generator<Piece> {
  let offset = 0;
  for (const { blob, size } of slices) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, size);
    if (from < to) yield { blob, from, to };
    offset += size;
    if (offset >= end) return;
  }
}

const readChunk = 512 * 1024;

/** Bodies up to this size share a file, because creating a file costs more than writing them. */
const largestPacked = 64 * 1024;
/** A pack larger than this is followed by a new one. */
const fullPack = 64 * 1024 * 1024;
/** Number of packs kept open for reading. */
const mostOpen = 64;

/**
 * Blobs in files: `<directory>/blobs/<id>` for a large one; `<directory>/blobs/pack-<id>`, at an offset, for
 * small ones. Each process appends to packs of its own. A pack is deleted when none of its blobs is left.
 * Incoming blobs are in `<directory>/incoming/`.
 */
export class FileBlobs implements Blobs {
  readonly #disk: Disk;
  readonly #blobs: string;
  readonly #incoming: string;
  readonly #readers = new Map<string, number>();
  readonly #doomed = new Set<string>();
  /** The number of remaining blobs in each pack. */
  readonly #packed = new Map<string, number>();
  #pack: { name: string; file: number; size: number } | undefined;
  /** Packs that are open for reading, the latest last. */
  readonly #open = new Map<string, number>();

  constructor(directory: string, disk = new Disk()) {
    this.#disk = disk;
    this.#blobs = join(directory, 'blobs');
    this.#incoming = join(directory, 'incoming');
    for (const each of [directory, this.#blobs, this.#incoming]) makePrivate(each);
  }

  get isEmpty(): boolean {
    return !readdirSync(this.#blobs).some(isOwn);
  }

  async write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
    const iterator = chunks[Symbol.asyncIterator]();
    const begin: Uint8Array[] = [];
    try {
      for (let size = 0; ; ) {
        const next = await iterator.next();
        if (next.done) return this.#append(id, Buffer.concat(begin));
        size += next.value.byteLength;
        if (size > largestPacked) return await this.#pour(id, [...begin, next.value], iterator);
        begin.push(Buffer.from(next.value));
      }
    } catch (error) {
      throw this.#disk.refusal(this.#blobs, error);
    }
  }

  async #pour(id: string, begin: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): Promise<string> {
    const path = join(this.#incoming, id);
    const file = await open(path, 'wx', 0o600);
    try {
      await this.#disk.append(file, begin);
      for await (const chunk of { [Symbol.asyncIterator]: () => rest })
        await this.#disk.append(file, [chunk]);
      await file.close();
      await rename(path, join(this.#blobs, id));
      return id;
    } catch (error) {
      await file.close().catch(() => {});
      await rm(path, { force: true });
      throw error;
    }
  }

  #append(id: string, bytes: Uint8Array): string {
    if (!this.#pack || this.#pack.size > fullPack) {
      if (this.#pack) closeSync(this.#pack.file);
      const name = `pack-${id}`;
      this.#pack = { name, file: openSync(join(this.#blobs, name), 'wx', 0o600), size: 0 };
    }
    const { name, file, size } = this.#pack;
    // At its position: this overwrites the remains of a failed write.
    this.#disk.write(file, bytes, size);
    this.#pack.size += bytes.length;
    this.#packed.set(name, (this.#packed.get(name) ?? 0) + 1);
    return `${name}@${size}`;
  }

  read(slices: readonly Slice[], start: number, end: number): Readable {
    const wanted = [...pieces(slices, start, end)];
    for (const { blob } of wanted) this.#readers.set(blob, (this.#readers.get(blob) ?? 0) + 1);
    const [only] = wanted;
    const stream =
      only && wanted.length === 1
        ? this.#stream(only)
        : Readable.from(this.#each(wanted), { objectMode: false, highWaterMark: readChunk });
    return stream.once('close', () => {
      for (const { blob } of wanted) this.#release(blob);
    });
  }

  atOnce(slices: readonly Slice[], start: number, end: number): Uint8Array | undefined {
    const [only, another] = pieces(slices, start, end);
    if (only === undefined) return new Uint8Array();
    const { file, offset, packed } = fileOf(only.blob);
    if (another !== undefined || !packed) return undefined;
    const bytes = Buffer.allocUnsafe(only.to - only.from);
    const opened = this.#opened(file);
    for (let read = 0; read < bytes.length; ) {
      const more = readSync(opened, bytes, read, bytes.length - read, offset + only.from + read);
      if (more === 0) throw new Error(`${file} is shorter than it was.`);
      read += more;
    }
    return bytes;
  }

  #opened(name: string): number {
    const opened = this.#open.get(name) ?? openSync(join(this.#blobs, name), 'r');
    this.#open.delete(name);
    this.#open.set(name, opened);
    const [oldest] = this.#open.keys();
    if (this.#open.size > mostOpen && oldest !== undefined) this.#close(oldest);
    return opened;
  }

  #close(name: string): void {
    const opened = this.#open.get(name);
    if (opened !== undefined) closeSync(opened);
    this.#open.delete(name);
  }

  async *#each(wanted: readonly Piece[]): AsyncGenerator<Uint8Array> {
    for (const piece of wanted) yield* this.#stream(piece);
  }

  #stream({ blob, from, to }: Piece): Readable {
    const { file, offset } = fileOf(blob);
    return createReadStream(join(this.#blobs, file), {
      start: offset + from,
      end: offset + to - 1,
      highWaterMark: readChunk,
    });
  }

  #release(blob: string): void {
    const readers = (this.#readers.get(blob) ?? 0) - 1;
    if (readers > 0) {
      this.#readers.set(blob, readers);
      return;
    }
    this.#readers.delete(blob);
    // If a file can't be deleted, the sweep at the next start deletes it.
    if (this.#doomed.delete(blob)) this.#drop(blob).catch(() => {});
  }

  async remove(blobs: Iterable<string>): Promise<void> {
    for (const blob of blobs) {
      if (this.#readers.has(blob)) this.#doomed.add(blob);
      else await this.#drop(blob);
    }
  }

  async #drop(blob: string): Promise<void> {
    const { file, packed } = fileOf(blob);
    if (packed) {
      const left = (this.#packed.get(file) ?? 0) - 1;
      this.#packed.set(file, left);
      if (left > 0 || file === this.#pack?.name) return;
      this.#packed.delete(file);
      this.#close(file);
    }
    await unlink(join(this.#blobs, file));
  }

  async sweep(referenced: Iterable<string>): Promise<void> {
    const kept = new Map<string, { blobs: number; packed: boolean }>();
    for (const blob of referenced) {
      const file = nameOf(blob);
      const known = kept.get(file);
      if (known === undefined) kept.set(file, { blobs: 1, packed: file !== blob });
      else known.blobs += 1;
    }
    for (const [file, { blobs, packed }] of kept) if (packed) this.#packed.set(file, blobs);
    for (const directory of [this.#incoming, this.#blobs])
      for (const name of await readdir(directory))
        if (isOwn(name) && !kept.has(name)) await unlink(join(directory, name));
  }

  close(): void {
    for (const name of [...this.#open.keys()]) this.#close(name);
    if (this.#pack) closeSync(this.#pack.file);
    this.#pack = undefined;
  }
}

/**
 * Whether a file's name is one that `write` returns, with the ids of the store; no other file is ever
 * removed.
 */
const isOwn = (name: string) => /^(pack-)?[0-9a-f]{32}$/.test(name);

/** The name of a blob's file. */
function nameOf(blob: string): string {
  const at = blob.indexOf('@');
  return at < 0 ? blob : blob.slice(0, at);
}

function fileOf(blob: string): { file: string; offset: number; packed: boolean } {
  const file = nameOf(blob);
  return { file, offset: Number(blob.slice(file.length + 1)), packed: file !== blob };
}

/** Blobs in memory, for the simulation and for small ephemeral runs. */
export class MemoryBlobs implements Blobs {
  readonly #blobs = new Map<string, Uint8Array>();

  get isEmpty(): boolean {
    return this.#blobs.size === 0;
  }

  async write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(Buffer.from(chunk));
    this.#blobs.set(id, Buffer.concat(all));
    return id;
  }

  read(slices: readonly Slice[], start: number, end: number): Readable {
    const found = [...pieces(slices, start, end)].map(({ blob, from, to }) => {
      const bytes = this.#blobs.get(blob);
      if (!bytes) throw new Error(`There is no blob ${blob}.`);
      return Buffer.from(bytes.subarray(from, to));
    });
    return Readable.from(found, { objectMode: false });
  }

  atOnce(): undefined {
    return undefined;
  }

  async remove(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#blobs.delete(id);
  }

  async sweep(referenced: Iterable<string>): Promise<void> {
    const kept = new Set(referenced);
    for (const id of this.#blobs.keys()) if (!kept.has(id)) this.#blobs.delete(id);
  }

  close(): void {}
}
