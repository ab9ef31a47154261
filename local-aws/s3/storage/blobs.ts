import { closeSync, createReadStream, openSync, readdirSync, readSync } from 'node:fs';
import { open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Disk } from '../../core/disk.ts';
import { makePrivate } from '../../core/state.ts';
import type { Slice } from './model.ts';

/** Where the bytes are. A blob is written once, whole or not at all, and never changed. */
export interface Blobs {
  /**
   * Stores what `chunks` yields and returns the blob's name, made from the fresh `id`. When `chunks` throws, nothing is
   * stored and the error passes through. A chunk may be written over once the next is asked for.
   */
  write(id: string, chunks: AsyncIterable<Uint8Array>): Promise<string>;
  /**
   * The bytes from `start` to before `end` of the slices in a row, each chunk the reader's own. What is being read is not removed
   * meanwhile.
   */
  read(slices: readonly Slice[], start: number, end: number): Readable;
  /** The same, for the reader alone, where the bytes are few and at hand; a stream costs much more than to read them. */
  atOnce(slices: readonly Slice[], start: number, end: number): Uint8Array | undefined;
  remove(blobs: Iterable<string>): Promise<void>;
  /** Whether nothing was stored yet. */
  readonly isEmpty: boolean;
  /** Removes, at start, what a crash left behind: all that was written but `referenced`. */
  sweep(referenced: ReadonlySet<string>): Promise<void>;
  /** Lets go of what is open. */
  close(): void;
}

interface Piece {
  readonly blob: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** The pieces of slices that make up a range. */
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

/** Bodies up to this size share a file: to make one of its own costs more than to write them. */
const largestPacked = 64 * 1024;
/** A pack that has grown beyond this is followed by a new one. */
const fullPack = 64 * 1024 * 1024;
/** Packs that are kept open to be read. */
const mostOpen = 64;

/**
 * Blobs in files: `<directory>/blobs/<id>` for a large one, `<directory>/blobs/pack-<id>`, at an offset, for small
 * ones, which a process puts one behind the other into packs of its own. A pack goes when none of its blobs is left. What is on
 * its way in is in `<directory>/incoming/`.
 */
export class FileBlobs implements Blobs {
  readonly #disk: Disk;
  readonly #blobs: string;
  readonly #incoming: string;
  readonly #readers = new Map<string, number>();
  readonly #doomed = new Set<string>();
  /** How many blobs each pack still holds. */
  readonly #packed = new Map<string, number>();
  #pack: { name: string; file: number; size: number } | undefined;
  /** Those that were opened to be read, the latest last. */
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
    // In its place: what a write that failed has left is written over.
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
    // A file that stays behind is swept at the next start.
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

  async sweep(referenced: ReadonlySet<string>): Promise<void> {
    const kept = new Set<string>();
    for (const blob of referenced) {
      const { file, packed } = fileOf(blob);
      kept.add(file);
      if (packed) this.#packed.set(file, (this.#packed.get(file) ?? 0) + 1);
    }
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

/** Whether a file's name is one that `write` gives, with the ids of the store: no other file is ever removed. */
const isOwn = (name: string) => /^(pack-)?[0-9a-f]{32}$/.test(name);

function fileOf(blob: string): { file: string; offset: number; packed: boolean } {
  const [file = '', offset] = blob.split('@');
  return { file, offset: Number(offset ?? 0), packed: offset !== undefined };
}

/** Blobs in memory, for the simulation and for small runs that keep nothing. */
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

  async sweep(referenced: ReadonlySet<string>): Promise<void> {
    for (const id of this.#blobs.keys()) if (!referenced.has(id)) this.#blobs.delete(id);
  }

  close(): void {}
}
