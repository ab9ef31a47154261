import { fault, field, notA } from './field.ts';
import { dayOf, formOf } from './form.ts';

const ISO = 'YYYY-MM-DD';

/**
 * A day of the calendar, as text: `2026-01-31`. Years 1 to 9999.
 *
 * @param format of the texts that are read: YYYY, MM or M, DD or D, and anything between, such as
 * `DD.MM.YYYY` @throws {Error} if the format does not say where year, month and day are
 */
export function date(format: string = ISO) {
  const { letters, read } = formOf(format, /YYYY|MM?|DD?/g);
  if ([...letters].sort().join('') !== 'DMY')
    throw new Error(`date(${JSON.stringify(format)}): the format must have YYYY, MM and DD, each once.`);
  return field<string>({
    column: { kind: 'date' },
    expected: 'date',
    ...(format !== ISO && { inRow: 'date()' }),
    isRead(value) {
      const parts = typeof value === 'string' ? read(value) : undefined;
      return parts !== undefined && dayOf(parts) === value;
    },
    read(input, refuse) {
      if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'date', input });
      const parts = read(input.trim());
      if (parts === undefined) return refuse(notA(`date (${format})`, input));
      return dayOf(parts) ?? refuse(fault('invalid_value', input, `there is no ${input.trim()}`));
    },
  });
}
