import type { CsvCharacters } from './splitter.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Splits whole records into their fields, each record with the same line ending after it. `undefined` tells
 * nothing: then papaparse must be asked, which takes several times as long.
 */
export type SplitRows = (text: string, newline: string) => string[][] | undefined;

export function rowSplitter({ delimiter = ',', quote = '"' }: CsvCharacters): SplitRows {
  const separator = delimiter.charCodeAt(0);
  const quoteCode = quote?.charCodeAt(0) ?? -1;
  const quoteCharacter = quote ?? '';
  const doubled = quoteCharacter + quoteCharacter;
  return (text, newline) => {
    const rows: string[][] = [];
    const { length } = text;
    let at = 0;
    while (at < length) {
      const row: string[] = [];
      for (;;) {
        const start = at;
        if (text.charCodeAt(at) === quoteCode) {
          let end = text.indexOf(quoteCharacter, start + 1);
          const first = end;
          while (end >= 0 && text.charCodeAt(end + 1) === quoteCode)
            end = text.indexOf(quoteCharacter, end + 2);
          if (end < 0) return undefined;
          const field = text.slice(start + 1, end);
          row.push(first === end ? field : field.replaceAll(doubled, quoteCharacter));
          at = end + 1;
        } else {
          while (at < length) {
            const code = text.charCodeAt(at);
            if (code === separator || code === LINE_FEED || code === CARRIAGE_RETURN) break;
            at += 1;
          }
          row.push(text.slice(start, at));
        }
        if (text.charCodeAt(at) !== separator) break;
        at += 1;
      }
      if (!text.startsWith(newline, at)) return undefined;
      at += newline.length;
      rows.push(row);
    }
    return rows;
  };
}
