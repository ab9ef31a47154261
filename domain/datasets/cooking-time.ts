/** What a direction takes that names no time, in seconds. */
const UNNAMED_S = 300;

const SECONDS = { h: 3600, m: 60, s: 1 };

const FRACTIONS: Readonly<Record<string, number>> = {
  '½': 1 / 2,
  '⅓': 1 / 3,
  '⅔': 2 / 3,
  '¼': 1 / 4,
  '¾': 3 / 4,
  '⅛': 1 / 8,
};

/**
 * An amount, perhaps a range, and a unit: "10 minutes", "1½ hrs", "1 1/2 h", "10-15 min", "10 to 15 minutes",
 * "30-second", "1h30m", "half an hour", "an hour". Every repetition is bounded, so that no text makes it slow.
 */
const digits = String.raw`(?<![\d.,/])\d{1,5}(?:[.,]\d{1,3})?(?:\s?[½⅓⅔¼¾⅛]|\s\d{1,2}\/\d{1,2}|\/\d{1,2})?`;
const amount = String.raw`(?:${digits}|[½⅓⅔¼¾⅛]|(?<!\p{L})(?:half\s)?an?)`;
const unit = '(?:hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)';
const namedTime = new RegExp(
  String.raw`(?:${amount}\s{0,3}(?:-|–|—|to|or)\s{0,3})?(${amount})(?:\s{0,3}|-)(${unit})(?!\p{L})`,
  'giu',
);
const term = /(\d+)\/(\d+)|\d+(?:[.,]\d+)?|[½⅓⅔¼¾⅛]/g;

/**
 * Estimates how long a recipe takes, in whole seconds: the sum of the times that its directions name, and 300 s for
 * each direction that names none. Of a range ("10 to 15 minutes") the upper end counts.
 */
export function timeInDirections(directions: readonly string[]): number {
  let total = 0;
  for (const direction of directions) total += timeInDirection(direction) ?? UNNAMED_S;
  return Math.round(total);
}

function timeInDirection(direction: string): number | undefined {
  let seconds: number | undefined;
  for (const [, quantity = '', name = ''] of direction.matchAll(namedTime)) {
    seconds = (seconds ?? 0) + numberOf(quantity.toLowerCase()) * secondsOf(name.toLowerCase());
  }
  return seconds;
}

function secondsOf(unitName: string): number {
  if (unitName.startsWith('h')) return SECONDS.h;
  return unitName.startsWith('m') ? SECONDS.m : SECONDS.s;
}

/** The sum of the terms of an amount: "1 1/2" and "1½" are 1.5; "a" and "an" are 1; "half an" is 0.5. */
function numberOf(quantity: string): number {
  if (quantity.startsWith('half')) return 0.5;
  if (quantity.startsWith('a')) return 1;
  let total = 0;
  for (const [text, over, under] of quantity.matchAll(term)) {
    if (over === undefined) total += FRACTIONS[text] ?? Number(text.replace(',', '.'));
    else if (Number(under) !== 0) total += Number(over) / Number(under);
  }
  return total;
}
