import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../events/pattern.ts';

const matches = (pattern: unknown, event: unknown) => compilePattern(pattern)(event);

/** The event of "Amazon S3 User Guide: EventBridge event message structure", cut to what the patterns ask. */
const event = {
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '111122223333',
  time: '2021-11-12T00:00:00Z',
  region: 'ca-central-1',
  resources: ['arn:aws:s3:::amzn-s3-demo-bucket1', 'arn:aws:s3:::other'],
  detail: {
    bucket: { name: 'amzn-s3-demo-bucket1' },
    object: { key: 'dir/Example.PNG', size: 5, etag: null },
    'source-ip-address': '10.0.0.33',
    v6: '2001:db8::7',
    'c-count': 5,
    'x-limit': 301.8,
    state: 'running',
    empty: '',
    flag: false,
    none: [],
    employees: [
      [
        { firstName: 'John', lastName: 'Doe' },
        { firstName: 'Anna', lastName: 'Smith' },
      ],
      [{ firstName: 'Peter', lastName: 'Jones' }],
    ],
  },
};

// "Comparison operators for use in event patterns in Amazon EventBridge" and "JSON Array Matching" of Event
// Ruler.
const yes: [string, object][] = [
  ['exact', { source: ['aws.s3'], 'detail-type': ['Object Created', 'Object Deleted'] }],
  ['exact number', { detail: { 'c-count': [5] } }],
  ['exact boolean', { detail: { flag: [false] } }],
  ['null', { detail: { object: { etag: [null] } } }],
  ['empty text', { detail: { empty: [''] } }],
  ['one of an array', { resources: ['arn:aws:s3:::other'] }],
  ['prefix', { time: [{ prefix: '2021-11-12' }] }],
  ['prefix, ignoring case', { detail: { object: { key: [{ prefix: { 'equals-ignore-case': 'DIR/' } }] } } }],
  ['suffix', { detail: { object: { key: [{ suffix: '.PNG' }] } } }],
  ['suffix, ignoring case', { detail: { object: { key: [{ suffix: { 'equals-ignore-case': '.png' } }] } } }],
  ['equals, ignoring case', { 'detail-type': [{ 'equals-ignore-case': 'object CREATED' }] }],
  ['wildcard', { detail: { object: { key: [{ wildcard: 'dir/*.PNG' }] } } }],
  ['wildcard on an array', { resources: [{ wildcard: '*:s3:*other' }] }],
  ['anything-but', { detail: { state: [{ 'anything-but': 'initializing' }] } }],
  ['anything-but a number', { detail: { 'x-limit': [{ 'anything-but': 123 }] } }],
  ['anything-but a list', { detail: { state: [{ 'anything-but': ['stopped', 'overloaded'] }] } }],
  ['anything-but numbers', { detail: { 'x-limit': [{ 'anything-but': [100, 200, 300] }] } }],
  ['anything-but prefix', { detail: { state: [{ 'anything-but': { prefix: 'init' } }] } }],
  [
    'anything-but suffix',
    { detail: { object: { key: [{ 'anything-but': { suffix: ['.txt', '.rtf'] } }] } } },
  ],
  [
    'anything-but ignoring case',
    { detail: { state: [{ 'anything-but': { 'equals-ignore-case': ['initializing', 'stopped'] } }] } },
  ],
  ['anything-but wildcard', { detail: { object: { key: [{ 'anything-but': { wildcard: '*/lib/*' } }] } } }],
  ['anything-but on another type', { detail: { 'c-count': [{ 'anything-but': 'five' }] } }],
  ['numeric', { detail: { 'c-count': [{ numeric: ['>', 0, '<=', 5] }] } }],
  ['numeric equality', { detail: { 'x-limit': [{ numeric: ['=', 3.018e2] }] } }],
  ['exists', { detail: { 'c-count': [{ exists: true }], state: [{ exists: true }] } }],
  ['exists with null', { detail: { object: { etag: [{ exists: true }] } } }],
  ['exists false', { detail: { nothing: [{ exists: false }] } }],
  ['exists false below what is absent', { detail: { no: { such: [{ exists: false }] } } }],
  ['exists false on an object, which is no leaf', { detail: { bucket: [{ exists: false }] } }],
  ['exists false on an empty array', { detail: { none: [{ exists: false }] } }],
  ['absent or a value', { detail: { nothing: ['x', { exists: false }] } }],
  [
    'anything-but of nothing, ignoring case',
    { detail: { state: [{ 'anything-but': { 'equals-ignore-case': '' } }] } },
  ],
  ['anything-but of an empty wildcard', { detail: { state: [{ 'anything-but': { wildcard: '' } }] } }],
  ['cidr', { detail: { 'source-ip-address': [{ cidr: '10.0.0.0/24' }] } }],
  ['cidr of version 6', { detail: { v6: [{ cidr: '2001:db8::/64' }] } }],
  ['$or', { source: ['aws.s3'], $or: [{ account: ['no'] }, { detail: { 'c-count': [5] } }] }],
  [
    '$or within, and an and within it',
    {
      detail: {
        $or: [{ state: ['stopped'] }, { state: ['running'], $or: [{ flag: [true] }, { 'c-count': [5] }] }],
      },
    },
  ],
  ['objects in arrays', { detail: { employees: { firstName: ['Anna'], lastName: ['Smith'] } } }],
];

