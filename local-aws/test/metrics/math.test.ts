import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Queries } from '../../metrics/queries.ts';
import { MetricStore } from '../../metrics/store.ts';
import { begin, minute } from './cloudwatch.ts';

type Values = readonly (number | undefined)[];

/** The values of an expression over metrics with these values, minute by minute. */
function compute(expression: string, given: Readonly<Record<string, Values>>, minutes = 5): Values {
  const [answer] = answersOf(expression, given, minutes);
  return Array.from({ length: minutes }, (_, index) => answer?.points.get(begin + index * minute));
}

function answersOf(expression: string, given: Readonly<Record<string, Values>>, minutes = 5) {
  const store = new MetricStore({ now: () => begin + minutes * minute });
  for (const [name, values] of Object.entries(given)) {
    const metric = store.metric('Own', name, {}, 'Count');
    for (const [index, value] of values.entries())
      if (value !== undefined) metric.record(value, begin + index * minute);
  }
  const metrics = Object.keys(given).map((id) => ({
    id,
    returnData: false,
    metric: { namespace: 'Own', name: id, dimensions: {}, period: 60, stat: 'Sum' },
  }));
  return new Queries([...metrics, { id: 'result', expression }]).run(store, {
    start: begin,
    end: begin + minutes * minute,
  });
}

const none = undefined;

