import { width, wrapped } from './terminal.ts';

/** Cuts a text at its beginning, which tells least of a key, to so many columns. */
export function fitEnd(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  const characters = [...text];
  while (characters.length > 0 && width(characters.join('')) > columns - 1) characters.shift();
  return `…${characters.join('')}`;
}

/** Cuts a text at its end to so many columns. */
export function fitStart(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  const characters = [...text];
  while (characters.length > 0 && width(characters.join('')) > columns - 1) characters.pop();
  return `${characters.join('')}…`;
}

/** Wraps a text into lines of at most so many columns, each of which begins with `indent`. */
export function folded(text: string, columns: number, indent = ''): string {
  return wrapped(text, columns - indent.length)
    .map((line) => indent + line)
    .join('\n');
}
