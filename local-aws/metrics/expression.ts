import { badRequest } from '../core/service-error.ts';

export type Operator = '+' | '-' | '*' | '/' | '^' | '<' | '<=' | '>' | '>=' | '==' | '!=' | 'AND' | 'OR';

/** A metric math expression as a tree. */
export type Expression =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  /** The id of another query. */
  | { readonly type: 'id'; readonly name: string }
  /** A word that a function knows, e.g. `REPEAT`. */
  | { readonly type: 'word'; readonly name: string }
  | { readonly type: 'list'; readonly items: readonly Expression[] }
  | { readonly type: 'negation'; readonly operand: Expression }
  | {
      readonly type: 'operation';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: 'call'; readonly name: string; readonly operands: readonly Expression[] };

/** "Using math expressions": the operators, those that bind least first. */
const levels: readonly (readonly string[])[] = [
  ['OR', '||'],
  ['AND', '&&'],
  ['==', '!=', '<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/'],
];
const token =
  /\s*(?:(\d+(?:\.\d*)?|\.\d+)|([A-Za-z_]\w*)|"([^"]*)"|'([^']*)'|(\|\||&&|[=!<>]=|[-+*/^<>()[\],]))/y;
/** Deeper than any expression of 2,048 characters that a person writes. */
const mostNested = 100;

/** @throws ServiceError ValidationException, with what is wrong */
export function parseExpression(source: string): Expression {
  return new Parser(source).parse();
}

interface Token {
  readonly type: 'number' | 'name' | 'text' | 'sign' | 'end';
  readonly text: string;
}

class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;

  constructor(source: string) {
    this.#tokens = [...tokens(source)];
  }

  parse(): Expression {
    const expression = this.#operation(0);
    if (this.#next.type !== 'end') throw unexpected(this.#next);
    return expression;
  }

  get #next(): Token {
    return this.#tokens[this.#position] ?? { type: 'end', text: '' };
  }

  #take(): Token {
    const taken = this.#next;
    this.#position += 1;
    return taken;
  }

  #accept(...texts: readonly string[]): string | undefined {
    const { type, text } = this.#next;
    return type !== 'text' && texts.includes(text) ? this.#take().text : undefined;
  }

  #expect(text: string): void {
    if (this.#accept(text) === undefined) throw unexpected(this.#next);
  }

  #operation(level: number): Expression {
    const operators = levels[level];
    if (operators === undefined) return this.#negation();
    let left = this.#operation(level + 1);
    for (let found = this.#accept(...operators); found !== undefined; found = this.#accept(...operators)) {
      const operator = ({ '||': 'OR', '&&': 'AND' }[found] ?? found) as Operator;
      left = { type: 'operation', operator, left, right: this.#operation(level + 1) };
    }
    return left;
  }

  #negation(): Expression {
    let isNegative = false;
    for (let sign = this.#accept('-', '+'); sign !== undefined; sign = this.#accept('-', '+'))
      isNegative = sign === '-' ? !isNegative : isNegative;
    const operand = this.#power();
    return isNegative ? { type: 'negation', operand } : operand;
  }

  #power(): Expression {
    const left = this.#primary();
    if (this.#accept('^') === undefined) return left;
    return { type: 'operation', operator: '^', left, right: this.#nested(() => this.#negation()) };
  }

  #primary(): Expression {
    const taken = this.#take();
    const { type, text } = taken;
    if (type === 'number') return { type, value: Number(text) };
    if (type === 'text') return { type, value: text };
    if (type === 'name') {
      if (this.#accept('(') !== undefined) return { type: 'call', name: text, operands: this.#list(')') };
      return { type: /^[a-z]/.test(text) ? 'id' : 'word', name: text };
    }
    if (text === '[') return { type: 'list', items: this.#list(']') };
    if (text !== '(') throw unexpected(taken);
    const inner = this.#nested(() => this.#operation(0));
    this.#expect(')');
    return inner;
  }

  #list(end: string): Expression[] {
    const items: Expression[] = [];
    if (this.#accept(end) !== undefined) return items;
    do items.push(this.#nested(() => this.#operation(0)));
    while (this.#accept(',') !== undefined);
    this.#expect(end);
    return items;
  }

  #nested(parse: () => Expression): Expression {
    this.#depth += 1;
    if (this.#depth > mostNested) throw invalidExpression(`It is nested more than ${mostNested} deep`);
    const parsed = parse();
    this.#depth -= 1;
    return parsed;
  }
}

function* tokens(source: string): Iterable<Token> {
  token.lastIndex = 0;
  const end = source.trimEnd().length;
  while (token.lastIndex < end) {
    const at = token.lastIndex;
    const [, number, name, double, single, sign] = token.exec(source) ?? [];
    if (number !== undefined) yield { type: 'number', text: number };
    else if (name !== undefined) yield { type: 'name', text: name };
    else if (sign !== undefined) yield { type: 'sign', text: sign };
    else {
      const text = double ?? single;
      if (text === undefined) throw invalidExpression(`It has an unexpected '${source.slice(at).trim()[0]}'`);
      yield { type: 'text', text };
    }
  }
}

export const invalidExpression = (message: string) => badRequest('ValidationException', message);

const unexpected = ({ type, text }: Token) =>
  invalidExpression(type === 'end' ? 'It ends too early' : `It has an unexpected '${text}'`);
