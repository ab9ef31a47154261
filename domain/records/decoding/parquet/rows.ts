import type { DecodedArray, SchemaTree } from 'hyparquet';
import { assembleLists } from 'hyparquet/src/assemble.js';
import { getMaxDefinitionLevel } from 'hyparquet/src/schema.js';

/** The rows of a column that were read: of each a value, null or a list. They are taken in their order. */
export interface Rows {
  /** How many are left. */
  readonly left: number;
  /** Takes the next rows. @param count no more than are left @throws {Error} if they are damaged */
  take(count: number): unknown[];
}

/** Rows that are there already. */
export class MadeRows implements Rows {
  readonly #rows: ArrayLike<unknown>;
  #taken = 0;

  constructor(rows: ArrayLike<unknown> = []) {
    this.#rows = rows;
  }

  get left(): number {
    return this.#rows.length - this.#taken;
  }

  take(count: number): unknown[] {
    const from = this.#taken;
    this.#taken += count;
    return Array.from({ length: count }, (_, i) => this.#rows[from + i]);
  }
}

/** What a page has: its values as they are stored, and the levels that tell which rows they belong to. */
export interface Page {
  /** Without those that are null. */
  readonly values: DecodedArray;
  /** Empty if no value is null. */
  readonly definitionLevels: readonly number[];
  /** Empty if the column has no lists; else it begins with a row. */
  readonly repetitionLevels: readonly number[];
}

/**
 * The rows of a page, made when they are taken. A page can have all rows of a row group, and as stored its
 * values take a tenth of what texts, dates and lists of them take.
 */
export class PageRows implements Rows {
  readonly #page: Page;
  readonly #path: SchemaTree[];
  readonly #convert: (values: DecodedArray) => DecodedArray;
  readonly #greatest: number;
  /** How many were taken of the values, and of the levels. */
  #values = 0;
  #levels = 0;
  #left: number;

  /** @param path from the root of the schema to the column @param convert makes values of stored ones */
  constructor(page: Page, path: SchemaTree[], convert: (values: DecodedArray) => DecodedArray) {
    this.#page = page;
    this.#path = path;
    this.#convert = convert;
    this.#greatest = getMaxDefinitionLevel(path);
    const { values, definitionLevels, repetitionLevels } = page;
    if (repetitionLevels.length > 0) this.#left = repetitionLevels.filter((level) => level === 0).length;
    else this.#left = definitionLevels.length > 0 ? definitionLevels.length : values.length;
  }

  get left(): number {
    return this.#left;
  }

  take(count: number): unknown[] {
    if (count === 0) return [];
    const { definitionLevels, repetitionLevels, values } = this.#page;
    const levels = this.#levels + this.#levelsOf(count);
    const definitions = definitionLevels.slice(this.#levels, levels);
    const repetitions = repetitionLevels.slice(this.#levels, levels);
    const stored =
      definitionLevels.length > 0
        ? definitions.filter((level) => level === this.#greatest).length
        : levels - this.#levels;
    const made = this.#convert(values.slice(this.#values, this.#values + stored));
    this.#levels = levels;
    this.#values += stored;
    this.#left -= count;
    return Array.from(assembleLists([], definitions, repetitions, made, this.#path));
  }

  /** How many levels the next rows have; a column without lists has one for each. */
  #levelsOf(count: number): number {
    const { repetitionLevels } = this.#page;
    if (repetitionLevels.length === 0) return count;
    let rows = 0;
    for (let at = this.#levels; at < repetitionLevels.length; at += 1) {
      if (repetitionLevels[at] === 0) rows += 1;
      if (rows > count) return at - this.#levels;
    }
    return repetitionLevels.length - this.#levels;
  }
}
