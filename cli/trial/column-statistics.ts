import { hash } from 'node:crypto';
import { isNested } from '../../domain/column-type.ts';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { compareDecimals } from '../../domain/decimal.ts';
import { microsecondsOf } from '../../domain/instant.ts';

/** Beyond so many different values of a column they are not counted any more. */
const MOST_DISTINCT = 1000;
/** A longer text is remembered by its hash. Characters. */
const REMEMBERED = 40;
/** How much of the least and the greatest text is told. Characters. */
const SHOWN = 100;

type Scalar = string | number | bigint | boolean;

/** What the rows have in one column. */
export interface ColumnSummary {
  readonly name: string;
  readonly type: ColumnType['kind'];
  readonly nulls: number;
  /** Absent beyond a thousand, and for lists and structs, which also have neither `min` nor `max`. */
  readonly distinct?: number;
  /** Of a text that is longer than 100 characters its beginning, and `…`. */
  readonly min?: Scalar;
  readonly max?: Scalar;
}

/** Statistics of one column, in bounded memory however many rows there are. */
export class ColumnStatistics {
  readonly #column: Column;
  readonly #isScalar: boolean;
  #nulls = 0;
  #distinct: Set<Scalar> | undefined;
  #min: Scalar | undefined;
  #max: Scalar | undefined;

  constructor(column: Column) {
    this.#column = column;
    this.#isScalar = !isNested(column.type);
    if (this.#isScalar) this.#distinct = new Set();
  }

  add(value: unknown): void {
    if (value === null || value === undefined) {
      this.#nulls += 1;
      return;
    }
    if (!this.#isScalar) return;
    const scalar = value as Scalar;
    if (this.#distinct !== undefined) {
      this.#distinct.add(
        typeof scalar === 'string' && scalar.length > REMEMBERED ? hash('sha256', scalar) : scalar,
      );
      if (this.#distinct.size > MOST_DISTINCT) this.#distinct = undefined;
    }
    if (this.#min === undefined || this.#isLess(scalar, this.#min)) this.#min = scalar;
    if (this.#max === undefined || this.#isLess(this.#max, scalar)) this.#max = scalar;
  }

  get summary(): ColumnSummary {
    const [min, max] = [shown(this.#min), shown(this.#max)];
    return {
      name: this.#column.name,
      type: this.#column.type.kind,
      nulls: this.#nulls,
      ...(this.#distinct && { distinct: this.#distinct.size }),
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max }),
    };
  }

  /** Timestamps may be written in different zones, so their texts have another order, as decimals have. */
  #isLess(a: Scalar, b: Scalar): boolean {
    const { kind } = this.#column.type;
    if (kind === 'timestamp') return (microsecondsOf(a) ?? 0) < (microsecondsOf(b) ?? 0);
    if (kind === 'decimal') return compareDecimals(String(a), String(b)) < 0;
    return a < b;
  }
}

const shown = (value: Scalar | undefined) =>
  typeof value === 'string' && value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value;
