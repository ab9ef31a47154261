import type { PartHeader } from '../../domain/records/part.ts';
import { partKey, type VersionPath } from '../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../domain/versions/receipt.ts';
import type { StageContext } from './context.ts';

const LINE_FEED = 0x0a;

/**
 * Gathers valid records into parts of bounded size. While one part is compressed and stored, the next one
 * fills.
 */
export class PartsWriter {
  readonly written: StoredObject[] = [];
  readonly #context: StageContext;
  readonly #bucket: string;
  readonly #path: VersionPath;
  readonly #header: Omit<PartHeader, 'part'>;
  /** The current part, with its header first. */
  #content = new GrowingText();
  #lines = 0;
  /** The buffer of a part that is stored, for reuse. */
  #spare: GrowingText | undefined;
  #parts = 0;
  #storing: Promise<void> = Promise.resolve();
  records = 0;

  constructor(context: StageContext, bucket: string, path: VersionPath, header: Omit<PartHeader, 'part'>) {
    this.#context = context;
    this.#bucket = bucket;
    this.#path = path;
    this.#header = header;
  }

  /** Adds a line. @returns whether the part is full: then `flush` must be awaited before the next line */
  add(line: string): boolean {
    if (this.#lines === 0) this.#content.add(JSON.stringify({ ...this.#header, part: this.#parts }));
    this.#content.add(line);
    this.records += 1;
    this.#lines += 1;
    const { partRecords, partBytes } = this.#context.limits;
    return this.#lines >= partRecords || this.#content.length >= partBytes;
  }

  /** Stores the last part. */
  async finish(): Promise<void> {
    if (this.#lines > 0) await this.flush();
    await this.#storing;
  }

  /** Resolves when no part is being stored any more, even if storing failed. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => {});
  }

  /** Starts to store the part, as soon as the one before it is stored. */
  async flush(): Promise<void> {
    await this.#storing;
    this.#storing = this.#storePart(this.#parts, this.#content, this.#lines);
    this.#content = this.#spare ?? new GrowingText();
    this.#spare = undefined;
    this.#parts += 1;
    this.#lines = 0;
    // A failure is thrown where the next part waits for this one. Until then, it must not count as unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(part: number, content: GrowingText, records: number): Promise<void> {
    const { store, zstd } = this.#context;
    const body = await zstd.compress(content.bytes);
    content.clear();
    this.#spare = content;
    const key = partKey(this.#path, part);
    await store.write({ bucket: this.#bucket, key, body, contentType: 'application/zstd' });
    this.written.push({ key, records, bytes: body.length });
  }
}

/**
 * Lines as UTF-8 in a buffer. Thousands of strings that live until a part is full would be copied by every
 * garbage collection.
 */
class GrowingText {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  add(line: string): void {
    const end = this.#length + 3 * line.length + 1;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * this.#bytes.length));
      this.bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#length += this.#bytes.write(line, this.#length);
    this.#bytes[this.#length] = LINE_FEED;
    this.#length += 1;
  }

  clear(): void {
    this.#length = 0;
  }
}
