/** Strings with their escapes, the last one possibly without its end; and brackets. */
const STRINGS_AND_BRACKETS = /"[^"\\]*(?:\\[\s\S][^"\\]*)*\\?(?:"|$)|[{}[\]]/g;

/** The possible missing ends of a string: its quote, perhaps after the rest of an escape. */
const strings = ['"', 'n"', '0"', '00"', '000"', '0000"'];
const literals = ['rue', 'ue', 'alse', 'lse', 'se', 'ull', 'll', 'l', 'e'];
/**
 * The possible missing text up to the next bracket: nothing; a value or its rest; a name, its rest, or its
 * value.
 */
const completions = ['', '0', ...literals, ...strings, '"":0', ':0', ...strings.map((end) => `${end}:0`)];

/** Whether a text breaks off in the middle of JSON: tries whether any completion makes it valid. */
export function mayBecomeJson(text: string): boolean {
  const closing: string[] = [];
  for (const [token] of text.matchAll(STRINGS_AND_BRACKETS)) {
    if (token === '{') closing.push('}');
    else if (token === '[') closing.push(']');
    else if (token === '}' || token === ']') closing.pop();
  }
  const brackets = closing.reverse().join('');
  return completions.some((completion) => isJson(text + completion + brackets));
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether the first value of a text is complete and spans several lines. */
export function isOverSeveralLines(text: string): boolean {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(STRINGS_AND_BRACKETS)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    if (depth === 0) {
      const value = text.slice(0, index + token.length);
      return value.includes('\n') && isJson(value);
    }
  }
  return false;
}