describe('a metric math expression', () => {
  /** Those with an asterisk are the examples of "Using math expressions with CloudWatch metrics". */
  test.each<[string, Readonly<Record<string, Values>>, Values]>([
    ['m1 + 2 * 3', { m1: [1, none, 3] }, [7, none, 9, none, none]],
    ['-m1 ^ 2', { m1: [3] }, [-9, none, none, none, none]],
    ['2 ^ 3 ^ 2 + 0 * m1', { m1: [3] }, [512, none, none, none, none]],
    ['10 - m1 - 2', { m1: [3] }, [5, none, none, none, none]],
    ['8 / m1 / 2', { m1: [2] }, [2, none, none, none, none]],
    ['m1 + m2', { m1: [1, 2, none], m2: [10, none, none, 40] }, [11, 2, none, 40, none]],
    ['100 * m1 / m2', { m1: [1, 2, 3], m2: [4, 0, none] }, [25, none, none, none, none]],
    ['m1 < m2', { m1: [30, 20, 0, 0], m2: [20, none, 20, none] }, [0, 0, 1, 0, none]], // *
    ['m1 >= 30', { m1: [30, 20, 0, 0] }, [1, 0, 0, 0, none]], // *
    ['m1 > 15 AND m2 > 15', { m1: [30, 20, 0, 0], m2: [20, none, 20, none] }, [1, 0, 0, 0, none]], // *
    ['m1 == 1 || m1 == 2 && m1 > 2', { m1: [1, 2, 3] }, [1, 0, 0, none, none]],
    [
      'IF(m1, m2, m3)',
      { m1: [1, 1, 0, 0, none], m2: [30, none, 0, 0, 30], m3: [0, 0, 20, none, 20] },
      [30, 0, 20, none, none],
    ], // *
    ['IF(m1, 5, m3)', { m1: [1, 1, 0, 0, none], m3: [0, 0, 20, none, 20] }, [5, 5, 20, none, none]], // *
    ['IF(m1, m2, 5)', { m1: [1, 1, 0, 0, none], m2: [30, none, 0, 0, 30] }, [30, 0, 5, 5, none]], // *
    ['IF(m1 < 400, m1)', { m1: [300, 500] }, [300, none, none, none, none]], // *
    ['IF(1 > 2, m1, m2)', { m1: [1], m2: [2] }, [2, none, none, none, none]],
    ['IF(0, m1)', { m1: [1] }, [none, none, none, none, none]],
    ['FILL(m1, 7)', { m1: [1, none, 3] }, [1, 7, 3, 7, 7]],
    ['FILL(m1, REPEAT)', { m1: [none, 2, none, 4] }, [none, 2, 2, 4, 4]],
    ['FILL(m1, LINEAR)', { m1: [none, 2, none, 4] }, [none, 2, 3, 4, none]],
    ['FILL(m1, MIN(m1))', { m1: [5, none, 3] }, [5, 3, 3, 3, 3]],
    ['FILL(m1, m2)', { m1: [1], m2: [none, 2] }, [1, 2, none, none, none]],
    ['RATE(m1)', { m1: [0, 60, none, 180] }, [none, 1, none, 1, none]],
    ['DIFF(m1)', { m1: [0, 60, none, 180] }, [none, 60, none, 120, none]],
    ['m1 / PERIOD(m1)', { m1: [120] }, [2, none, none, none, none]],
    ['m1 - AVG(m1)', { m1: [1, 3] }, [-1, 1, none, none, none]],
    ['SUM(METRICS())', { m1: [1, 2], m2: [10] }, [11, 2, none, none, none]],
    ['AVG([m1, m2])', { m1: [1, 2], m2: [3] }, [2, 1, none, none, none]],
    ['MAX([m1, m2]) - MIN(METRICS("m"))', { m1: [1, 2], m2: [3] }, [2, 0, none, none, none]],
    ["SUM(METRICS('err'))", { err4: [1], err5: [2], other: [9] }, [3, none, none, none, none]],
    ['TIME_SERIES(2 + 3)', { m1: [] }, [5, 5, 5, 5, 5]],
    ['TIME_SERIES(MAX(m1))', { m1: [4, 9] }, [9, 9, 9, 9, 9]],
    ['CEIL(m1 / 2) + FLOOR(m1 / 2) - ABS(-m1)', { m1: [3] }, [0, none, none, none, none]],
  ])('%s', (expression, given, values) => {
    expect(compute(expression, given)).toEqual(values);
  });

  test.each([
    ['m1 +', 'It ends too early'],
    ['m1 m1', "It has an unexpected 'm1'"],
    ['m1 ; 2', "It has an unexpected ';'"],
    ['(m1', 'It ends too early'],
    ['"text"', '"text" has no value'],
    ['m1 + REPEAT', '"REPEAT" has no value'],
    ['ABS(2)', 'A number stands where a series has to'],
    ['ABS(m1, m1)', 'A function has 2 operands instead of 1'],
    ['METRICS(m1)', 'METRICS takes nothing, or a text'],
    ['PERIOD(m1 + m1)', 'PERIOD takes a metric'],
    ['TIME_SERIES(m1)', 'TIME_SERIES takes a number'],
    ['[m1] + [m1]', '+ does not take two arrays'],
    ['IF(m1)', 'IF takes a condition, a value, and another value if it does not hold'],
    ['constructor(m1)', 'the local cloud does not serve the function constructor'],
    [`${'('.repeat(101)}m1${')'.repeat(101)}`, 'It is nested more than 100 deep'],
    [`m1${' '.repeat(2_048)}`, 'It has more than 2048 characters'],
  ])('%s is refused with the reason', (expression, reason) => {
    expect(() => compute(expression, { m1: [1] })).toThrow(`Error in expression 'result': ${reason}.`);
  });

  test('that refers to others in many ways is still checked in no time', () => {
    const queries = Array.from({ length: 60 }, (_, index) => ({
      id: `e${index}`,
      expression: index === 0 ? 'TIME_SERIES(1)' : `e${index - 1} + e${index - 1}`,
    }));
    const store = new MetricStore({ now: () => begin });
    const answers = new Queries(queries).run(store, { start: begin, end: begin + 1 });
    expect([...(answers.at(-1)?.points.values() ?? [])]).toEqual([2 ** 59]);
  });

  test('of numbers means what it means in arithmetic', () => {
    const number = fc.integer({ min: 0, max: 1_000 }).map((value) => `${value / 4}`);
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 5 },
        number,
        fc
          .tuple(tie('expression'), fc.constantFrom('+', '-', '*'), tie('expression'))
          .map((parts) => parts.join(' ')),
        tie('expression').map((inner) => `(${inner})`),
        tie('expression').map((inner) => `-(${inner})`),
      ),
    }));
    fc.assert(
      fc.property(expression, (text) => {
        const expected: unknown = new Function(`return ${text}`)();
        expect(compute(`TIME_SERIES(${text})`, {}, 1)[0] ?? Number.NaN).toBeCloseTo(Number(expected), 5);
      }),
    );
  });

  test('of any text is computed or refused, never anything else', () => {
    const part = fc.constantFrom(
      ...['m1', 'm2', '1', '.5', '"m"', 'REPEAT', '+', '-', '*', '/', '^', '<', '==', 'AND', '||', '(', ')'],
      ...['[', ']', ',', 'IF(', 'FILL(', 'SUM(', 'RATE(', 'METRICS(', 'PERIOD(', 'TIME_SERIES(', '#', ' '],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        try {
          for (const { points } of answersOf(parts.join(' '), { m1: [1, none, 2], m2: [0] }))
            for (const value of points.values()) expect(value).toSatisfy(Number.isFinite);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ValidationException' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
