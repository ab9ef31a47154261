import type { ByteRange } from '../domain/records/decoding/source.ts';
import type { DataFile } from '../formats/iceberg/manifest/data-file.ts';
import type { NewFile } from '../formats/iceberg/metadata/files.ts';
import { contentTypes } from '../formats/lake-file.ts';
import type { OpenParquet } from '../formats/parquet/read.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { FileCache } from './file-cache.ts';

/** A file that is not larger is read in one request. */
const READ_WHOLE_BYTES = 1024 * 1024;

export interface TableFilesOptions {
  /** The table's. */
  readonly name: string;
  /** Of the lake. */
  readonly bucket: string;
  readonly store: ObjectStore;
  /** Of metadata that need not be read again. */
  readonly cache?: FileCache;
}

/** The files of a table in the lake. */
export class TableFiles {
  readonly name: string;
  readonly #options: TableFilesOptions;

  constructor(options: TableFilesOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The URI of a key of the lake. */
  uri(key: string): string {
    return `s3://${this.#options.bucket}/${key}`;
  }

  /** The content of a file of the table's metadata. @throws {ObjectNotFound} */
  async file(uri: string): Promise<Buffer> {
    const { store, cache } = this.#options;
    const file = cache?.get(uri) ?? (await readUri(store, uri));
    cache?.put(uri, file);
    return file;
  }

  /** Opens a data file. @param whole whether all of it is to be read, at once */
  open(
    { filePath, fileSizeInBytes: size }: Pick<DataFile, 'filePath' | 'fileSizeInBytes'>,
    { whole = false } = {},
  ): Promise<OpenParquet> {
    const { bucket, key } = parseS3Uri(filePath);
    return openInRanges(whole ? 0 : size, (range) => this.#options.store.bytes(bucket, key, range));
  }

  /** Stores a data file. */
  async put(key: string, body: Uint8Array): Promise<void> {
    const { store, bucket } = this.#options;
    await store.write({ bucket, key, body, contentType: contentTypes.parquet });
  }

  /** Removes data files that nobody has read: the table does not name them. */
  async remove(keys: readonly string[]): Promise<void> {
    await this.#options.store.remove(this.#options.bucket, keys);
  }
}

/**
 * Opens a Parquet file of so many bytes: a small one is read at once, of a large one what is asked for.
 *
 * @param read without a range all of it
 */
export async function openInRanges(
  size: number,
  read: (range?: ByteRange) => Promise<Uint8Array>,
): Promise<OpenParquet> {
  // Few commits read a data file.
  const { openParquet } = await import('../formats/parquet/read.ts');
  if (size <= READ_WHOLE_BYTES) return openParquet(arrayBuffer(await read()));
  return openParquet({
    byteLength: size,
    slice: async (start, end = size) =>
      start < end ? arrayBuffer(await read({ start, end })) : new ArrayBuffer(),
  });
}

const arrayBuffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

export async function readUri(store: ObjectStore, uri: string): Promise<Buffer> {
  const { bucket, key } = parseS3Uri(uri);
  return Buffer.from(await store.bytes(bucket, key));
}

/** Writes a file of a table's metadata. */
export async function writeFile(store: ObjectStore, { path, bytes }: NewFile): Promise<void> {
  const { bucket, key } = parseS3Uri(path);
  const contentType = path.endsWith('.json') ? 'application/json' : 'application/octet-stream';
  await store.write({ bucket, key, body: bytes, contentType });
}

/** @throws {Error} if it is no URI of an object in S3 */
export function parseS3Uri(uri: string): { readonly bucket: string; readonly key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(uri) ?? [];
  if (bucket === undefined || key === undefined) throw new Error(`${uri} is no object in S3.`);
  return { bucket, key };
}
