import { date, time, timestamp } from '../../domain/fields.ts';

/** A form in which people write days and times. */
interface Form {
  /** Of `date()`, `timestamp()` or `time()`; for the latter two '' is ISO 8601 without an offset. */
  readonly format: string;
  readonly kind: 'day' | 'moment' | 'time';
  readonly fits: (text: string) => boolean;
}

/** Of two forms that all values fit, the first is proposed. */
const days = [
  'DD.MM.YYYY',
  'D.M.YYYY',
  'DD/MM/YYYY',
  'MM/DD/YYYY',
  'D/M/YYYY',
  'M/D/YYYY',
  'YYYY/MM/DD',
  'DD-MM-YYYY',
  'MM-DD-YYYY',
];
const times = ['HH:mm', 'HH:mm:ss', 'H:mm', 'H:mm:ss', 'hh:mm A', 'hh:mm:ss A', 'h:mm A', 'h:mm:ss A'];

const isRead = (type: { safeParse(text: string): { success: boolean } }) => (text: string) =>
  type.safeParse(text).success;

const forms: readonly Form[] = [
  { format: '', kind: 'moment', fits: isRead(timestamp({ zone: 'UTC' })) },
  ...days.map((format) => ({ format, kind: 'day' as const, fits: isRead(date(format)) })),
  ...days.flatMap((day) =>
    times.map((time) => {
      const format = `${day} ${time}`;
      return { format, kind: 'moment' as const, fits: isRead(timestamp({ format, zone: 'UTC' })) };
    }),
  ),
  { format: '', kind: 'time', fits: isRead(time()) },
  ...times.map((format) => ({ format, kind: 'time' as const, fits: isRead(time(format)) })),
];

/** What most texts don't begin with. */
const LIKE_A_FORM = /^\d{1,4}[./:-]\d/;

/** The forms in which a text can be read, all of one kind. */
export function formsOf(text: string): readonly Form[] {
  const trimmed = text.trim();
  return LIKE_A_FORM.test(trimmed) ? forms.filter(({ fits }) => fits(trimmed)) : [];
}

/** Whether the two forms differ in what is the day and what the month. */
export function isAmbiguous(formats: readonly string[]): boolean {
  const order = (format: string) => format.replace(/[^MD]|(?<=(.))\1/g, '');
  return new Set(formats.map((format) => order(format.split(' ')[0] ?? ''))).size > 1;
}

/** Words for yes and no in other languages, which `yesNo()` has to be told. */
const others: readonly (readonly [yes: string, no: string])[] = [
  ['ja', 'nein'],
  ['j', 'n'],
  ['oui', 'non'],
  ['o', 'n'],
  ['sí', 'no'],
  ['si', 'no'],
  ['s', 'n'],
  ['sim', 'não'],
  ['ja', 'nee'],
];
const own: readonly (readonly [yes: string, no: string])[] = [
  ['yes', 'no'],
  ['y', 'n'],
  ['true', 'false'],
  ['t', 'f'],
  ['on', 'off'],
];

/** The `yesNo()` that reads these words, if there is a yes and a no among them, in one language. */
export function yesNoOf(words: ReadonlySet<string>): string | undefined {
  const has = (at: 0 | 1) => own.some((pair) => words.has(pair[at]));
  if (has(0) && has(1) && [...words].every((word) => own.flat().includes(word))) return 'yesNo()';
  const isOf = (pair: readonly [string, string]) => pair.every((word) => words.has(word)) && words.size === 2;
  const [yes, no] = others.find(isOf) ?? [];
  if (yes === undefined) return undefined;
  const isKnown = own.some((pair) => pair[1] === no);
  return `yesNo({ yes: ['${yes}']${isKnown ? '' : `, no: ['${no}']`} })`;
}

/** Whether a text may be one of the words of `yesNoOf`. */
export function isYesOrNo(word: string): boolean {
  return [...own, ...others].some((pair) => pair.includes(word));
}
