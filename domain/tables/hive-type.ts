/** A type as the catalog writes it: `struct<a:int,b:array<string>>`. */
export type HiveType =
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'array'; readonly element: HiveType }
  | { readonly kind: 'map'; readonly key: HiveType; readonly value: HiveType }
  | {
      readonly kind: 'struct';
      readonly fields: readonly { readonly name: string; readonly type: HiveType }[];
    };

/**
 * Parses a type of the catalog.
 *
 * @throws {Error} that quotes the text, if it is not a type
 */
export function parseHiveType(text: string): HiveType {
  const tokens = text.match(/[<>,:]|[^<>,:\s()]+(?:\([^()]*\))?|[()]/g) ?? [];
  let next = 0;
  const take = () => tokens[next++] ?? '';
  const expect = (token: string) => {
    if (take() !== token) throw new Error(`${JSON.stringify(text)} is not a type: ${token} is missing.`);
  };
  const type = (): HiveType => {
    const name = take();
    if (tokens[next] !== '<') {
      if (!/^[A-Za-z]\w*(\([\d, ]+\))?$/.test(name))
        throw new Error(`${JSON.stringify(text)} is not a type.`);
      return { kind: 'scalar', name };
    }
    next += 1;
    const inner = nested(name);
    expect('>');
    return inner;
  };
  const nested = (name: string): HiveType => {
    if (name === 'array') return { kind: 'array', element: type() };
    if (name === 'map') {
      const key = type();
      expect(',');
      return { kind: 'map', key, value: type() };
    }
    if (name !== 'struct') throw new Error(`${JSON.stringify(text)} is not a type: there is no ${name}<…>.`);
    const fields: { name: string; type: HiveType }[] = [];
    do {
      const field = take();
      expect(':');
      fields.push({ name: field, type: type() });
    } while (tokens[next] === ',' && next++ >= 0);
    return { kind: 'struct', fields };
  };
  const parsed = type();
  if (next < tokens.length) throw new Error(`${JSON.stringify(text)} is not a type: text follows its end.`);
  return parsed;
}
