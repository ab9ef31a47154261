const TOKENS = /"(?:[^"\\]|\\[\s\S])*"|[{}[\],:]/g;
/** How deep in a document the list is looked for. */
const MOST_NAMES = 3;

/**
 * The path of the first list of objects in a document of JSON, such as `features` or `data.items`;
 * `undefined` if it has none.
 *
 * @param text the beginning of the document
 */
export function listPath(text: string): string | undefined {
  const path: string[] = [];
  let lists = 0;
  let name: string | undefined;
  let last = '';
  let before = '';
  for (const [token] of text.matchAll(TOKENS)) {
    const [, ...names] = path;
    if (token === '{' && before === '[' && lists === 1 && names.length > 0 && names.every(isName))
      return names.join('.');
    if (token === ':') name = last;
    else if (token === '{') {
      if (lists === 0) path.push(name ?? '');
      else lists += 1;
      name = undefined;
    } else if (token === '[') {
      if (lists === 0) path.push(path.length <= MOST_NAMES ? (name ?? '') : '');
      lists += 1;
      name = undefined;
    } else if (token === '}' || token === ']') {
      if (lists > 0) lists -= 1;
      if (lists === 0) path.pop();
      name = undefined;
    } else if (token === ',') name = undefined;
    else last = textOf(token);
    before = token;
  }
  return undefined;
}

/** The text of a string, or nothing if JSON can't have it. */
function textOf(token: string): string {
  try {
    return String(JSON.parse(token));
  } catch {
    return '';
  }
}

const isName = (name: string) => name !== '' && !name.includes('.');
