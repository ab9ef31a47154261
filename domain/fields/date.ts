import { fault, field, notA } from './field.ts';

const ISO = 'YYYY-MM-DD';
const parts = /YYYY|MM?|DD?/g;
const FEBRUARY = 2;
const daysOf = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * A day of the calendar, as text: `2026-01-31`. Years 1 to 9999.
 *
 * @param format of the texts that are read: YYYY, MM or M, DD or D, and anything between, such as
 * `DD.MM.YYYY` @throws {Error} if the format does not say where year, month and day are
 */
export function date(format: string = ISO) {
  const read = reader(format);
  return field<string>({
    column: { kind: 'date' },
    expected: 'date',
    ...(format !== ISO && { inRow: 'date()' }),
    isRead: (value) => typeof value === 'string' && read(value) === value,
    read(input, refuse) {
      if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'date', input });
      const found = read(input.trim());
      if (found === undefined) return refuse(notA(`date (${format})`, input));
      return found === null ? refuse(fault('invalid_value', input, `there is no ${input.trim()}`)) : found;
    },
  });
}

/** Makes a reader of texts: `undefined` for one that has another form, `null` for one that is no day. */
function reader(format: string): (text: string) => string | null | undefined {
  const order = format.match(parts) ?? [];
  const at = (letter: string) => order.findIndex((part) => part.startsWith(letter));
  const [year, month, day] = [at('Y'), at('M'), at('D')];
  if (order.length !== 3 || [year, month, day].includes(-1))
    throw new Error(`date(${JSON.stringify(format)}): the format must have YYYY, MM and DD, each once.`);
  const digits = (part: string) => (part.length === 1 ? '(\\d{1,2})' : `(\\d{${part.length}})`);
  const between = format.split(parts).map((text) => RegExp.escape(text));
  const pattern = new RegExp(
    `^${between.map((text, i) => text + (order[i] ? digits(order[i]) : '')).join('')}$`,
  );
  return (text) => {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    const [y, m, d] = [found[year + 1] ?? '', found[month + 1] ?? '', found[day + 1] ?? ''];
    return isDay(Number(y), Number(m), Number(d)) ? `${y}-${m.padStart(2, '0')}-${d.padStart(2, '0')}` : null;
  };
}

/** In the calendar of today, also for days before it was introduced (ISO 8601). */
function isDay(year: number, month: number, day: number): boolean {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const most = month === FEBRUARY && isLeap ? 29 : (daysOf[month - 1] ?? 0);
  return year >= 1 && day >= 1 && day <= most;
}
