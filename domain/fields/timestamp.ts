import { instantText, isInstantText } from '../instant.ts';
import { isNumber, plainNumber } from '../records/number-text.ts';
import { fault, field, notA, numberText, type Refuse } from './field.ts';
import { clockOf, dayOf, formOf, MICROSECOND_DIGITS, type Parts } from './form.ts';
import { offsetOf, Zone } from './zone.ts';

export interface TimestampOptions {
  /** Where the clocks stood that show the times without an offset: `Europe/Berlin`. By default, nowhere. */
  readonly zone?: string;
  /**
   * Of the texts that are read, such as `DD.MM.YYYY HH:mm`: YYYY, MM or M, DD or D, HH or H, `mm`, `ss`, S
   * for each digit after the second, hh or h with A for AM and PM, Z for an offset. Or what counts from 1970
   * in UTC: `epoch seconds`, `epoch milliseconds` or `epoch microseconds`. By default ISO 8601.
   */
  readonly format?: string;
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)? ?(Z|[+-]\d\d(?::?\d\d)?)?$/;
const ISO_LETTERS = [...'YMDHmsSZ'];
const OFFSET = /^(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)$/;
const PARTS = /YYYY|MM?|DD?|HH?|hh?|mm|ss|S+|A|Z/g;
/** How many digits of a microsecond each unit has. */
const epochs: Readonly<Record<string, number>> = {
  'epoch seconds': 6,
  'epoch milliseconds': 3,
  'epoch microseconds': 0,
};
/** The microseconds of the years 1 to 9999. */
const LEAST = -62_135_596_800_000_000n;
const MOST = 253_402_300_799_999_999n;

/**
 * An instant with microseconds, as text of UTC: `2026-01-31T09:30:00.000000Z`. Years 1 to 9999. An offset in
 * the input counts as it is written. A time without one is a time of the clocks in `zone`: the first of two,
 * if they were set back; one that they skipped is refused.
 *
 * @throws {Error} if the zone does not exist, or the format has no day or time, or no zone
 */
export function timestamp(options: TimestampOptions = {}) {
  const { format } = options;
  const zone = options.zone === undefined ? undefined : new Zone(options.zone);
  const reader = format === undefined ? isoReader(zone) : readerOf(format, zone);
  return field<string>({
    column: { kind: 'timestamp' },
    expected: 'date',
    ...((format ?? options.zone) !== undefined && { inRow: 'timestamp()' }),
    isRead: (value) => reader.takesIso && isInstantText(value),
    read: (input, refuse) => (reader.takesIso && isInstantText(input) ? input : reader.read(input, refuse)),
  });
}

interface Reader {
  readonly takesIso: boolean;
  readonly read: (input: unknown, refuse: Refuse) => string;
}

function isoReader(zone: Zone | undefined): Reader {
  const partsOf = (text: string): Parts | undefined => {
    const found = ISO.exec(text);
    return found === null
      ? undefined
      : Object.fromEntries(ISO_LETTERS.map((letter, i) => [letter, found[i + 1]]));
  };
  return { takesIso: true, read: textReader('timestamp (ISO 8601)', partsOf, zone) };
}

/** @throws {Error} */
function readerOf(format: string, zone: Zone | undefined): Reader {
  const refuse = (what: string): never => {
    throw new Error(`timestamp({ format: ${JSON.stringify(format)} }): ${what}`);
  };
  const digits = epochs[format];
  if (digits !== undefined) {
    if (zone !== undefined) refuse('it counts in UTC: leave the zone out.');
    return { takesIso: false, read: epochReader(format, digits) };
  }
  const { letters, read } = formOf(format, PARTS);
  const has = (wanted: string) => [...wanted].every((letter) => letters.includes(letter));
  if (new Set(letters).size < letters.length) refuse('it has a part twice.');
  if (!has('YMDm') || !(letters.includes('H') ? !has('h') && !has('A') : has('hA')))
    refuse('the format must have YYYY, MM, DD, HH and mm; or hh and A in place of HH.');
  if (has('S') && !has('s')) refuse('it has digits after the second, and no ss.');
  if (!has('Z') && zone === undefined)
    refuse(
      'it has no zone. Say where the clocks stand, such as zone: ‘Europe/Berlin’, or where the offset is, with Z.',
    );
  return { takesIso: false, read: textReader(`timestamp (${format})`, read, zone) };
}

function textReader(
  what: string,
  partsOf: (text: string) => Parts | undefined,
  zone: Zone | undefined,
): Reader['read'] {
  return (input, refuse) => {
    if (typeof input !== 'string') return refuse({ code: 'invalid_type', expected: 'date', input });
    const text = input.trim();
    const parts = partsOf(text);
    if (parts === undefined) return refuse(notA(what, input));
    const local = localOf(parts);
    const offset = parts['Z'];
    if (local === undefined || (offset !== undefined && !OFFSET.test(offset)))
      return refuse(fault('invalid_value', input, `there is no ${text}`));
    const fraction = (parts['S'] ?? '').replace(/0+$/, '');
    if (fraction.length > MICROSECOND_DIGITS)
      return refuse(fault('invalid_value', input, `${text} has digits below the microsecond`));
    if (offset === undefined && zone === undefined) {
      const message = `${text} has no zone. Write an offset, such as Z, or say in the dataset where the clocks stand: timestamp({ zone: ‘Europe/Berlin’ })`;
      return refuse(fault('invalid_value', input, message));
    }
    const instant = offset === undefined ? zone?.instantOf(local) : local - offsetOf(offset);
    if (instant === undefined)
      return refuse(fault('invalid_value', input, `clocks there skip ${text}, when summer time begins`));
    const inUtc = new Date(instant).toISOString();
    return /^(0000|[+-])/.test(inUtc)
      ? refuse(fault('invalid_value', input, `${text} is not in the years 1 to 9999 of UTC`))
      : `${inUtc.slice(0, 19)}.${fraction.padEnd(MICROSECOND_DIGITS, '0')}Z`;
  };
}

/** What the time would be in UTC, in milliseconds; `undefined` if no clock shows it. */
function localOf(parts: Parts): number | undefined {
  const [day, clock] = [dayOf(parts), clockOf(parts)];
  return day && clock ? Date.parse(`${day}T${clock}Z`) : undefined;
}

function epochReader(format: string, unitDigits: number): Reader['read'] {
  return (input, refuse) => {
    const text = numberText(input);
    if (text === undefined) return refuse({ code: 'invalid_type', expected: 'number', input });
    if (!isNumber(text)) return refuse(notA(`number (${format})`, text));
    const { isNegative, whole, fraction } = plainNumber(text);
    if (fraction.length > unitDigits)
      return refuse(fault('invalid_value', input, `${text} has digits below the microsecond`));
    const size = BigInt(whole + fraction.padEnd(unitDigits, '0'));
    const micros = isNegative ? -size : size;
    if (micros < LEAST || micros > MOST)
      return refuse(fault('invalid_value', input, `${text} is not in the years 1 to 9999, as ${format}`));
    return instantText(micros);
  };
}
