/** As Jackson has it, which reads JSON for most of AWS's services ("StreamReadConstraints: DEFAULT_MAX_DEPTH"). */
const mostNested = 1000;

/**
 * Parses JSON text that came from outside. Whatever walks through the result may do so by recursion: what would exhaust the stack
 * is refused here.
 *
 * @throws {SyntaxError} when it isn't JSON, or nested more than a thousand deep
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Each level takes a bracket at its beginning and one at its end.
  if (text.length > 2 * mostNested && isDeeper(value, mostNested))
    throw new SyntaxError(`It is nested more than ${mostNested} deep`);
  return value;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
