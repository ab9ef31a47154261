import jsonata, { type Expression } from 'jsonata';
import { errorText } from '../core/service-error.ts';
import { type Json, type JsonObject, StatesError } from './json.ts';

export type Variables = JsonObject;

/** The contents of `$states`. */
export interface StatesObject {
  readonly input: Json;
  readonly context: Json;
  readonly result?: Json;
  readonly errorOutput?: Json;
}

const compiled = new Map<string, Expression>();

/**
 * Evaluates all expressions in a template ("Step Functions guide: Transforming data with JSONata"). Text is
 * an expression if all of it is between `{%` and `%}`.
 *
 * @throws {StatesError} States.QueryEvaluationError
 */
export async function evaluate(template: Json, states: StatesObject, variables: Variables): Promise<Json> {
  if (typeof template === 'string') {
    const source = /^\{%([\s\S]*)%\}$/.exec(template)?.[1];
    return source === undefined ? template : evaluateExpression(source, states, variables);
  }
  if (Array.isArray(template)) return Promise.all(template.map((each) => evaluate(each, states, variables)));
  if (template === null || typeof template !== 'object') return template;
  const entries = Object.entries(template).map(
    async ([name, value]) => [name, await evaluate(value, states, variables)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function evaluateExpression(source: string, states: StatesObject, variables: Variables): Promise<Json> {
  let value: unknown;
  try {
    let expression = compiled.get(source);
    if (expression === undefined) {
      expression = jsonata(source);
      compiled.set(source, expression);
    }
    value = await expression.evaluate(undefined, { ...variables, states });
  } catch (error) {
    throw new StatesError(
      'States.QueryEvaluationError',
      `The JSONata expression '${source.trim()}' threw an error: ${errorText(error)}`,
    );
  }
  if (value === undefined || typeof value === 'function')
    throw new StatesError(
      'States.QueryEvaluationError',
      `The JSONata expression '${source.trim()}' returned nothing (undefined).`,
    );
  // JSONata's sequences are arrays with extra properties.
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** The variables after an `Assign`. All its expressions see the variables from before it. */
export async function assigned(
  assign: JsonObject | undefined,
  states: StatesObject,
  variables: Variables,
): Promise<Variables> {
  if (assign === undefined) return variables;
  return { ...variables, ...((await evaluate(assign, states, variables)) as JsonObject) };
}
