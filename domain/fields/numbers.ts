import { fewDigits, isExact, isNumber, plainNumber } from '../records/number-text.ts';
import { field, inexact, notA, numberText } from './field.ts';

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
/** The digits of the greatest one. */
const INT64_DIGITS = 19;
/** So many digits are always in the range. */
const FEW_DIGITS = /^-?\d{1,18}$/;

/** A whole number that 32 bits hold; `3.0` is one. */
export const int32 = () =>
  field<number>({
    column: { kind: 'int32' },
    expected: 'int',
    isRead: (value) => typeof value === 'number' && value === (value | 0),
    read(input, refuse) {
      const digits = numberText(input);
      if (digits === undefined) return refuse({ code: 'invalid_type', expected: 'int', input });
      const value = isNumber(digits) ? Number(digits) : Number.NaN;
      const range = { origin: 'int', input, inclusive: true } as const;
      if (value > MAX_INT32) return refuse({ ...range, code: 'too_big', maximum: MAX_INT32 });
      if (value < MIN_INT32) return refuse({ ...range, code: 'too_small', minimum: MIN_INT32 });
      if (!Number.isInteger(value)) return refuse(notA('whole number', digits));
      return isExact(digits) ? value : refuse(inexact(digits));
    },
    readBytes(bytes, start, end) {
      const value = fewDigits(bytes, start, end);
      return value !== undefined && value === (value | 0) ? value : undefined;
    },
  });

/** A whole number that 64 bits hold, as a `bigint`, with every digit of the input; `3.0` is one. */
export const int64 = () =>
  field<bigint>({
    column: { kind: 'int64' },
    expected: 'bigint',
    isRead: isInt64,
    read(input, refuse) {
      if (isInt64(input)) return input;
      const digits = numberText(input);
      if (digits === undefined) return refuse({ code: 'invalid_type', expected: 'bigint', input });
      if (FEW_DIGITS.test(digits)) return BigInt(digits);
      if (!isNumber(digits)) return refuse(notA('whole number', digits));
      const { isNegative, whole, fraction } = plainNumber(digits);
      if (fraction !== '') return refuse(notA('whole number', digits));
      const range = { origin: 'bigint', input, inclusive: true } as const;
      if (whole.length <= INT64_DIGITS) {
        const value = BigInt(isNegative ? `-${whole}` : whole);
        if (isInt64(value)) return value;
      }
      return isNegative
        ? refuse({ ...range, code: 'too_small', minimum: MIN_INT64 })
        : refuse({ ...range, code: 'too_big', maximum: MAX_INT64 });
    },
    readBytes(bytes, start, end) {
      const value = fewDigits(bytes, start, end);
      return value !== undefined && Number.isInteger(value) ? BigInt(value) : undefined;
    },
  });

function isInt64(value: unknown): value is bigint {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value;
}

/**
 * A decimal number with no more digits than a double holds and a point before a fraction. Neither NaN nor
 * infinite.
 */
export const double = () =>
  field<number>({
    column: { kind: 'double' },
    expected: 'number',
    isRead: (value) => Number.isFinite(value) && !Object.is(value, -0),
    read(input, refuse) {
      const digits = numberText(input);
      if (digits === undefined) return refuse({ code: 'invalid_type', expected: 'number', input });
      if (!isNumber(digits)) return refuse(notA('number', digits));
      // No negative zero: some engines print and hash it differently from zero.
      return isExact(digits) ? Number(digits) + 0 : refuse(inexact(digits));
    },
    readBytes: fewDigits,
  });
