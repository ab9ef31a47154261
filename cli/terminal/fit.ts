import { width } from './terminal.ts';

/** How wide a line may be: a terminal's width. Output into a file or a pipe is never cut. */
export function lineWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** Cuts a text at its beginning, which tells least of a key, to so many columns. */
export function fitEnd(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  const characters = [...text];
  while (characters.length > 0 && width(characters.join('')) > columns - 1) characters.shift();
  return `…${characters.join('')}`;
}

/**
 * Folds a text at its spaces into lines of so many columns; a longer word is cut. Each line begins with
 * `indent`.
 */
export function folded(text: string, columns: number, indent = ''): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && width(`${last} ${word}`) <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return lines.flatMap((line) => chunks(line, columns, indent)).join('\n');
}

function chunks(line: string, columns: number, indent: string): string[] {
  if (width(line) <= columns) return [line];
  const characters = [...line];
  let length = characters.length;
  while (length > indent.length + 1 && width(characters.slice(0, length).join('')) > columns) length -= 1;
  const rest = characters.slice(length).join('');
  return [characters.slice(0, length).join(''), ...chunks(`${indent}${rest}`, columns, indent)];
}
