import { type FieldType, fault, field, notA } from './field.ts';

/** MySQL has no more in a row (reference manual, "Limits on Table Column Count and Row Size"). */
const MOST_CHARACTERS = 15_000;

const SPACE = 0x20;
const DELETE = 0x7f;

export interface TextOptions {
  /** How many characters it may have: then MySQL's column is a VARCHAR, which can be in an index. */
  readonly length?: number;
}

/**
 * Text that isn't blank, unchanged: with its spaces, even if it is a formula.
 *
 * @throws {Error} if MySQL has no texts of that length
 */
export function text({ length }: TextOptions = {}) {
  if (length !== undefined && !(Number.isInteger(length) && length >= 1 && length <= MOST_CHARACTERS))
    throw new Error(`text({ length: ${length} }): the length must be 1 to ${MOST_CHARACTERS} characters.`);
  const isTooLong = (value: string) => length !== undefined && isLonger(value, length);
  return field<string>({
    column: { kind: 'string', ...(length !== undefined && { length }) },
    expected: 'string',
    isRead: (value) => typeof value === 'string' && !isBlank(value) && !isTooLong(value),
    read(input, refuse) {
      if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'string', input });
      if (isBlank(input)) return refuse(fault('empty', input, 'is blank'));
      return isTooLong(input)
        ? refuse(fault('too_large', input, `has ${[...input].length} characters, and ${length} are allowed`))
        : input;
    },
  });
}

/** Whether a text is white space; mostly its first character tells. */
function isBlank(value: string): boolean {
  const first = value.charCodeAt(0);
  return !(first > SPACE && first < DELETE) && value.trim() === '';
}

/** Whether a text has more characters than that. They are counted only if there are too many code units. */
export function isLonger(value: string, most: number): boolean {
  return value.length > most && [...value].length > most;
}

const YES = new Set(['yes', 'y', 'true', 't', '1', 'on']);
const NO = new Set(['no', 'n', 'false', 'f', '0', 'off']);

/** What a boolean is written as, besides the usual. */
export interface YesNoWords {
  readonly yes?: readonly string[];
  readonly no?: readonly string[];
}

/**
 * A boolean as people write it, in upper or lower case: yes, y, true, t, 1 or on; no, n, false, f, 0 or off.
 *
 * @param words further ones: `yesNo({ yes: ['ja'], no: ['nein'] })` @throws {Error} if a word is both
 */
export function yesNo({ yes = [], no = [] }: YesNoWords = {}) {
  const ownYes = new Set([...YES, ...yes.map((word) => word.trim().toLowerCase())]);
  const ownNo = new Set([...NO, ...no.map((word) => word.trim().toLowerCase())]);
  const both = [...ownYes].find((word) => ownNo.has(word));
  if (both !== undefined) throw new Error(`yesNo(): ${JSON.stringify(both)} is both yes and no.`);
  return booleanField('yes or no', (content) => {
    const word = content.trim().toLowerCase();
    return ownYes.has(word) ? true : ownNo.has(word) ? false : undefined;
  });
}

const ZERO = 0x30;
const ONE = 0x31;
const TRUE = /^\s*(?:1(?:\.0*)?|true)\s*$/i;
const FALSE = /^\s*(?:0(?:\.0*)?|false)\s*$/i;

/**
 * `1` and `true`, `0` and `false`, in upper or lower case; also `1.0`, which data frames write for a column
 * with gaps.
 */
export const flag = () =>
  booleanField(
    '0, 1, false or true',
    (content) => (TRUE.test(content) ? true : FALSE.test(content) ? false : undefined),
    (bytes, start, end) => {
      const byte = start + 1 === end ? bytes[start] : undefined;
      return byte === ONE ? true : byte === ZERO ? false : undefined;
    },
  );

/** @param words what may be written, for a message @param truthOf what a text means, if anything */
function booleanField(
  words: string,
  truthOf: (content: string) => boolean | undefined,
  readBytes?: FieldType<boolean>['readBytes'],
) {
  return field<boolean>({
    readBytes,
    column: { kind: 'boolean' },
    expected: 'boolean',
    isRead: (value) => typeof value === 'boolean',
    read(input, refuse) {
      if (typeof input === 'boolean') return input;
      const content = typeof input === 'number' ? String(input) : input;
      if (typeof content !== 'string') return refuse({ code: 'invalid_type', expected: 'boolean', input });
      return truthOf(content) ?? refuse(notA(`boolean (${words})`, content));
    },
  });
}