const no: [string, object][] = [
  ['another value', { source: ['aws.ec2'] }],
  ['a number against its text', { detail: { 'c-count': ['5'] } }],
  ['one field of two', { source: ['aws.s3'], region: ['us-east-1'] }],
  ['a field that is absent', { detail: { nothing: ['x'] } }],
  ['another case', { 'detail-type': ['object created'] }],
  ['prefix of a number', { detail: { 'c-count': [{ prefix: '5' }] } }],
  ['wildcard whose ends overlap', { detail: { state: [{ wildcard: 'runn*nning' }] } }],
  ['anything-but of the value', { detail: { state: [{ 'anything-but': ['running'] }] } }],
  ['anything-but of what is absent', { detail: { nothing: [{ 'anything-but': 'x' }] } }],
  ['anything-but prefix', { detail: { state: [{ 'anything-but': { prefix: 'run' } }] } }],
  ['anything-but wildcard', { detail: { state: [{ 'anything-but': { wildcard: 'r*g' } }] } }],
  ['numeric beyond the bound', { detail: { 'c-count': [{ numeric: ['<', 5] }] } }],
  ['numeric on text', { detail: { state: [{ numeric: ['>', 0] }] } }],
  ['exists on an object', { detail: { bucket: [{ exists: true }] } }],
  ['exists false on a value', { detail: { state: [{ exists: false }] } }],
  ['cidr of others', { detail: { 'source-ip-address': [{ cidr: '10.0.1.0/24' }] } }],
  ['cidr on what is no address', { detail: { state: [{ cidr: '0.0.0.0/0' }] } }],
  ['no branch of $or', { $or: [{ account: ['no'] }, { region: ['no'] }] }],
  [
    'fields of different elements of an array',
    { detail: { employees: { firstName: ['Anna'], lastName: ['Jones'] } } },
  ],
  ['a name that every object inherits', { detail: { toString: [{ exists: true }] } }],
];

const refused: [string, unknown][] = [
  ['no object', []],
  ['no JSON', '{'],
  ['an empty object', {}],
  ['an empty object within', { detail: {} }],
  ['an empty array', { source: [] }],
  ['a value outside an array', { source: 'aws.s3' }],
  ['an array in an array', { source: [['aws.s3']] }],
  ['an unknown operator', { source: [{ contains: 'x' }] }],
  ['an operator of every object', { source: [{ constructor: 'x' }] }],
  ['two operators at once', { source: [{ prefix: 'a', suffix: 'b' }] }],
  ['no operator', { source: [{}] }],
  ['a prefix that is no text', { source: [{ prefix: 5 }] }],
  ['an unknown affix', { source: [{ prefix: { suffix: 'x' } }] }],
  ['two wildcards in a row', { source: [{ wildcard: 'a**b' }] }],
  ['an escape of nothing', { source: [{ wildcard: 'a\\b' }] }],
  ['anything-but of mixed types', { source: [{ 'anything-but': ['a', 1] }] }],
  ['anything-but of nothing', { source: [{ 'anything-but': [] }] }],
  ['anything-but of null', { source: [{ 'anything-but': null }] }],
  ['anything-but of an empty suffix', { source: [{ 'anything-but': { suffix: '' } }] }],
  ['anything-but of an empty prefix', { source: [{ 'anything-but': { prefix: '' } }] }],
  ['anything-but of numeric', { source: [{ 'anything-but': { numeric: ['>', 1] } }] }],
  ['exists that is no boolean', { source: [{ exists: 'yes' }] }],
  ['numeric without a number', { source: [{ numeric: ['>'] }] }],
  ['numeric with an unknown sign', { source: [{ numeric: ['!', 1] }] }],
  ['numeric beyond five billion', { source: [{ numeric: ['<', 5_000_000_001] }] }],
  ['a range upside down', { source: [{ numeric: ['<', 5, '>', 1] }] }],
  ['an empty range', { source: [{ numeric: ['>', 5, '<', 5] }] }],
  ['cidr without bits', { source: [{ cidr: '10.0.0.0' }] }],
  ['cidr with too many bits', { source: [{ cidr: '10.0.0.0/33' }] }],
  ['cidr of one address', { source: [{ cidr: '10.0.0.1/32' }] }],
  ['cidr of one address of version 6', { source: [{ cidr: '2001:db8::1/128' }] }],
  ['cidr of no address', { source: [{ cidr: 'x/8' }] }],
  ['$or of one', { $or: [{ source: ['a'] }] }],
  ['$or of values', { $or: ['a', 'b'] }],
  ['more than 2,048 characters', { source: ['x'.repeat(2048)] }],
];

