import type { Dataset } from '../../../domain/dataset.ts';
import type { Checkpoint } from '../../../domain/records/checkpoint.ts';
import type { Batch } from '../../../domain/records/decoding/decode.ts';
import type { Position } from '../../../domain/records/decoding/position.ts';
import { type Piece, recordsIn, startIn } from '../../../domain/records/decoding/record.ts';
import {
  type Part,
  PartBuilder,
  type PartHeader,
  type PartName,
  partOfRange,
} from '../../../domain/records/part.ts';
import { rangeOf } from '../../../domain/records/record-range.ts';
import { partKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import type { StageContext } from '../context.ts';

/** A record of a batch: how many of the batch's records come before it. */
interface RecordAt {
  readonly batch: Batch;
  readonly before: number;
}

/**
 * Gathers records into parts of bounded size. While one part is compressed and stored, the next one fills.
 *
 * An object of more than one part is large. If its content is not compressed and needs no other encoding, all
 * parts but the first only say where in the object their records are: who transforms them reads them there.
 * This must depend on nothing but the object: each attempt makes the same parts.
 */
export class PartsWriter {
  readonly written: StoredObject[] = [];
  readonly #context: StageContext;
  readonly #bucket: string;
  readonly #path: VersionPath;
  readonly #object: Omit<PartName, 'part'>;
  readonly #dataset: Dataset | undefined;
  /** The part that fills, with the records or without them. */
  #current = new PartBuilder();
  #range: { readonly header: PartHeader; readonly first: RecordAt } | undefined;
  /** The memory of the part that is being stored, for the one after the next. */
  #spare: PartBuilder | undefined;
  #columns: readonly string[] | undefined;
  #parts: number;
  /** How many records the part that fills has, their bytes, and the batch of the last of them. */
  #records = 0;
  #bytes = 0;
  #last: Batch | undefined;
  #storing: Promise<void> = Promise.resolve();
  /** How many records there are by now. */
  records = 0;
  /** Where the first part begins that is not stored; `undefined` until this writer has stored one. */
  border: Position | undefined;

  /** @param before the parts that an earlier attempt has stored */
  constructor(
    context: StageContext,
    bucket: string,
    path: VersionPath,
    object: Omit<PartName, 'part'>,
    dataset: Dataset | undefined,
    before: Checkpoint['parts'] = [],
  ) {
    this.#context = context;
    this.#bucket = bucket;
    this.#path = path;
    this.#object = object;
    this.#dataset = dataset;
    this.#parts = before.length;
    before.forEach(([records, bytes], part) => {
      this.written.push({ key: partKey(path, part), records, bytes });
      this.records += records;
    });
  }

  async add(batch: Batch): Promise<void> {
    const { header, pieces } = batch;
    // A part has one header; the files of an archive may have different ones.
    if (!isSame(header, this.#columns) && this.#records > 0) await this.#flush({ batch, before: 0 });
    this.#columns = header;
    this.#last = batch;
    let before = 0;
    for (const piece of pieces) {
      for (let i = 0; i < recordsIn(piece); i += 1) {
        if (this.#records === 0) this.#begin({ batch, before });
        this.#addRecord(piece, i);
        before += 1;
        if (this.#isFull) await this.#flush({ batch, before });
      }
    }
  }

  /** The only part, if the object is small and none of it is stored. */
  get small(): Part | undefined {
    const isSmall = this.#parts === 0 && this.#bytes <= this.#context.limits.inPlaceBytes;
    return isSmall && this.#records > 0 ? this.#current.part : undefined;
  }

  /** Counts the part that fills, which needs not be stored. */
  leaveOut(): void {
    this.written.push({ key: partKey(this.#path, this.#parts), records: this.#records, bytes: 0 });
    this.#records = 0;
  }

  /** Stores the last part. */
  async finish(): Promise<void> {
    if (this.#records > 0) await this.#flush();
    await this.#storing;
  }

  /** Resolves when no part is being stored any more. */
  stored(): Promise<void> {
    return this.#storing;
  }

  #begin(first: RecordAt): void {
    const header = {
      ...this.#object,
      part: this.#parts,
      first: this.records + 1,
      ...(this.#columns && { columns: [...this.#columns] }),
      codeVersion: this.#context.codeVersion,
    };
    const isByRange = this.#parts > 0 && first.batch.at.start !== undefined;
    this.#range = isByRange ? { header, first } : undefined;
    if (!isByRange) this.#current.begin(header);
  }

  #addRecord(piece: Piece, index: number): void {
    const part = this.#range === undefined ? this.#current : undefined;
    if ('ends' in piece) {
      const start = startIn(piece, index);
      const end = piece.ends[index] as number;
      this.#bytes += end - start;
      part?.add(piece.bytes, start, end);
    } else {
      this.#bytes += piece.length;
      part?.addRecord(piece);
    }
    this.#records += 1;
    this.records += 1;
  }

  get #isFull(): boolean {
    const { partRecords, partBytes } = this.#context.limits;
    return this.#records >= partRecords || this.#bytes >= partBytes;
  }

  /** Starts to store the part, as soon as the one before it is. @param next where the next one begins */
  async #flush(next?: RecordAt): Promise<void> {
    await this.#storing;
    this.#storing = this.#storePart(next);
    this.#parts += 1;
    this.#records = 0;
    this.#bytes = 0;
    // A failure is thrown where the next part waits for this one. Until then, it must not count as unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(next: RecordAt | undefined): Promise<void> {
    const { store, zstd } = this.#context;
    const key = partKey(this.#path, this.#parts);
    const records = this.#records;
    const bytes = await zstd.compress(this.#content());
    await store.write({ bucket: this.#bucket, key, body: bytes, contentType: 'application/zstd' });
    this.written.push({ key, records, bytes: bytes.length });
    this.border = next && { ...next.batch.at, skip: next.batch.at.skip + next.before };
  }

  /** The bytes of the part. The next one fills other memory. */
  #content(): Buffer {
    const [range, last, part, dataset] = [this.#range, this.#last, this.#current, this.#dataset];
    if (range !== undefined && last !== undefined && dataset !== undefined) {
      const { batch, before } = range.first;
      return partOfRange(range.header, rangeOf(dataset, batch, before, last, this.#records));
    }
    this.#current = this.#spare ?? new PartBuilder();
    this.#current.clear();
    this.#spare = part;
    return part.finish();
  }
}

const isSame = (a: readonly string[] = [], b: readonly string[] = []) =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
