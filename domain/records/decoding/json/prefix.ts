/** Strings with their escapes, the last one perhaps without its end; and brackets. */
const STRINGS_AND_BRACKETS = /"[^"\\]*(?:\\[\s\S][^"\\]*)*\\?(?:"|$)|[{}[\]]/g;

/** What can be missing of a string: its quote, behind half an escape or not. */
const strings = ['"', 'n"', '0"', '00"', '000"', '0000"'];
const literals = ['rue', 'ue', 'alse', 'lse', 'se', 'ull', 'll', 'l', 'e'];
/** What can be missing up to the next bracket: nothing; a value or the rest of it; a name, the rest of it, or what it names. */
const completions = ['', '0', ...literals, ...strings, '"":0', ':0', ...strings.map((end) => `${end}:0`)];

/** Whether a text breaks off in the middle of JSON: there is something that makes it valid, and it is tried. */
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

/** Whether the first value of a text is whole, and stands on several lines. */
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
