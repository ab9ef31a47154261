import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Styles a text where standard output is a terminal that wants it (NO_COLOR and FORCE_COLOR are heeded). */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/**
 * Text that came from outside (a key, a title, an error), made safe to print: what a terminal would obey is shown as
 * escapes, and so are characters that turn the writing direction and would make a line read as another.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => {
      const code = character.codePointAt(0) ?? 0;
      return `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

export interface TableColumn<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  readonly style?: (row: Row) => Style | undefined;
}

/** A plain table: titles, then a line a row, columns two spaces apart. */
export function table<Row>(rows: readonly Row[], columns: readonly TableColumn<Row>[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(width(title), ...cells.map((line) => width(line[i] ?? ''))),
  );
  const pad = (text: string, i: number) => {
    const space = ' '.repeat((widths[i] ?? 0) - width(text));
    return columns[i]?.align === 'right' ? space + text : text + space;
  };
  const lines = cells.map((line, row) =>
    line
      .map((text, i) => {
        const style = columns[i]?.style?.(rows[row] as Row);
        return style === undefined ? pad(text, i) : styled(style, pad(text, i));
      })
      .join('  ')
      .trimEnd(),
  );
  const titles = columns
    .map(({ title }, i) => pad(title, i))
    .join('  ')
    .trimEnd();
  return [styled('bold', titles), ...lines].join('\n');
}

/** Columns that a text takes on a terminal; wide characters (CJK, emoji) take two. */
function width(text: string): number {
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

/** `1,234` */
export function integer(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 message`, `1,234 messages` */
export function count(value: number, noun: string): string {
  return `${integer(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `1.2 MB`: bytes as storage is sold. */
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

/** A line of progress: redrawn in place on a terminal; elsewhere a line when something has changed, at most one in two seconds. */
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

  /** Removes the line, so that what follows begins on a clean one. */
  end(): void {
    if (this.#stream.isTTY && this.#last !== '') this.#stream.write('\r\u001b[2K');
    this.#last = '';
  }
}
