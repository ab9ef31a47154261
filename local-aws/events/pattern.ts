import { BlockList, isIP } from 'node:net';
import { parseJson } from '../core/parse-json.ts';
import { badRequest, errorText, type ServiceError } from '../core/service-error.ts';

/** Whether an event matches. */
export type Matcher = (event: unknown) => boolean;

type JsonObject = Readonly<Record<string, unknown>>;
/** Tests one value of the event: a string, number, boolean or null. */
type Test = (value: unknown) => boolean;

/** "Amazon EventBridge quotas: Event pattern size", in characters without white space. */
const longestPattern = 2048;

/**
 * Compiles an event pattern, given as JSON text or as parsed JSON ("Comparison operators for use in event
 * patterns"). All fields of an object must match, each with one of its listed values. An array in the event
 * matches if one of its elements does; fields of one object are not matched across different elements of an
 * array.
 *
 * Numbers are compared by value; on AWS, 300 and 3.0e2 differ.
 * @throws ServiceError InvalidEventPatternException
 */
export function compilePattern(pattern: unknown): Matcher {
  const parsed = typeof pattern === 'string' ? parse(pattern) : pattern;
  if (!isObject(parsed)) throw wrong('Filter is not an object');
  if (JSON.stringify(parsed).length > longestPattern)
    throw wrong(`The pattern is longer than ${longestPattern} characters`);
  return fields(parsed, '');
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw wrong(`Filter is not valid JSON: ${errorText(error)}`);
  }
}

