const ZERO = 0x30;
const POINT = 0x2e;
/** So many digits after the point. */
const PLACES = 4;
const SCALE = 10 ** PLACES;
/** Those that an integer of 32 bits may reach. */
const POWERS_OF_TEN = Array.from({ length: 10 }, (_, n) => 10 ** n);
/** So much room the largest number needs. Bytes. */
export const MOST_DIGITS = 12;

/**
 * Writes a number as `String` would, if it is positive and has few digits, as most do. A decimal of so few
 * digits is the shortest one of its double, which the quotient of two integers is (IEEE 754).
 *
 * @returns where the text ends; -1 if there is none
 */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  if (!(value > 0)) return -1;
  if (value === (value | 0)) return writeInteger(bytes, at, value, 1);
  const scaled = Math.round(value * SCALE);
  if (scaled !== (scaled | 0) || scaled / SCALE !== value) return -1;
  const whole = (scaled / SCALE) | 0;
  const point = writeInteger(bytes, at, whole, 1);
  let fraction = scaled - SCALE * whole;
  let places = PLACES;
  for (; fraction % 10 === 0; fraction /= 10) places -= 1;
  bytes[point] = POINT;
  return writeInteger(bytes, point + 1, fraction, places);
}

/** @param least how many digits, of which the first ones may be zeros @returns where the digits end */
function writeInteger(bytes: Uint8Array, start: number, integer: number, least: number): number {
  let digits = least;
  while (digits < POWERS_OF_TEN.length && integer >= (POWERS_OF_TEN[digits] as number)) digits += 1;
  const end = start + digits;
  let rest = integer;
  for (let at = end - 1; at >= start; at -= 1) {
    const next = (rest / 10) | 0;
    bytes[at] = ZERO + rest - 10 * next;
    rest = next;
  }
  return end;
}
