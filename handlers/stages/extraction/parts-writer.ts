import type { Dataset } from '../../../domain/dataset.ts';
import type { Checkpoint } from '../../../domain/records/checkpoint.ts';
import type { Batch } from '../../../domain/records/decoding/decode.ts';
import type { Position } from '../../../domain/records/decoding/position.ts';
import { type Piece, startIn } from '../../../domain/records/decoding/record.ts';
import {
  type Part,
  PartBuilder,
  type PartHeader,
  type PartName,
  partOfRange,
} from '../../../domain/records/part.ts';
import { rangeOf } from '../../../domain/records/record-range.ts';
import { PartDivider, type PartSpan, type RecordAt } from '../../../domain/records/segments/part-divider.ts';
import type { OutlinedParts } from '../../../domain/records/segments/split-outlined.ts';
import { partKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import { settleAll } from '../../../store/settle-all.ts';
import type { StageContext } from '../context.ts';

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
  readonly #divider: PartDivider;
  /** The part that fills, if it is to have its records. */
  #current = new PartBuilder();
  #header: PartHeader | undefined;
  #isByRange = false;
  /** The memory of the part that is being stored, for the one after the next. */
  #spare: PartBuilder | undefined;
  #parts: number;
  /** How many records come before the part that fills. */
  #before = 0;
  #storing: Promise<void> = Promise.resolve();
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
    this.#divider = new PartDivider(context.limits, {
      begin: (first) => this.#begin(first),
      add: (piece, index) => this.#addRecord(piece, index),
      end: (part, next) => this.#flush(part, next),
    });
    this.#parts = before.length;
    before.forEach(([records, bytes], part) => {
      this.written.push({ key: partKey(path, part), records, bytes });
      this.#before += records;
    });
  }

  /** How many records there are by now. */
  get records(): number {
    return this.#before + this.#divider.records;
  }

  /** @param found records, or parts of them that are divided already and come after the first part */
  add(found: Batch | OutlinedParts): Promise<void> {
    return 'ranges' in found ? this.#addOutlined(found) : this.#divider.add(found);
  }

  /** The only part, if the object is small and none of it is stored. */
  get small(): Part | undefined {
    const { records, bytes } = this.#divider;
    const isSmall = this.#parts === 0 && bytes <= this.#context.limits.inPlaceBytes;
    return isSmall && records > 0 ? this.#current.part : undefined;
  }

  /** Counts the part that fills, which needs not be stored. */
  leaveOut(): void {
    const { records = 0 } = this.#divider.take() ?? {};
    this.written.push({ key: partKey(this.#path, this.#parts), records, bytes: 0 });
    this.#before += records;
  }

  /** Stores the last part. */
  async finish(): Promise<void> {
    await this.#divider.finish();
    await this.#storing;
  }

  /** Resolves when no part is being stored any more. */
  stored(): Promise<void> {
    return this.#storing;
  }

  async #addOutlined({ header, ranges, next }: OutlinedParts): Promise<void> {
    await this.finish();
    const stored = ranges.map((range) => {
      const part = partOfRange(this.#headerOf(header), range);
      const key = partKey(this.#path, this.#parts);
      this.#parts += 1;
      this.#before += range.records;
      return this.#store(key, range.records, part);
    });
    this.written.push(...(await settleAll(stored)));
    this.border = next;
  }

  /** Of the part that fills. */
  #headerOf(columns: readonly string[] | undefined): PartHeader {
    return {
      ...this.#object,
      part: this.#parts,
      first: this.#before + 1,
      ...(columns && { columns: [...columns] }),
      codeVersion: this.#context.codeVersion,
    };
  }

  #begin({ batch: { at, header } }: RecordAt): void {
    this.#header = this.#headerOf(header);
    this.#isByRange = this.#parts > 0 && at.start !== undefined;
    if (!this.#isByRange) this.#current.begin(this.#header);
  }

  #addRecord(piece: Piece, index: number): void {
    if (this.#isByRange) return;
    if ('ends' in piece) this.#current.add(piece.bytes, startIn(piece, index), piece.ends[index] as number);
    else this.#current.addRecord(piece);
  }

  /** Starts to store the part, as soon as the one before it is. @param next where the next one begins */
  async #flush(part: PartSpan, next: RecordAt | undefined): Promise<void> {
    await this.#storing;
    this.#storing = this.#storePart(part, next);
    this.#parts += 1;
    this.#before += part.records;
    // A failure is thrown where the next part waits for this one. Until then, it must not count as unhandled.
    this.#storing.catch(() => {});
  }

  async #storePart(part: PartSpan, next: RecordAt | undefined): Promise<void> {
    const key = partKey(this.#path, this.#parts);
    this.written.push(await this.#store(key, part.records, this.#content(part)));
    this.border = next && { ...next.batch.at, skip: next.batch.at.skip + next.before };
  }

  async #store(key: string, records: number, content: Buffer): Promise<StoredObject> {
    const { store, zstd } = this.#context;
    const bytes = await zstd.compress(content);
    await store.write({ bucket: this.#bucket, key, body: bytes, contentType: 'application/zstd' });
    return { key, records, bytes: bytes.length };
  }

  /** The bytes of the part. The next one fills other memory. */
  #content({ first: { batch, before }, last, records }: PartSpan): Buffer {
    const [header, part, dataset] = [this.#header, this.#current, this.#dataset];
    if (this.#isByRange && header !== undefined && dataset !== undefined)
      return partOfRange(header, rangeOf(dataset, batch, before, last, records));
    this.#current = this.#spare ?? new PartBuilder();
    this.#current.clear();
    this.#spare = part;
    return part.finish();
  }
}
