import type * as z from 'zod';
import { fastRecord, REFUSED, refuse } from '../../../fields/fast-record.ts';
import type { CsvBytes, FieldReader } from './field-reader.ts';

/** Tells that a field is missing. */
const MISSING = -1;

/**
 * Makes the values of plain records at once from the bytes of a file: without texts of numbers, or of columns
 * that the schema does not name. What is not plain, or wrong, is left to the fields' texts and the schema.
 */
export class ValueReader {
  readonly #reader: FieldReader;
  readonly #columns: number;
  readonly #nulls: ReadonlySet<string>;
  /** `undefined` if only the schema itself can read a record. */
  readonly #fast: ReturnType<typeof fastRecord>;
  /** For each of its fields, which column it is in. */
  readonly #places: readonly number[];

  /** @param columns the dataset's field at each position @param nulls texts that count as missing */
  constructor(
    reader: FieldReader,
    schema: z.core.$ZodType,
    columns: readonly (string | undefined)[],
    nulls: ReadonlySet<string>,
  ) {
    this.#reader = reader;
    this.#columns = columns.length;
    this.#nulls = nulls;
    this.#fast = fastRecord(schema);
    this.#places = this.#fast?.fields.map(({ name }) => columns.indexOf(name)) ?? [];
  }

  /** What the schema makes of a record; `undefined` tells nothing. */
  read(of: CsvBytes, start: number, end: number): Record<string, unknown> | undefined {
    const fast = this.#fast;
    const reader = this.#reader;
    if (fast === undefined || reader.find(of, start, end) !== this.#columns) return undefined;
    const { starts, ends, marks } = reader.positions;
    const places = this.#places;
    const hasNulls = this.#nulls.size > 0;
    const { bytes } = of;
    const { fields, make } = fast;
    const values: unknown[] = [];
    for (let i = 0; i < fields.length; i += 1) {
      const { read, readBytes, optional } = fields[i] as (typeof fields)[number];
      const place = places[i] as number;
      let value: unknown;
      if (place === MISSING || starts[place] === ends[place] || (hasNulls && this.#isNull(place))) {
        if (!optional) return undefined;
      } else {
        if (readBytes !== undefined && marks[place] === 0)
          value = readBytes(bytes, starts[place] as number, ends[place] as number);
        if (value === undefined) value = read(reader.text(place), refuse);
        if (value === REFUSED) return undefined;
      }
      values.push(value);
    }
    return make(values);
  }

  #isNull(place: number): boolean {
    return this.#nulls.has(this.#reader.text(place));
  }
}
