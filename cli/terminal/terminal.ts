import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Styles a text if standard output is a terminal with colours. NO_COLOR and FORCE_COLOR are respected. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/**
 * Characters that a terminal obeys, that reverse the line, that have no width or that look like a space, and
 * a combining mark after one of them, which would be drawn on its escape. The joiners and selectors within
 * emoji are excepted.
 */
const unseen =
  /((?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d(?=\p{Extended_Pictographic})|(?<=\p{Extended_Pictographic})\ufe0f)|(?:(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}]|^\p{M})\p{M}*/gu;

/** One escape per code unit, as in JSON. */
const escaped = (text: string) =>
  text.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * Escapes invisible characters, and characters that are not in their usual composed form, since they look
 * like others.
 */
function visible(text: string): string {
  const shown =
    text.normalize() === text
      ? text
      : Array.from(new Intl.Segmenter().segment(text), ({ segment }) =>
          segment.normalize() === segment ? segment : segment.replace(/[^\p{ASCII}]+/gu, escaped),
        ).join('');
  return shown.replace(unseen, (character, seen: string | undefined) => seen ?? escaped(character));
}

/**
 * Text from outside (a key, a title, an error), made safe to print: it has nothing that a terminal would
 * obey, and no two texts look the same because of invisible characters. So a backslash that could be read as
 * an escape is escaped too.
 */
export function printable(text: string): string {
  return visible(text.replace(/\\(?=u[\da-f]{4})/gi, '\\u005c'));
}

/** A value as JSON, made safe to print. */
export function printableJson(value: unknown, indent?: number): string {
  return printableJsonText(JSON.stringify(value, null, indent));
}

/** JSON text made safe to print, which means the same: nothing of it is parsed and rounded. */
export function printableJsonText(text: string): string {
  // Between its tokens a tab is white space; within one, JSON has it escaped.
  return text.replaceAll('\t', ' ').split('\n').map(visible).join('\n');
}

/** `printable` for text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

export interface TableColumn<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  readonly style?: (row: Row) => Style | undefined;
}

/** How wide a line may be: a terminal's width. Output into a file or a pipe is never cut. */
export function lineWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/**
 * A plain table: titles, then the rows, with two spaces between columns. If a terminal is too narrow, texts
 * are folded within their column: first those that have words, then others such as keys, of which no
 * character is lost.
 *
 * @param room how wide it may be
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  room = lineWidth(),
): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  const natural = columns.map(({ title }, i) =>
    Math.max(width(title), ...cells.map((line) => width(line[i] ?? ''))),
  );
  const widths = narrowed(natural, columns, cells, room);
  const pad = (text: string, i: number) => {
    const space = ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(text)));
    return columns[i]?.align === 'right' ? space + text : text + space;
  };
  const joined = (texts: readonly string[]) => texts.join('  ').trimEnd();
  const lines = cells.flatMap((line, row) => {
    const parts = line.map((text, i) =>
      width(text) > (widths[i] ?? 0) ? wrapped(text, widths[i] ?? 0) : [text],
    );
    const height = Math.max(...parts.map(({ length }) => length));
    return Array.from({ length: height }, (_, part) =>
      joined(
        parts.map((texts, i) => {
          const style = columns[i]?.style?.(rows[row] as Row);
          const text = pad(texts[part] ?? '', i);
          return style === undefined || text.trim() === '' ? text : styled(style, text);
        }),
      ),
    );
  });
  return [styled('bold', joined(columns.map(({ title }, i) => pad(title, i)))), ...lines].join('\n');
}

/** Columns are not made narrower than this: of words, of other text. */
const LEAST_COLUMN = { words: 20, other: 24 };

/** The widths of the columns in so much room: the widest that can be folded become narrower, step by step. */
function narrowed<Row>(
  natural: readonly number[],
  columns: readonly TableColumn<Row>[],
  cells: readonly (readonly string[])[],
  room: number,
): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, each) => sum + each + 2, -2) - room;
  for (const kind of ['words', 'other'] as const) {
    const folding = columns.flatMap(({ align }, i) => {
      const hasWords = cells.some((line) => line[i]?.includes(' '));
      return align !== 'right' && hasWords === (kind === 'words') ? [i] : [];
    });
    while (excess > 0) {
      const [widest = -1] = folding.toSorted((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0));
      if ((widths[widest] ?? 0) <= LEAST_COLUMN[kind]) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
      excess -= 1;
    }
  }
  return widths;
}

/** Columns that a text takes on a terminal; wide characters (CJK, emoji) take two. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{Mn}|\u200d|\ufe0f/u.test(character)) continue;
    columns +=
      /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return columns;
}

/**
 * Breaks a text into lines of at most so many columns: between words, within a longer word behind a character
 * such as `/`, and only then anywhere.
 */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  let filled = 0;
  const breakLine = () => {
    lines.push(line.trimEnd());
    line = '';
    filled = 0;
  };
  const pieces = text
    .split(/(?<= )/)
    .flatMap((word) => (width(word.trimEnd()) > columns ? word.split(/(?<=[/_.~=?&:,-])/) : [word]));
  for (const word of pieces) {
    if (line !== '' && filled + width(word.trimEnd()) > columns) breakLine();
    for (const { segment } of new Intl.Segmenter().segment(word)) {
      const more = width(segment);
      if (line !== '' && segment !== ' ' && filled + more > columns) breakLine();
      line += segment;
      filled += more;
    }
  }
  return [...lines, line.trimEnd()];
}

/** `1,234` */
export function integer(value: number): string {
  // A tenth of the work of `toLocaleString`, which loads the rules of all languages.
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 message`, `1,234 messages`; an irregular plural is given, as in `2 batches` */
export function count(value: number, noun: string, plural = `${noun}s`): string {
  return `${integer(value)} ${value === 1 ? noun : plural}`;
}

/** `1.2 MB`, in decimal units. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]}`;
}

/** `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `45 s`, `12 min`, `3 h`, `13 d`: one unit, for times that nobody needs to the second. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `17:43:18` by local time, or `17:43:18.139`; with its date if that is not today. */
export function timeOfDay(timestamp: number, exact = false): string {
  const at = new Date(timestamp);
  const two = (value: number) => `${value}`.padStart(2, '0');
  const seconds = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const time = exact ? `${seconds}.${`${at.getMilliseconds()}`.padStart(3, '0')}` : seconds;
  const today = at.toDateString() === new Date().toDateString();
  return today ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/**
 * A progress line. A terminal shows it in place; elsewhere each change is a new line, at most one in two
 * seconds.
 */
export class Progress {
  readonly #stream = process.stderr;
  #last = '';
  #printedAt = 0;

  show(text: string): void {
    if (text === this.#last) return;
    if (this.#stream.isTTY) {
      const room = (this.#stream.columns ?? 80) - 1;
      this.#stream.write(`\r\u001b[2K${text.slice(0, room)}`);
    } else {
      const now = Date.now();
      if (now - this.#printedAt < 2000) return;
      this.#printedAt = now;
      this.#stream.write(`${text}\n`);
    }
    this.#last = text;
  }

  /** Removes the line, so that the next output starts on an empty one. */
  end(): void {
    if (this.#stream.isTTY && this.#last !== '') this.#stream.write('\r\u001b[2K');
    this.#last = '';
  }
}
