import { fault, field, notA } from './field.ts';
import { clockOf, formOf, MICROSECOND_DIGITS, type Parts } from './form.ts';

const ISO = /^(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?$/;
const PARTS = /HH?|hh?|mm|ss|S+|A/g;
const CANONICAL = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}$/;

/**
 * A time of the day with microseconds, as text: `09:30:00.000000`, so that equal times are equal texts, in
 * their order. It has no day and no zone; 23:59:59.999999 is the last.
 *
 * @param format of the texts that are read, such as `h:mm A`: HH or H, `mm`, `ss`, S for each digit after the
 * second, hh or h with A for AM and PM. By default `HH:mm`, with seconds or without @throws {Error} if the
 * format does not say where hours and minutes are
 */
export function time(format?: string) {
  const partsOf = format === undefined ? isoParts : readerOf(format);
  return field<string>({
    column: { kind: 'string', time: true },
    expected: 'string',
    ...(format !== undefined && { inRow: 'time()' }),
    isRead: (value) => format === undefined && isTimeText(value),
    read(input, refuse) {
      if (format === undefined && isTimeText(input)) return input;
      if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'string', input });
      const text = input.trim();
      const parts = partsOf(text);
      if (parts === undefined) return refuse(notA(`time (${format ?? 'HH:mm:ss'})`, input));
      const clock = clockOf(parts);
      if (clock === undefined) return refuse(fault('invalid_value', input, `there is no ${text}`));
      const fraction = (parts['S'] ?? '').replace(/0+$/, '');
      return fraction.length > MICROSECOND_DIGITS
        ? refuse(fault('invalid_value', input, `${text} has digits below the microsecond`))
        : `${clock}.${fraction.padEnd(MICROSECOND_DIGITS, '0')}`;
    },
  });
}

function isTimeText(value: unknown): value is string {
  return typeof value === 'string' && CANONICAL.test(value);
}

function isoParts(text: string): Parts | undefined {
  const [found, H, m, s, S] = ISO.exec(text) ?? [];
  return found === undefined ? undefined : { H, m, s, S };
}

/** @throws {Error} */
function readerOf(format: string): (text: string) => Parts | undefined {
  const { letters, read } = formOf(format, PARTS);
  const has = (letter: string) => letters.includes(letter);
  const isClock = has('m') && (has('H') ? !has('h') && !has('A') : has('h') && has('A'));
  if (!isClock || new Set(letters).size < letters.length || (has('S') && !has('s')))
    throw new Error(
      `time(${JSON.stringify(format)}): the format must have HH and mm, or hh, mm and A, each once; and ss before S.`,
    );
  return read;
}