describe('the pattern language', () => {
  test.each(yes)('%s matches', (_, pattern) => {
    expect(matches(pattern, event)).toBe(true);
    expect(matches(JSON.stringify(pattern), event)).toBe(true);
  });
  test.each(no)('%s does not match', (_, pattern) => expect(matches(pattern, event)).toBe(false));
  test.each(refused)('%s is refused', (_, pattern) => {
    expect(() => compilePattern(pattern)).toThrowError(
      expect.objectContaining({ code: 'InvalidEventPatternException' }),
    );
  });

  test('an error names its place in the pattern', () => {
    expect(() => compilePattern({ detail: { object: { key: [{ wildcard: '**' }] } } })).toThrow(
      'Event pattern is not valid. Reason: Consecutive wildcard characters at pos 0 at detail.object.key',
    );
  });

  // "Wildcard matching": the backslash stands before * and before itself.
  test('a wildcard can be escaped', () => {
    expect(matches({ a: [{ wildcard: 'x\\*\\\\*' }] }, { a: 'x*\\end' })).toBe(true);
    expect(matches({ a: [{ wildcard: 'x\\*' }] }, { a: 'xyz' })).toBe(false);
  });
});

describe('whatever the event', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'größe');
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const { object } = fc.letrec<{ object: Record<string, unknown>; node: unknown }>((tie) => ({
    object: fc.dictionary(name, tie('node'), { minKeys: 1, maxKeys: 3 }) as fc.Arbitrary<
      Record<string, unknown>
    >,
    node: fc.oneof({ depthSize: 'small' }, value, value, tie('object')),
  }));

  /** The pattern that lists exactly what an event holds. */
  const patternOf = (node: unknown): unknown =>
    typeof node === 'object' && node !== null
      ? Object.fromEntries(Object.entries(node).map(([key, each]) => [key, patternOf(each)]))
      : [node];

  test('it matches the pattern of its own values, alone and among the elements of an array', () => {
    fc.assert(
      fc.property(object, fc.array(object), (each, others) => {
        expect(matches(patternOf(each), each)).toBe(true);
        expect(matches({ list: patternOf(each) }, { list: [...others, each] })).toBe(true);
      }),
    );
  });

  test('$or matches when one of its branches does, an object when all of its fields do', () => {
    fc.assert(
      fc.property(object, object, object, (each, one, other) => {
        const [left, right] = [patternOf(one), patternOf(other)] as const;
        expect(matches({ $or: [left, right] }, each)).toBe(matches(left, each) || matches(right, each));
        expect(matches({ x: left, y: right }, { x: each, y: each })).toBe(
          matches(left, each) && matches(right, each),
        );
      }),
    );
  });

  test('anything-but is the opposite of its operand for a value that is there', () => {
    const text = fc.string({ minLength: 1, unit: fc.constantFrom('a', 'b', 'A') });
    fc.assert(
      fc.property(
        fc.constantFrom('prefix', 'suffix', 'equals-ignore-case', 'wildcard'),
        text,
        text,
        (op, operand, a) => {
          const plain = matches({ a: [{ [op]: operand }] }, { a });
          expect(matches({ a: [{ 'anything-but': { [op]: operand } }] }, { a })).toBe(!plain);
          expect(matches({ a: [{ 'anything-but': operand }] }, { a })).toBe(a !== operand);
        },
      ),
    );
  });

  test('a wildcard matches what the regular expression would', () => {
    const glob = fc
      .string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
      .filter((text) => !text.includes('**'));
    fc.assert(
      fc.property(glob, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }), (wildcard, a) => {
        const oracle = new RegExp(`^${wildcard.replaceAll('*', '.*')}$`, 's');
        expect(matches({ a: [{ wildcard }] }, { a })).toBe(oracle.test(a));
      }),
      { numRuns: 1000 },
    );
  });

  test('a numeric range holds what lies between its bounds', () => {
    const bound = fc.integer({ min: -20, max: 20 });
    fc.assert(
      fc.property(bound, bound, bound, (low, high, a) => {
        fc.pre(low < high);
        expect(matches({ a: [{ numeric: ['>', low, '<=', high] }] }, { a })).toBe(a > low && a <= high);
      }),
    );
  });
});
