import { jsonOf } from '../../domain/long.ts';

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
  return printableJsonText(jsonOf(value, indent));
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
