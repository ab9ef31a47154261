/** The time for a direction that names none, in seconds. */
const UNNAMED_S = 300;

const FRACTIONS: Readonly<Record<string, number>> = {
  '½': 1 / 2,
  '⅓': 1 / 3,
  '⅔': 2 / 3,
  '¼': 1 / 4,
  '¾': 3 / 4,
  '⅛': 1 / 8,
};

/** Units and their short forms; the first letter tells the unit. "5 mètres" is not a time. */
const unit = '(hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-zÀ-ɏ])';

/**
 * "10 minutes", "2.5 h", "1½ hrs", "1 1/2 hours", "½ hour", "30-second", "1h30m": an amount and its unit.
 * Every repetition is bounded, so that no text makes it slow. The lookbehind comes after the first character,
 * so that most of a text is skipped at the speed of a search for digits.
 */
const inFigures = new RegExp(
  String.raw`(\d(?<![\d.,/]\d)\d{0,4}(?:[.,]\d{1,3})?(?:\/\d{1,2}|\s\d{1,2}\/\d{1,2}|\s?[½⅓⅔¼¾⅛])?|[½⅓⅔¼¾⅛](?<![\d.,/].))(?:\s{0,3}|-)${unit}`,
  'gi',
);
/** "an hour", "half a minute". */
const inWords = new RegExp(String.raw`a(?<=\b(half\s)a|\ba)n?\s${unit}`, 'gi');
/** The text between the two ends of a range: "1 hour to 2 hours". */
const rangeSign = /^\s{0,3}(?:-|–|—|to|or)\s{0,3}$/i;

/**
 * Estimates how long a recipe takes, in whole seconds: the sum of the times in its directions, and 300 s for
 * each direction without one. In a range ("10 to 15 minutes"), the upper end counts.
 */
export function timeInDirections(directions: readonly string[]): number {
  let total = 0;
  for (const direction of directions) total += timeInDirection(direction) ?? UNNAMED_S;
  return Math.round(total);
}

function timeInDirection(direction: string): number | undefined {
  let total: number | undefined;
  let lowerEnd = 0;
  let end = 0;
  inFigures.lastIndex = 0;
  for (let match = inFigures.exec(direction); match !== null; match = inFigures.exec(direction)) {
    const [text, amount = '', unitName = ''] = match;
    const seconds = numberOf(amount) * secondsOf(unitName);
    const isUpperEnd = total !== undefined && rangeSign.test(direction.slice(end, match.index));
    total = (total ?? 0) + seconds - (isUpperEnd ? Math.min(lowerEnd, seconds) : 0);
    lowerEnd = isUpperEnd ? Math.max(lowerEnd, seconds) : seconds;
    end = match.index + text.length;
  }
  // Not `matchAll`, which would copy the expression for every text.
  inWords.lastIndex = 0;
  for (let match = inWords.exec(direction); match !== null; match = inWords.exec(direction)) {
    const [, half, unitName = ''] = match;
    total = (total ?? 0) + (half === undefined ? 1 : 0.5) * secondsOf(unitName);
  }
  return total;
}

function secondsOf(unitName: string): number {
  switch (unitName.charAt(0)) {
    case 'h':
    case 'H':
      return 3600;
    case 'm':
    case 'M':
      return 60;
    default:
      return 1;
  }
}

const terms = /(\d+)\/(\d+)|\d+(?:[.,]\d+)?|[½⅓⅔¼¾⅛]/g;

/** The sum of an amount's terms: "1 1/2" and "1½" are 1.5. */
function numberOf(amount: string): number {
  const plain = Number(amount);
  if (!Number.isNaN(plain)) return plain;
  let total = 0;
  for (const [term, over, under] of amount.matchAll(terms)) {
    if (over === undefined) total += FRACTIONS[term] ?? Number(term.replace(',', '.'));
    else if (Number(under) !== 0) total += Number(over) / Number(under);
  }
  return total;
}
