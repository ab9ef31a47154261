/**
 * Numbers as text. A double holds the decimal value of a text if the shortest text that JavaScript prints for
 * it has the same value: `0.10`, `1e2` and `12345678901234567000` survive; `0.1234567890123456789`, 2^53 + 1,
 * `1e400` and `1e-400` don't.
 */

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Any decimal of so many digits survives (IEEE 754), unless it has an exponent. */
const SAFE_CHARACTERS = 15;
/** How much of a long number a message shows. */
const SHOWN_CHARACTERS = 50;

const MINUS = 0x2d;
/** So many digits are an integer that a double holds. */
const FEW_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: FEW_DIGITS + 1 }, (_, n) => 10 ** n);

/**
 * The value of a text that is nothing but a few digits, perhaps with a minus before and a point among them,
 * as most numbers are. The quotient of two integers that doubles hold is the double next to it (IEEE 754).
 * `undefined` tells nothing.
 *
 * @param bytes of the text, from `start` to before `end`
 */
export function fewDigits(bytes: Uint8Array, start: number, end: number): number | undefined {
  const first = bytes[start] === MINUS ? start + 1 : start;
  let value = 0;
  let point = end;
  for (let i = first; i < end; i += 1) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit >= 0 && digit <= 9) value = 10 * value + digit;
    else if (digit === -2 && point === end) point = i;
    else return undefined;
  }
  const digits = end - first - (point === end ? 0 : 1);
  if (digits <= 0 || digits > FEW_DIGITS) return undefined;
  if (point < end) value /= POWERS_OF_TEN[end - point - 1] as number;
  if (first === start) return value;
  // What becomes of negative zero is up to the type.
  return value === 0 ? undefined : -value;
}

export function isNumber(text: string): boolean {
  return NUMBER.test(text);
}

/** Whether a double holds the decimal value of a text that is a number. */
export function isExact(text: string): boolean {
  if (text.length <= SAFE_CHARACTERS && !/e/i.test(text)) return true;
  const value = Number(text);
  const shortest = String(value);
  return shortest === text || (Number.isFinite(value) && decimalOf(shortest) === decimalOf(text));
}

/**
 * The digits without zeros at either end, and the power of ten after them: the same for all texts of one
 * value, apart from the sign.
 */
function decimalOf(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.');
  const digits = whole + fraction;
  let [start, end] = [0, digits.length];
  while (start < end && digits[start] === '0') start += 1;
  while (start < end && digits[end - 1] === '0') end -= 1;
  if (start === end) return '0';
  return `${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

/** A decimal number without an exponent: no zeros before `whole` and none after `fraction`. */
export interface PlainNumber {
  readonly isNegative: boolean;
  readonly whole: string;
  readonly fraction: string;
}

const PARTS = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
/** More digits than any column has. */
const MOST_DIGITS = 40;

/** The digits of a text that is a number. An absurd exponent counts as one that no column has room for. */
export function plainNumber(text: string): PlainNumber {
  const [, sign, before = '', after = '', exponent = '0'] = PARTS.exec(text) ?? [];
  const most = text.length + MOST_DIGITS;
  const point = before.length + Math.max(-most, Math.min(most, Number(exponent)));
  const digits = '0'.repeat(Math.max(0, -point)) + before + after;
  const at = Math.max(0, point);
  const whole = digits.slice(0, at).padEnd(at, '0').replace(/^0+/, '');
  const fraction = digits.slice(at).replace(/0+$/, '');
  return { isNegative: sign === '-' && (whole !== '' || fraction !== ''), whole, fraction };
}

/** The fault of an inexact number, and the remedy. */
export function inexactMessage(text: string): string {
  const value = Number(text);
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  const why = Number.isFinite(value)
    ? `has more digits than a number holds: it would become ${value}`
    : 'is beyond the range of numbers';
  return `${shown} ${why}. Make the field an int64() or a decimal(), or round the number.`;
}
