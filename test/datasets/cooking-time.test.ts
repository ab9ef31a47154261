import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timeInDirections } from '../../datasets/cooking-time.ts';
import { processorMs } from '../../local-aws/test/processor-time.ts';

const [s, min, h] = [1, 60, 3600];
const NO_TIME = 300;

const units = [
  [h, ['hours', 'hour', 'hrs', 'hr', 'h']],
  [min, ['minutes', 'minute', 'mins', 'min', 'm']],
  [s, ['seconds', 'second', 'secs', 'sec', 's']],
] as const;
const unit = fc.constantFrom(
  ...units.flatMap(([seconds, names]) => names.map((name) => ({ seconds, name }))),
);
const cased = fc
  .tuple(unit, fc.boolean())
  .map(([{ seconds, name }, upper]) => ({ seconds, name: upper ? name.toUpperCase() : name }));
/** Text in which no time stands. */
const prose = fc.string({ unit: fc.constantFrom(...'bcdegjklnopqrtuvwxyz ,.!é漢'), maxLength: 20 });

describe('the time that directions take', () => {
  it.each([
    ['Bake for 10 minutes.', 10 * min],
    ['BAKE FOR 10 MINUTES.', 10 * min],
    ['Bake for 2 hours', 2 * h],
    ['Simmer 45 mins, covered', 45 * min],
    ['Simmer 45mins, covered', 45 * min],
    ['Whisk for 30 seconds', 30],
    ['Whisk for 30 sec.', 30],
    ['Microwave on high, 90s.', 90],
    ['Rest 1 hr', h],
    ['Prove for 1.5 hours', 1.5 * h],
    ['Prove for 1,5 h', 1.5 * h],
    ['Roast 1½ hours', 1.5 * h],
    ['Roast 1 ½ hours', 1.5 * h],
    ['Roast 1 1/2 hours', 1.5 * h],
    ['Chill for 1/2 hour', 0.5 * h],
    ['Chill for ¾ hour', 45 * min],
    ['Give it a 30-second rest', 30],
    ['Wait an hour', h],
    ['Wait half an hour', 0.5 * h],
    ['Stir for half a minute', 30],
    ['A minute will do', min],
    ['Cook for 1 hour 30 minutes', 1.5 * h],
    ['Cook for 1 hour and 30 minutes', 1.5 * h],
    ['Cook for 1h30m', 1.5 * h],
    ['Fry 5 minutes, turn, fry 5 minutes', 10 * min],
    ['Bake for 10-15 minutes', 15 * min],
    ['Bake for 10 – 15 minutes', 15 * min],
    ['Bake for 10 to 15 minutes', 15 * min],
    ['Bake for 10 or 15 minutes', 15 * min],
    ['Bake for 45 minutes to 1 hour', h],
    ['Bake for 1 hour to 90 minutes', 1.5 * h],
    ['Bake for 45 min - 1 h', h],
    ['Boil 3 minutes to 1 minute to 2 minutes', 3 * min],
    ['Bake for 10 to 15 minutes, then rest 5 minutes', 20 * min],
    ['0 minutes', 0],
  ])('of %j is %d s', (direction, seconds) => {
    expect(timeInDirections([direction])).toBe(seconds);
  });

  it.each([
    'Serve at once.',
    '',
    'Add 200 g sugar and 2 eggs',
    'Heat the oven to 180 °C',
    'Add 3 small onions, 5 medium carrots and 2 halves of a hake',
    'Étalez sur 7 mètres',
    'Add 1000000 minutes',
    'minutes, hours, seconds',
    'A mint leaf, a slice, an hourglass',
  ])('of %j is 300 s, for it names none', (direction) => {
    expect(timeInDirections([direction])).toBe(NO_TIME);
  });

  it('is 300 s for each direction that names none', () => {
    fc.assert(
      fc.property(fc.array(prose), (directions) => {
        expect(timeInDirections(directions)).toBe(NO_TIME * directions.length);
      }),
    );
  });

  it('is the sum over the directions, in any order', () => {
    const direction = fc.oneof(
      prose,
      fc.tuple(fc.nat(999), cased).map(([n, { name }]) => `Cook ${n} ${name}.`),
    );
    fc.assert(
      fc.property(fc.array(direction), fc.array(direction), (a, b) => {
        expect(timeInDirections([...b, ...a])).toBe(timeInDirections(a) + timeInDirections(b));
      }),
    );
  });

  it('is the amount times its unit, in any spelling and wherever it stands', () => {
    fc.assert(
      fc.property(
        prose,
        fc.nat(999),
        fc.constantFrom('', ' ', '-', '  '),
        cased,
        prose,
        (before, n, gap, { seconds, name }, after) => {
          expect(timeInDirections([`${before} ${n}${gap}${name}. ${after}`])).toBe(n * seconds);
        },
      ),
    );
  });

  it('of a range is its upper end', () => {
    const sign = fc.constantFrom('-', ' - ', '–', ' to ', ' or ', ' TO ');
    fc.assert(
      fc.property(fc.nat(99), fc.nat(99), sign, cased, (a, b, between, { seconds, name }) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect(timeInDirections([`${low}${between}${high} ${name}`])).toBe(high * seconds);
        expect(timeInDirections([`${low} ${name}${between}${high} ${name}`])).toBe(high * seconds);
      }),
    );
  });

  it.each(['1 ', '1/', '1.', '½', '1 1/', 'a ', 'half a ', '10 minutes to ', '1-', 'an', '\t', '9'])(
    'is found in a megabyte of %j without delay',
    (hostile) => {
      const directions = [hostile.repeat(1_000_000 / hostile.length)];
      expect(processorMs(() => timeInDirections(directions))).toBeLessThan(10_000);
    },
  );
});
