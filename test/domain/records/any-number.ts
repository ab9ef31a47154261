import fc from 'fast-check';

const digits = (least: number, most: number) =>
  fc
    .array(fc.constantFrom(...'0123456789'), { minLength: least, maxLength: most })
    .map((list) => list.join(''));
const whole = fc.oneof(
  digits(0, 22).map((text) => text.replace(/^0+(?=\d)/, '') || '0'),
  fc.bigInt({ min: 2n ** 53n - 9n, max: 2n ** 53n + 9n }).map(String),
  fc.constantFrom('0', '1', '1234567890123456789012345678901234567890'),
);
const fraction = fc.oneof(
  fc.constant(''),
  digits(1, 22).map((text) => `.${text}`),
);
const exponent = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(420), fc.constantFrom('', '00'))
      .map(([e, sign, n, zeros]) => `${e}${sign}${zeros}${n}`),
  },
);
const written = fc.tuple(fc.constantFrom('', '-'), whole, fraction, exponent).map((parts) => parts.join(''));

/**
 * The text of any number, as JSON has it: of few digits and of many, great and small, also of doubles as
 * other languages print them.
 */
export const anyNumber = fc.oneof(
  written,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc
    .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 14, max: 20 }))
    .map(([value, precision]) => value.toPrecision(precision)),
);

/** Whether two texts of numbers have the same decimal value, in exact arithmetic. */
export function sameDecimal(a: string, b: string): boolean {
  const [left, right] = [scaled(a), scaled(b)];
  const least = Math.min(left.exponent, right.exponent);
  const at = ({ value, exponent: power }: Scaled) => value * 10n ** BigInt(power - least);
  return at(left) === at(right);
}

interface Scaled {
  readonly value: bigint;
  readonly exponent: number;
}

function scaled(text: string): Scaled {
  const [, sign = '', before = '', after = '', power = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const value = BigInt(before + after) * (sign === '-' ? -1n : 1n);
  return value === 0n ? { value, exponent: 0 } : { value, exponent: Number(power) - after.length };
}
