import { partKey, type VersionPath } from '../../domain/key-layout.ts';
import type { PartHeader } from '../../domain/part.ts';
import type { StoredObject } from '../../domain/receipt.ts';
import type { Surroundings } from './work.ts';

/** Gathers valid records into parts of bounded size. While one part is compressed and stored, the next one fills. */
export class PartsWriter {
  readonly written: StoredObject[] = [];
  readonly #surroundings: Surroundings;
  readonly #bucket: string;
  readonly #path: VersionPath;
  readonly #header: Omit<PartHeader, 'part'>;
  #lines: string[] = [];
  #bytes = 0;
  #parts = 0;
  #storing: Promise<void> = Promise.resolve();
  records = 0;

  constructor(
    surroundings: Surroundings,
    bucket: string,
    path: VersionPath,
    header: Omit<PartHeader, 'part'>,
  ) {
    this.#surroundings = surroundings;
    this.#bucket = bucket;
    this.#path = path;
    this.#header = header;
  }

  /** Adds a line; waits where a part is full and the one before it is not stored yet. */
  async add(line: string): Promise<void> {
    this.records += 1;
    this.#lines.push(line);
    this.#bytes += Buffer.byteLength(line) + 1;
    const { records, bytes } = this.#surroundings.partLimits;
    if (this.#lines.length >= records || this.#bytes >= bytes) await this.#flush();
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
    this.#bytes = 0;
    this.#storing = this.#storePart(part, text, records);
    // A failure is met where the next part waits for this one; until then it is not unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(part: number, text: string, records: number): Promise<void> {
    const { store, zstd } = this.#surroundings;
    const body = await zstd.compress(text);
    const key = partKey(this.#path, part);
    await store.write({ bucket: this.#bucket, key, body, contentType: 'application/zstd' });
    this.written.push({ key, records, bytes: body.length });
  }
}
