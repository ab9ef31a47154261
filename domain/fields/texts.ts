import { fault, field, notA } from './field.ts';

/** Text that isn't blank, unchanged: with its spaces, even if it is a formula. */
export const text = () =>
  field<string>({
    column: { kind: 'string' },
    expected: 'string',
    isRead: (value) => typeof value === 'string' && value.trim() !== '',
    read(input, refuse) {
      if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'string', input });
      return input.trim() === '' ? refuse(fault('empty', input, 'is blank')) : input;
    },
  });

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

const TRUE = /^\s*(?:1(?:\.0*)?|true)\s*$/i;
const FALSE = /^\s*(?:0(?:\.0*)?|false)\s*$/i;

/**
 * `1` and `true`, `0` and `false`, in upper or lower case; also `1.0`, which data frames write for a column
 * with gaps.
 */
export const flag = () =>
  booleanField('0, 1, false or true', (content) =>
    TRUE.test(content) ? true : FALSE.test(content) ? false : undefined,
  );

/** @param words what may be written, for a message @param truthOf what a text means, if anything */
function booleanField(words: string, truthOf: (content: string) => boolean | undefined) {
  return field<boolean>({
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
