class NoValue extends Error {}

/** A metric without a value. Only FILL and the branches of IF take it. */
const missing = {
  valueOf(): number {
    throw new NoValue();
  },
};
type Value = number | boolean | typeof missing | undefined;

/**
 * The value of a metric math expression at one moment, a minute long; undefined where there is none, as where
 * IF's condition compares a metric without a value (CloudWatch guide, using-metric-math).
 *
 * @param amount a metric's value; undefined if it has none at this moment
 */
export function evaluate(expression: string, amount: (id: string) => number | undefined): number | undefined {
  const functions = {
    IF: (condition: Value, yes: Value, no?: Value) => (condition ? yes : no),
    PERIOD: () => 60,
    FILL: (value: Value, filler: Value) => (value === missing ? filler : value),
  };
  const ids = [...new Set(expression.match(/\b[a-z]\w*/g) ?? [])];
  const run = new Function(...Object.keys(functions), ...ids, `return ${expression}`);
  try {
    const value: unknown = run(...Object.values(functions), ...ids.map((id) => amount(id) ?? missing));
    return typeof value === 'number' ? value : undefined;
  } catch (error) {
    if (error instanceof NoValue) return undefined;
    throw error;
  }
}
