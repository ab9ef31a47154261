/** The parts of a text that has a form, each under the first letter of its name in it: `Y` of `YYYY`. */
export type Parts = Readonly<Record<string, string | undefined>>;

/** What the parts of a form can look like; anything else in it stands for itself. */
const patterns: Readonly<Record<string, string>> = {
  YYYY: '\\d{4}',
  MM: '\\d{2}',
  M: '\\d{1,2}',
  DD: '\\d{2}',
  D: '\\d{1,2}',
  HH: '\\d{2}',
  H: '\\d{1,2}',
  hh: '\\d{2}',
  h: '\\d{1,2}',
  mm: '\\d{2}',
  ss: '\\d{2}',
  A: '[AaPp][Mm]',
  Z: 'Z|[+-]\\d{2}(?::?\\d{2})?',
};
/** As many digits of the fraction as there are letters, or fewer. */
const fraction = (part: string) => `\\d{1,${part.length}}`;

/**
 * Reads texts of a form, such as `DD.MM.YYYY`.
 *
 * @param parts finds the names of parts in a form @returns which parts the form has, each by its first
 * letter; and a function that reads a text, or returns `undefined` for one that has another form
 */
export function formOf(
  form: string,
  parts: RegExp,
): { readonly letters: readonly string[]; readonly read: (text: string) => Parts | undefined } {
  const names = form.match(parts) ?? [];
  const letters = names.map((name) => name.charAt(0));
  const between = form.split(parts).map((text) => RegExp.escape(text));
  const groups = names.map((name) => `(${patterns[name] ?? fraction(name)})`);
  const pattern = new RegExp(`^${between.map((text, i) => text + (groups[i] ?? '')).join('')}$`);
  return {
    letters,
    read(text) {
      const found = pattern.exec(text);
      return found === null
        ? undefined
        : Object.fromEntries(letters.map((letter, i) => [letter, found[i + 1]]));
    },
  };
}

export const MICROSECOND_DIGITS = 6;

/** `09:30:00` of a form's parts; `undefined` if no clock shows it. */
export function clockOf({ H, h, A, m = '', s = '00' }: Parts): string | undefined {
  const hour = H ?? (Number(h) >= 1 && Number(h) <= 12 ? hourOf(Number(h), A) : '99');
  const isTime = Number(hour) < 24 && Number(m) < 60 && Number(s) < 60;
  return isTime ? `${hour.padStart(2, '0')}:${m}:${s}` : undefined;
}

/** 12 AM is 0, and 12 PM is 12. */
function hourOf(hour: number, half = ''): string {
  return String((hour % 12) + (/^p/i.test(half) ? 12 : 0));
}

const FEBRUARY = 2;
const daysOf = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * `2026-01-31` of a form's parts, in the calendar of today, also for days before it was introduced (ISO
 * 8601); `undefined` if there is no such day in the years 1 to 9999.
 */
export function dayOf({ Y: year = '', M: month = '', D: day = '' }: Parts): string | undefined {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  const isLeap = (y % 4 === 0 && y % 100 !== 0) || y % 400 === 0;
  const most = m === FEBRUARY && isLeap ? 29 : (daysOf[m - 1] ?? 0);
  if (!(y >= 1 && d >= 1 && d <= most)) return undefined;
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}