function wrong(reason: string): ServiceError {
  return badRequest('InvalidEventPatternException', `Event pattern is not valid. Reason: ${reason}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Matches an object of the pattern against an object of the event, or against each object of an array. */
function fields(pattern: JsonObject, path: string): Matcher {
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw wrong(`Empty objects are not allowed${at(path)}`);
  const matchers = entries.map(([name, value]): ((event: JsonObject) => boolean) => {
    const where = path === '' ? name : `${path}.${name}`;
    if (name === '$or') return alternatives(value, path);
    if (Array.isArray(value)) {
      const matches = leaf(value, where);
      return (event) => matches(own(event, name));
    }
    if (!isObject(value)) throw wrong(`"${name}" must be an object or an array${at(path)}`);
    const matches = fields(value, where);
    return (event) => matches(own(event, name));
  });
  return (event) => {
    const objects = elements(event).filter(isObject);
    // `exists: false` may also match a missing object.
    return (objects.length > 0 ? objects : [{}]).some((object) =>
      matchers.every((matches) => matches(object)),
    );
  };
}

function alternatives(value: unknown, path: string): Matcher {
  if (!Array.isArray(value) || value.length < 2 || !value.every(isObject))
    throw wrong(`$or must be an array of at least two objects${at(path)}`);
  const matchers = value.map((each: JsonObject) => fields(each, path));
  return (event) => matchers.some((matches) => matches(event));
}

/** The values listed for a field. */
function leaf(listed: readonly unknown[], path: string): Matcher {
  if (listed.length === 0) throw wrong(`Empty arrays are not allowed${at(path)}`);
  const tests: Test[] = [];
  let matchesAbsent = false;
  for (const each of listed) {
    if (isObject(each) && 'exists' in each) {
      const { name, operand } = operator(each, path);
      if (name !== 'exists' || typeof operand !== 'boolean')
        throw wrong(`exists must be either true or false${at(path)}`);
      if (operand) tests.push(() => true);
      else matchesAbsent = true;
    } else tests.push(isObject(each) ? expression(each, path) : exactly(each, path));
  }
  return (event) => {
    const values = elements(event).filter((value) => typeof value !== 'object' || value === null);
    if (values.length === 0) return matchesAbsent;
    return values.some((value) => tests.some((test) => test(value)));
  };
}

function exactly(wanted: unknown, path: string): Test {
  if (Array.isArray(wanted))
    throw wrong(`Match value must be String, number, true, false, or null${at(path)}`);
  return (value) => value === wanted;
}

function operator(expression: JsonObject, path: string): { name: string; operand: unknown } {
  const [first, ...others] = Object.entries(expression);
  if (!first) throw wrong(`Match expression name not found${at(path)}`);
  if (others.length > 0) throw wrong(`Only one key allowed in match expression${at(path)}`);
  return { name: first[0], operand: first[1] };
}

function expression(each: JsonObject, path: string): Test {
  const { name, operand } = operator(each, path);
  switch (name) {
    case 'prefix':
    case 'suffix':
      return isObject(operand) ? affixIgnoringCase(name, operand, path) : stringTest(name, operand, path);
    case 'equals-ignore-case':
    case 'wildcard':
      return stringTest(name, operand, path);
    case 'anything-but':
      return anythingBut(operand, path);
    case 'numeric':
      return numeric(operand, path);
    case 'cidr':
      return cidr(operand, path);
    default:
      throw wrong(`Unrecognized match type ${name}${at(path)}`);
  }
}

/** Operators with a string operand, which match only strings. */
const stringOperators: Readonly<
  Record<string, (operand: string, path: string) => (value: string) => boolean>
> = {
  prefix: (operand) => (value) => value.startsWith(operand),
  suffix: (operand) => (value) => value.endsWith(operand),
  'equals-ignore-case': (operand) => {
    const folded = operand.toLowerCase();
    return (value) => value.toLowerCase() === folded;
  },
  wildcard,
};

function stringTest(name: string, operand: unknown, path: string): Test {
  const make = Object.hasOwn(stringOperators, name) ? stringOperators[name] : undefined;
  if (!make) throw wrong(`Unsupported pattern: ${name}${at(path)}`);
  if (typeof operand !== 'string') throw wrong(`${name} match pattern must be a string${at(path)}`);
  const test = make(operand, path);
  return (value) => typeof value === 'string' && test(value);
}

function affixIgnoringCase(name: string, operand: JsonObject, path: string): Test {
  const inner = operator(operand, path);
  if (inner.name !== 'equals-ignore-case')
    throw wrong(`Unsupported ${name} pattern: ${inner.name}${at(path)}`);
  if (typeof inner.operand !== 'string') throw wrong(`${name} match pattern must be a string${at(path)}`);
  const test = stringTest(name, inner.operand.toLowerCase(), path);
  return (value) => typeof value === 'string' && test(value.toLowerCase());
}

/** "Wildcard matching": `*` is any run of characters, `\*` and `\\` are literal, `**` is not allowed. */
function wildcard(operand: string, path: string): (value: string) => boolean {
  const parts = [''];
  for (let index = 0; index < operand.length; index += 1) {
    let character = operand.charAt(index);
    if (character === '*') {
      if (operand.charAt(index + 1) === '*')
        throw wrong(`Consecutive wildcard characters at pos ${index}${at(path)}`);
      parts.push('');
      continue;
    }
    if (character === '\\') {
      index += 1;
      character = operand.charAt(index);
      if (character !== '*' && character !== '\\')
        throw wrong(`Invalid escape character at pos ${index - 1}${at(path)}`);
    }
    parts[parts.length - 1] += character;
  }
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return (value) => value === first;
  return (value) => {
    if (!value.startsWith(first) || !value.endsWith(last)) return false;
    let position = first.length;
    for (const part of rest) {
      const found = value.indexOf(part, position);
      if (found < 0) return false;
      position = found + part.length;
    }
    return position <= value.length - last.length;
  };
}

/** Matches every present value that is none of these. */
function anythingBut(operand: unknown, path: string): Test {
  if (isObject(operand)) {
    const { name, operand: inner } = operator(operand, path);
    const texts = list(inner);
    const isAffix = name === 'prefix' || name === 'suffix';
    if (texts.length === 0 || (isAffix && texts.includes('')))
      throw wrong(`An anything-but ${name} must not be empty${at(path)}`);
    const tests = texts.map((text) => stringTest(name, text, path));
    return (value) => !tests.some((test) => test(value));
  }
  const values = list(operand);
  const type = typeof values[0];
  if (
    values.length === 0 ||
    (type !== 'string' && type !== 'number') ||
    values.some((value) => typeof value !== type)
  )
    throw wrong(
      `Value of anything-but must be a string or a number, or an array of only one of them${at(path)}`,
    );
  return (value) => !values.includes(value);
}

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};

/** "Numeric matching": one comparison, or a lower and then an upper bound; from -5e9 to 5e9. */
function numeric(operand: unknown, path: string): Test {
  if (!Array.isArray(operand)) throw wrong(`Value of numeric must be an array${at(path)}`);
  const bounds: { sign: string; bound: number }[] = [];
  for (let index = 0; index < operand.length; index += 2) {
    const [sign, bound] = [operand[index], operand[index + 1]];
    if (typeof sign !== 'string' || !Object.hasOwn(comparisons, sign))
      throw wrong(`Unrecognized numeric range operator: ${sign}${at(path)}`);
    if (typeof bound !== 'number' || Math.abs(bound) > 5e9)
      throw wrong(`Value of ${sign} must be a number from -5000000000 to 5000000000${at(path)}`);
    bounds.push({ sign, bound });
  }
  const [lower, upper, ...more] = bounds;
  if (!lower || more.length > 0) throw wrong(`numeric takes one or two comparisons${at(path)}`);
  if (upper && !(lower.sign.startsWith('>') && upper.sign.startsWith('<') && lower.bound < upper.bound))
    throw wrong(`A numeric range goes from a lower to a higher bound${at(path)}`);
  return (value) =>
    typeof value === 'number' && bounds.every(({ sign, bound }) => comparisons[sign]?.(value, bound));
}

function cidr(operand: unknown, path: string): Test {
  const [address = '', bits = '', ...rest] = typeof operand === 'string' ? operand.split('/') : [];
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(bits))
    throw wrong(`Malformed CIDR, one '/' and an address before it are required${at(path)}`);
  // A single address is no range: AWS's published rule engine refuses it.
  const width = family === 4 ? 32 : 128;
  if (Number(bits) >= width) throw wrong(`IPv${family} mask bits must be < ${width}${at(path)}`);
  const range = new BlockList();
  range.addSubnet(address, Number(bits), familyName(family));
  return (value) => {
    const version = typeof value === 'string' ? isIP(value) : 0;
    // An IPv4 range contains no IPv6 addresses, not even mapped ones.
    return version === family && typeof value === 'string' && range.check(value, familyName(version));
  };
}

const familyName = (version: number) => (version === 4 ? 'ipv4' : 'ipv6');
const at = (path: string) => (path === '' ? '' : ` at ${path}`);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const own = (object: JsonObject, name: string) => (Object.hasOwn(object, name) ? object[name] : undefined);

/** The values of a field, with nested arrays flattened; empty if it is missing. */
function elements(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
}
