import type { PartHeader } from '../../domain/records/part.ts';
import { partKey, type VersionPath } from '../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../domain/versions/receipt.ts';
import type { StageContext } from './context.ts';

const LINE_FEED = 0x0a;

/** Gathers valid records into parts of bounded size. While one part is compressed and stored, the next one fills. */
export class PartsWriter {
  readonly written: StoredObject[] = [];
  readonly #surroundings: StageContext;
  readonly #bucket: string;
  readonly #path: VersionPath;
  readonly #header: Omit<PartHeader, 'part'>;
  /** The part under way, its header first. */
  #content = new GrowingText();
  #lines = 0;
  /** A part's that is stored, to be used again. */
  #spare: GrowingText | undefined;
  #parts = 0;
  #storing: Promise<void> = Promise.resolve();
  records = 0;

  constructor(
    surroundings: StageContext,
    bucket: string,
    path: VersionPath,
    header: Omit<PartHeader, 'part'>,
  ) {
    this.#surroundings = surroundings;
    this.#bucket = bucket;
    this.#path = path;
    this.#header = header;
  }

  /** Adds a line. Returns whether the part is full, and `flush` is to be awaited before the next line. */
  add(line: string): boolean {
    if (this.#lines === 0) this.#content.add(JSON.stringify({ ...this.#header, part: this.#parts }));
    this.#content.add(line);
    this.records += 1;
    this.#lines += 1;
    const { partRecords, partBytes } = this.#surroundings.limits;
    return this.#lines >= partRecords || this.#content.length >= partBytes;
  }

  /** Stores what is left. */
  async finish(): Promise<void> {
    if (this.#lines > 0) await this.flush();
    await this.#storing;
  }

  /** Resolves, whatever becomes of it, when nothing is being stored any more. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => {});
  }

  /** Ends the part, and waits until the one before it is stored. */
  async flush(): Promise<void> {
    await this.#storing;
    this.#storing = this.#storePart(this.#parts, this.#content, this.#lines);
    this.#content = this.#spare ?? new GrowingText();
    this.#spare = undefined;
    this.#parts += 1;
    this.#lines = 0;
    // A failure is met where the next part waits for this one; until then it is not unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(part: number, content: GrowingText, records: number): Promise<void> {
    const { store, zstd } = this.#surroundings;
    const body = await zstd.compress(content.bytes);
    content.clear();
    this.#spare = content;
    const key = partKey(this.#path, part);
    await store.write({ bucket: this.#bucket, key, body, contentType: 'application/zstd' });
    this.written.push({ key, records, bytes: body.length });
  }
}

/** Lines as UTF-8 in a buffer: thousands of strings that live until a part is full would be copied by every collection. */
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
