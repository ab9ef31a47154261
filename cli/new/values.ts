import * as z from 'zod';
import { timestamp } from '../../domain/fields.ts';
import { isInexactNumber } from '../../domain/records/decoding/json/exact.ts';
import { isExact, isNumber, plainNumber } from '../../domain/records/number-text.ts';
import { formsOf, isYesOrNo } from './forms.ts';

/** How many different values of a field are counted. */
const MOST_DISTINCT = 100_000;
const MOST_LEAVES = 200;

/** Texts that stand for nothing where other values of a column are no text. */
const NULLS = new Set(['NA', 'N/A', 'n/a', 'NULL', 'null', '\\N', '-', 'None', 'nan', 'NaN', '#N/A']);

const date = z.iso.date();
const instant = timestamp();
const COMMA = /^\s*[-+]?\d+,\d+\s*$/;

/**
 * What a value is; `comma` is a number with a decimal comma, `decimal` one that no double holds. A `day` has
 * another form than ISO 8601, a `moment` has no zone, a `time` no day, a `word` means yes or no.
 */
export type Kind =
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'decimal'
  | 'comma'
  | 'date'
  | 'timestamp'
  | 'day'
  | 'moment'
  | 'time'
  | 'word'
  | 'string'
  | 'list'
  | 'struct';

/** What is known of a field from the records that were read. */
export class Values {
  readonly kinds = new Map<Kind, number>();
  /** How many records have a value. */
  count = 0;
  /** Of lists. */
  element: Values | undefined;
  /** Of objects. */
  readonly fields = new Map<string, Values>();
  /** The texts among the values that may stand for nothing. */
  readonly nulls = new Set<string>();
  /** How many digits numbers have at most, before and after the point. */
  digits = { before: 1, after: 0 };
  /** The smallest and the greatest number. */
  least = Number.POSITIVE_INFINITY;
  most = Number.NEGATIVE_INFINITY;
  /** The forms that each day or moment has. */
  forms: readonly string[] | undefined;
  /** Those that mean yes or no, in lower case. */
  readonly words = new Set<string>();
  readonly #distinct = new Set<unknown>();

  /** @param value of JSON, or a text of CSV; `undefined` and `null` for none */
  add(value: unknown, isText: boolean): void {
    if (value === undefined || value === null) return;
    this.count += 1;
    if (this.#distinct.size < MOST_DISTINCT && typeof value !== 'object') this.#distinct.add(value);
    if (isText && NULLS.has(String(value).trim())) {
      this.nulls.add(String(value).trim());
      return;
    }
    const kind = isText ? this.#kindOfText(String(value)) : this.#kindOf(value);
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  /** How many different values there are, if they can be counted. */
  get distinct(): number | undefined {
    return this.#distinct.size < MOST_DISTINCT ? this.#distinct.size : undefined;
  }

  /** Whether every value has a different one of its own. */
  get isUnique(): boolean {
    return this.count > 1 && this.distinct === this.count;
  }

  #kindOf(value: unknown): Kind {
    if (Array.isArray(value)) {
      this.element ??= new Values();
      for (const each of value.slice(0, MOST_LEAVES)) this.element.add(each, false);
      return 'list';
    }
    if (isInexactNumber(value)) return this.#kindOfNumber(value.text);
    switch (typeof value) {
      case 'boolean':
        return 'boolean';
      case 'number':
        return this.#kindOfNumber(String(value));
      case 'object':
        for (const [name, each] of Object.entries(value ?? {})) {
          const field = this.fields.get(name) ?? new Values();
          this.fields.set(name, field);
          field.add(each, false);
        }
        return 'struct';
      default:
        return this.#kindOfTime(String(value));
    }
  }

  #kindOfText(text: string): Kind {
    const trimmed = text.trim();
    if (/^(true|false)$/i.test(trimmed)) {
      this.words.add(trimmed.toLowerCase());
      return 'boolean';
    }
    if (isNumber(trimmed) && !/^[-+]?0\d/.test(trimmed)) return this.#kindOfNumber(trimmed);
    if (COMMA.test(text)) {
      this.#kindOfNumber(trimmed.replace(',', '.'));
      return 'comma';
    }
    return this.#kindOfTime(text);
  }

  #kindOfNumber(text: string): Kind {
    const { whole, fraction } = plainNumber(text);
    const after = fraction.length;
    this.digits = {
      before: Math.max(this.digits.before, whole.length),
      after: Math.max(this.digits.after, after),
    };
    const value = Number(text);
    this.least = Math.min(this.least, value);
    this.most = Math.max(this.most, value);
    if (after > 0) return isExact(text) ? 'double' : 'decimal';
    if (value === (value | 0)) return 'int32';
    if (whole.length < 19) return 'int64';
    return isExact(text) ? 'double' : 'decimal';
  }

  #kindOfTime(text: string): Kind {
    if (date.safeParse(text).success) return 'date';
    if (instant.safeParse(text).success) return 'timestamp';
    const word = text.trim().toLowerCase();
    if (isYesOrNo(word)) {
      this.words.add(word);
      return 'word';
    }
    const found = formsOf(text);
    const [first] = found;
    if (first === undefined) return 'string';
    const formats = found.map(({ format }) => format);
    this.forms = this.forms?.filter((format) => formats.includes(format)) ?? formats;
    return first.kind;
  }
}
