/**
 * The limit of Jackson, which reads JSON for most AWS services ("StreamReadConstraints: DEFAULT_MAX_DEPTH").
 */
const mostNested = 1000;

/**
 * Parses JSON text from outside. Code that walks the result may recurse, because nesting that would exhaust
 * the stack is refused here.
 *
 * @throws {SyntaxError} if it isn't JSON, or is nested more than a thousand levels deep
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Each level takes an opening and a closing bracket.
  if (text.length > 2 * mostNested && isDeeper(value, mostNested))
    throw new SyntaxError(`It is nested more than ${mostNested} deep`);
  return value;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
