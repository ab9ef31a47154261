import type { LocatedMetadata } from '../formats/iceberg/metadata/files.ts';

/** Of so many tables the metadata is kept as it was read: one of 10,000 commits takes a megabyte and more. */
const TABLES = 16;

/**
 * The files of tables' metadata that were read or written last, so that a commit need not read again what the
 * one before it has written. They never change once they are written.
 */
export class FileCache {
  readonly #most: number;
  /** By URI, the oldest first. */
  readonly #files = new Map<string, Buffer>();
  #bytes = 0;
  /** What tables got last, by location, the oldest first: to read the text again takes milliseconds. */
  readonly #metadata = new Map<string, LocatedMetadata>();

  /** @param most bytes in all */
  constructor(most = 16_000_000) {
    this.#most = most;
  }

  /** The metadata of a table, if this is the file that it got last. */
  metadata(location: string, uri: string): LocatedMetadata['metadata'] | undefined {
    const last = this.#metadata.get(location);
    return last?.path === uri ? last.metadata : undefined;
  }

  putMetadata(location: string, { path, metadata }: LocatedMetadata): void {
    this.#metadata.delete(location);
    this.#metadata.set(location, { path, metadata });
    for (const oldest of this.#metadata.keys()) {
      if (this.#metadata.size <= TABLES) return;
      this.#metadata.delete(oldest);
    }
  }

  get(uri: string): Buffer | undefined {
    return this.#files.get(uri);
  }

  put(uri: string, file: Buffer): void {
    if (this.#files.has(uri) || file.length > this.#most) return;
    this.#files.set(uri, file);
    this.#bytes += file.length;
    for (const [oldest, { length }] of this.#files) {
      if (this.#bytes <= this.#most) return;
      this.#files.delete(oldest);
      this.#bytes -= length;
    }
  }
}
