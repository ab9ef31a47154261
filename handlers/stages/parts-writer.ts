import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { partKey, type VersionPath } from '../../domain/key-layout.ts';
import { MAX_PART_BYTES, MAX_PART_RECORDS, type PartHeader } from '../../domain/part.ts';
import type { StoredObject } from '../../domain/receipt.ts';
import type { ObjectStore } from '../edges/object-store.ts';

const compress = promisify(zstdCompress);
const ZSTD_LEVEL = 1;

/** Gathers valid records into parts of bounded size. While one part is compressed and stored, the next one fills. */
export class PartsWriter {
  readonly written: StoredObject[] = [];
  readonly #store: ObjectStore;
  readonly #bucket: string;
  readonly #path: VersionPath;
  readonly #header: Omit<PartHeader, 'part'>;
  #lines: string[] = [];
  #length = 0;
  #parts = 0;
  #storing: Promise<void> = Promise.resolve();
  records = 0;

  constructor(store: ObjectStore, bucket: string, path: VersionPath, header: Omit<PartHeader, 'part'>) {
    this.#store = store;
    this.#bucket = bucket;
    this.#path = path;
    this.#header = header;
  }

  /** Adds a line; waits where a part is full and the one before it is not stored yet. */
  async add(line: string): Promise<void> {
    this.records += 1;
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#lines.length >= MAX_PART_RECORDS || this.#length >= MAX_PART_BYTES) await this.#flush();
  }

  /** Stores what is left. */
  async finish(): Promise<void> {
    if (this.#lines.length > 0) await this.#flush();
    await this.#storing;
  }

  /** Resolves, whatever becomes of it, when nothing is being stored any more. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#storing;
    const part = this.#parts;
    this.#parts += 1;
    const header: PartHeader = { ...this.#header, part };
    const text = `${JSON.stringify(header)}\n${this.#lines.join('\n')}\n`;
    const records = this.#lines.length;
    this.#lines = [];
    this.#length = 0;
    this.#storing = this.#storePart(part, text, records);
    // A failure is met where the next part waits for this one; until then it is not unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(part: number, text: string, records: number): Promise<void> {
    const body = await compress(text, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
    const key = partKey(this.#path, part);
    await this.#store.write({ bucket: this.#bucket, key, body, contentType: 'application/zstd' });
    this.written.push({ key, records, bytes: body.length });
  }
}
