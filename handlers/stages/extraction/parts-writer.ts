import type { Batch } from '../../../domain/records/decoding/decode.ts';
import { type Piece, recordsIn, startIn } from '../../../domain/records/decoding/record.ts';
import { PartBuilder, type PartHeader, type PartName } from '../../../domain/records/part.ts';
import { partKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import type { StageContext } from '../context.ts';

/**
 * Gathers records into parts of bounded size. While one part is compressed and stored, the next one fills.
 */
export class PartsWriter {
  readonly written: StoredObject[] = [];
  readonly #context: StageContext;
  readonly #bucket: string;
  readonly #path: VersionPath;
  readonly #object: Omit<PartName, 'part'>;
  #current = new PartBuilder();
  /** The memory of a part that is stored, for reuse. */
  #spare: PartBuilder | undefined;
  #columns: readonly string[] | undefined;
  #parts = 0;
  #storing: Promise<void> = Promise.resolve();
  /** How many records there are by now. */
  records = 0;

  constructor(context: StageContext, bucket: string, path: VersionPath, object: Omit<PartName, 'part'>) {
    this.#context = context;
    this.#bucket = bucket;
    this.#path = path;
    this.#object = object;
  }

  async add({ header, pieces }: Batch): Promise<void> {
    // A part has one header; the files of an archive may have different ones.
    if (!isSame(header, this.#columns) && this.#current.records > 0) await this.#flush();
    this.#columns = header;
    for (const piece of pieces) {
      for (let i = 0; i < recordsIn(piece); i += 1) {
        this.#addRecord(piece, i);
        if (this.#isFull) await this.#flush();
      }
    }
  }

  /** Stores the last part. */
  async finish(): Promise<void> {
    if (this.#current.records > 0) await this.#flush();
    await this.#storing;
  }

  /** Resolves when no part is being stored any more, even if storing failed. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => {});
  }

  #addRecord(piece: Piece, index: number): void {
    const part = this.#current;
    if (part.records === 0) part.begin(this.#header);
    if ('ends' in piece) part.add(piece.bytes, startIn(piece, index), piece.ends[index] as number);
    else part.addRecord(piece);
    this.records += 1;
  }

  get #header(): PartHeader {
    return {
      ...this.#object,
      part: this.#parts,
      first: this.records + 1,
      ...(this.#columns && { columns: [...this.#columns] }),
      codeVersion: this.#context.codeVersion,
    };
  }

  get #isFull(): boolean {
    const { partRecords, partBytes } = this.#context.limits;
    return this.#current.records >= partRecords || this.#current.length >= partBytes;
  }

  /** Starts to store the part, as soon as the one before it is stored. */
  async #flush(): Promise<void> {
    await this.#storing;
    this.#storing = this.#storePart(this.#parts, this.#current);
    this.#current = this.#spare ?? new PartBuilder();
    this.#spare = undefined;
    this.#parts += 1;
    // A failure is thrown where the next part waits for this one. Until then, it must not count as unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(part: number, content: PartBuilder): Promise<void> {
    const { store, zstd } = this.#context;
    const { records } = content;
    const body = await zstd.compress(content.finish());
    content.clear();
    this.#spare = content;
    const key = partKey(this.#path, part);
    await store.write({ bucket: this.#bucket, key, body, contentType: 'application/zstd' });
    this.written.push({ key, records, bytes: body.length });
  }
}

const isSame = (a: readonly string[] = [], b: readonly string[] = []) =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
