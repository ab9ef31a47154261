import { stripVTControlCharacters, styleText } from 'node:util';

export * from './printable.ts';
export * from './units.ts';

type Style = Parameters<typeof styleText>[0];

/** Styles a text if standard output is a terminal with colours. NO_COLOR and FORCE_COLOR are respected. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export interface TableColumn<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  readonly style?: (row: Row) => Style | undefined;
}

/** A column of numbers, which stand at its right. */
export function numberColumn<Row>(title: string, value: (row: Row) => string): TableColumn<Row> {
  return { title, value, align: 'right' };
}

/** How wide a line may be: a terminal's width. Output into a file or a pipe is never cut. */
export function lineWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/**
 * A plain table: titles, then the rows, with two spaces between columns. If a terminal is too narrow, texts
 * are folded within their column: first those that have words, then others such as keys, of which no
 * character is lost. If that is not enough, the words of the last column go below their row.
 *
 * @param room how wide it may be
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  room = lineWidth(),
): string {
  const last = columns.at(-1);
  const whole = tableRows(rows, columns, room);
  const lines = whole.flatMap((row) => stripVTControlCharacters(row).split('\n'));
  if (last === undefined || last.align === 'right' || lines.every((line) => width(line) <= room))
    return whole.join('\n');
  const [titles = '', ...others] = tableRows(rows, columns.slice(0, -1), room);
  const below = (row: Row) => wrapped(last.value(row), room - BELOW.length).map((line) => BELOW + line);
  const texts = rows.map((row) => (last.value(row) === '' ? [] : below(row)));
  return [titles, ...others.flatMap((row, i) => [row, ...(texts[i] ?? [])])].join('\n');
}

/** Before each line below a row. */
const BELOW = '    ';

/** The titles, then each row, which may have several lines. */
function tableRows<Row>(rows: readonly Row[], columns: readonly TableColumn<Row>[], room: number): string[] {
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
  const blocks = cells.map((line, row) => {
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
    ).join('\n');
  });
  return [styled('bold', joined(columns.map(({ title }, i) => pad(title, i)))), ...blocks];
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
    .flatMap((word) => (width(word.trimEnd()) > columns ? word.split(/(?<=[/_.~=?&:;,-])/) : [word]));
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
