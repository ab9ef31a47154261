import type { Batch } from '../decoding/decode.ts';
import { type Piece, recordsIn, startIn } from '../decoding/record.ts';
import type { Limits } from '../part.ts';
import { segmentOf } from './segment.ts';

/** A record of a batch: how many of the batch's records come before it. */
export interface RecordAt {
  readonly batch: Batch;
  readonly before: number;
}

/** Which records a part has. */
export interface PartSpan {
  readonly first: RecordAt;
  /** The batch of its last record. */
  readonly last: Batch;
  readonly records: number;
}

/** What becomes of the records while they are divided. */
interface Division {
  begin?(first: RecordAt): void;
  add?(piece: Piece, index: number): void;
  /** @param next the first record of the next part; for the last part, there is none */
  end(part: PartSpan, next?: RecordAt): Promise<void> | void;
}

/**
 * Divides the records of an object into parts of bounded size. No part goes beyond its segment, so a part
 * depends on nothing before the segment.
 */
export class PartDivider {
  readonly #limits: Limits;
  readonly #to: Division;
  #first: RecordAt | undefined;
  #last: Batch | undefined;
  /** How many records the part that fills has, and their bytes. */
  records = 0;
  bytes = 0;

  constructor(limits: Limits, to: Division) {
    this.#limits = limits;
    this.#to = to;
  }

  async add(batch: Batch): Promise<void> {
    if (this.#last !== undefined && this.#isBorder(this.#last, batch)) await this.#end({ batch, before: 0 });
    const { partRecords, partBytes } = this.#limits;
    let before = 0;
    for (const piece of batch.pieces) {
      for (let i = 0; i < recordsIn(piece); i += 1) {
        if (this.records === 0) this.#begin({ batch, before });
        this.#last = batch;
        this.bytes += 'ends' in piece ? (piece.ends[i] as number) - startIn(piece, i) : piece.length;
        this.records += 1;
        this.#to.add?.(piece, i);
        before += 1;
        if (this.records >= partRecords || this.bytes >= partBytes) await this.#end({ batch, before });
      }
    }
  }

  /** Ends the last part. */
  async finish(): Promise<void> {
    await this.#end();
  }

  /** Begins anew. @returns the part that fills, if there is one */
  take(): PartSpan | undefined {
    const [first, last, records] = [this.#first, this.#last, this.records];
    this.#first = undefined;
    this.#last = undefined;
    this.records = 0;
    this.bytes = 0;
    return first && last && { first, last, records };
  }

  /** A part has one header, too; the files of an archive may have different ones. */
  #isBorder(last: Batch, next: Batch): boolean {
    const isSame = segmentOf(last, this.#limits) === segmentOf(next, this.#limits);
    return !isSame || !haveSameNames(last.header, next.header);
  }

  #begin(first: RecordAt): void {
    this.#first = first;
    this.#to.begin?.(first);
  }

  async #end(next?: RecordAt): Promise<void> {
    const part = this.take();
    if (part !== undefined) await this.#to.end(part, next);
  }
}

const haveSameNames = (a: readonly string[] = [], b: readonly string[] = []) =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
