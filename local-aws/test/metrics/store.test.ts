import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Distribution } from '../../metrics/distribution.ts';
import { takeEmbeddedMetrics } from '../../metrics/embedded.ts';
import { MetricStore } from '../../metrics/store.ts';
import { begin, minute } from './cloudwatch.ts';

const storeAt = (time = { now: begin }) => new MetricStore({ now: () => time.now });

describe('a distribution', () => {
  const number = fc.oneof(
    fc.integer({ min: -5_000, max: 5_000 }),
    fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
  );
  const of = (values: readonly number[], room = { left: 1_000 }) => {
    const distribution = new Distribution();
    for (const value of values) distribution.add(value, room);
    return distribution;
  };

  test('has the percentiles of its values, rounded to three digits', () => {
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 1 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (values, percent) => {
          const sorted = values.toSorted((one, other) => one - other);
          const rank = Math.max(1, Math.ceil((percent / 100) * values.length - 1e-9));
          const exact = sorted[rank - 1] ?? 0;
          const found = of(values).percentile(percent);
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.0051);
        },
      ),
    );
  });

  test('is the same whether its values were added at once or merged', () => {
    fc.assert(
      fc.property(fc.array(number), fc.array(number), (some, others) => {
        const room = { left: 1_000 };
        const merged = of(some);
        merged.merge(of(others), room);
        const whole = of([...some, ...others]);
        expect(merged.sum).toBeCloseTo(whole.sum);
        for (const percent of [0, 10, 50, 99, 100])
          expect(merged.percentile(percent)).toBe(whole.percentile(percent));
        expect([merged.count, merged.min, merged.max]).toEqual([whole.count, whole.min, whole.max]);
      }),
    );
  });

  test('without room still counts every value, and gives the room back', () => {
    const room = { left: 3 };
    const distribution = of([1, 2, 3, 4, 5, 6], room);
    expect(distribution).toMatchObject({ count: 6, sum: 21, min: 1, max: 6 });
    expect(room.left).toBe(0);
    distribution.free(room);
    expect(room.left).toBe(3);
  });
});

describe('the store', () => {
  test('forgets what is older than four hours', () => {
    const time = { now: begin };
    const store = storeAt(time);
    const metric = store.metric('AWS/SQS', 'Sent', {}, 'Count');
    for (let index = 0; index < 300; index += 1) {
      time.now = begin + index * minute;
      metric.record(1);
    }
    expect(store.find('AWS/SQS', 'Sent', {})?.between(begin, begin + 300 * minute)?.count).toBe(240);
  });

  test('keeps no more than 2,000 metrics that functions print, those with the latest values', () => {
    const store = storeAt();
    const own = store.metric('AWS/SQS', 'Sent', {}, 'Count');
    own.record(1);
    const print = (n: number) =>
      store.print('Own', { n: `${n}` }, [{ name: 'Rows', unit: 'Count', values: [n] }], begin);
    for (let n = 0; n < 5_000; n += 1) {
      print(n);
      print(0);
    }
    const kept = store.all();
    expect(kept).toHaveLength(2_001);
    for (const n of ['0', '4999', '3001']) expect(store.find('Own', 'Rows', { n })).toBeDefined();
    expect(store.find('Own', 'Rows', { n: '3000' })).toBeUndefined();
    expect(store.find('Own', 'Rows', { n: '0' })?.between(begin, begin + minute)?.count).toBe(5_001);
    expect(store.find('AWS/SQS', 'Sent', {})).toBeDefined();
  });

  test('tells dimensions apart by name and value, in any order', () => {
    const store = storeAt();
    store.metric('N', 'm', { a: '1', b: '2' }, 'Count').record(1);
    expect(store.find('N', 'm', { b: '2', a: '1' })).toBeDefined();
    for (const other of [{}, { a: '1' }, { a: '2', b: '1' }, { 'a,1': 'b,2' }])
      expect(store.find('N', 'm', other)).toBeUndefined();
  });
});

describe('a line in the embedded metric format', () => {
  const line = (given: object = {}, directive: object = {}) =>
    JSON.stringify({
      _aws: {
        Timestamp: begin,
        CloudWatchMetrics: [
          {
            Namespace: 'Own',
            Dimensions: [['stage', 'dataset'], ['stage'], []],
            Metrics: [
              { Name: 'Rows', Unit: 'Count' },
              { Name: 'Wait', Unit: 'Milliseconds' },
            ],
            ...directive,
          },
        ],
      },
      stage: 'loading',
      dataset: 'recipes',
      Rows: 3,
      Wait: [10, 30],
      ...given,
    });
  const metricsOf = (...lines: string[]) => {
    const store = storeAt();
    for (const each of lines) takeEmbeddedMetrics(each, store);
    return store.all().map((series) => {
      const { count, sum } = series.between(begin - 240 * minute, begin + 240 * minute) ?? {};
      return [series.namespace, series.name, series.dimensions, series.unit, count, sum];
    });
  };

  test('gives each metric its values, for each set of dimensions', () => {
    const both = { stage: 'loading', dataset: 'recipes' };
    expect(metricsOf(line(), 'text', line())).toEqual([
      ['Own', 'Rows', both, 'Count', 2, 6],
      ['Own', 'Wait', both, 'Milliseconds', 4, 80],
      ['Own', 'Rows', { stage: 'loading' }, 'Count', 2, 6],
      ['Own', 'Wait', { stage: 'loading' }, 'Milliseconds', 4, 80],
      ['Own', 'Rows', {}, 'Count', 2, 6],
      ['Own', 'Wait', {}, 'Milliseconds', 4, 80],
    ]);
  });

  test.each([
    ['that is cut', line().slice(0, -1)],
    ['within other text', `INFO ${line()}`],
    ['without directives', '{"_aws": null}'],
    ['of a namespace of AWS', line({}, { Namespace: 'AWS/SQS' })],
    ['without a namespace', line({}, { Namespace: '' })],
    ['with a value that is no number', line({ Rows: '3', Wait: [1, null] })],
    ['with a number too large', line({ Wait: 'x' }).replace('"Rows":3', '"Rows":1e999')],
    ['with too many values', line({ Rows: Array(101).fill(1), Wait: Array(101).fill(1) })],
    ['of long ago', line().replace(`${begin}`, '1000')],
    ['of a far future', line().replace(`${begin}`, `${begin * 2}`)],
    [
      'whose dimensions are missing',
      line({ stage: 7, dataset: '' }, { Dimensions: [['stage'], ['dataset', 'none']] }),
    ],
    [
      'that names what every object has',
      line({}, { Metrics: [{ Name: 'toString' }, { Name: '__proto__' }] }),
    ],
    ['that is nested deeply', `{"_aws": ${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ])('%s gives none', (_what, text) => {
    expect(metricsOf(text)).toEqual([]);
  });

  test('never fails, whatever it holds', () => {
    const directive = fc.record(
      { Namespace: fc.anything(), Dimensions: fc.anything(), Metrics: fc.anything() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.anything(), fc.array(fc.oneof(directive, fc.anything())), (time, directives) => {
        const text = JSON.stringify({ _aws: { Timestamp: time, CloudWatchMetrics: directives } });
        expect(() => metricsOf(text)).not.toThrow();
      }),
    );
  });
});
