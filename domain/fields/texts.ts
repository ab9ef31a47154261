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

const TRUE = /^\s*(?:1(?:\.0*)?|true)\s*$/i;
const FALSE = /^\s*(?:0(?:\.0*)?|false)\s*$/i;

/**
 * `1` and `true`, `0` and `false`, in upper or lower case; also `1.0`, which data frames write for a column
 * with gaps.
 */
export const flag = () =>
  field<boolean>({
    column: { kind: 'boolean' },
    expected: 'boolean',
    isRead: (value) => typeof value === 'boolean',
    read(input, refuse) {
      if (typeof input === 'boolean') return input;
      const content = typeof input === 'number' ? String(input) : input;
      if (typeof content !== 'string') return refuse({ code: 'invalid_type', expected: 'boolean', input });
      if (TRUE.test(content)) return true;
      if (FALSE.test(content)) return false;
      return refuse(notA('boolean (0, 1, false or true)', content));
    },
  });
