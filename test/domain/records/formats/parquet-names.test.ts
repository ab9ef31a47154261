import type { SchemaTree } from 'hyparquet';
import { expect, it } from 'vitest';
import { shown, twice } from '../../../../domain/records/decoding/as-json/fault.ts';
import { textOfLeaf } from '../../../../domain/records/decoding/parquet/leaf-text.ts';
import { shapeOf } from '../../../../domain/records/decoding/parquet/shape.ts';

const tree = (name: string, children: readonly SchemaTree[] = []): SchemaTree => ({
  element: { name },
  children: [...children],
  count: 1,
  path: [name],
});

it('finds the first name that is there twice, among many too', () => {
  expect(twice(['a', 'b', 'c', 'b', 'a'])).toBe('b');
  expect(twice(['a', 'b'])).toBeUndefined();
  const many = Array.from({ length: 200_000 }, (_, n) => `${n}`);
  expect(twice([...many, '199999'])).toBe('199999');
});

it('shows a name without what a terminal obeys, and not at any length', () => {
  expect(shown('a\u001b[31m')).toBe('"a\\u001b[31m"');
  expect(shown('x'.repeat(1_000_000)).length).toBeLessThan(200);
});

it.each([
  [
    ['a', 'b', 'a'],
    'The struct "s" of the Parquet file has two fields "a". Write it again with other names.',
  ],
  [['a', '__proto__'], 'a field "__proto__", which no record can have'],
])('refuses a struct with the fields %j', (names, says) => {
  const struct = tree(
    's',
    names.map((name) => tree(name)),
  );
  expect(() => shapeOf(struct)).toThrow(says);
});

it('refuses a decimal of more bytes than any has', () => {
  const textOf = textOfLeaf({ name: 'd', type: 'BYTE_ARRAY', converted_type: 'DECIMAL', scale: 2 });
  expect(textOf(new Uint8Array([1, 0]) as never)).toContain('2.56');
  expect(() => textOf(new Uint8Array(65) as never)).toThrow('A decimal of the file has 65 bytes.');
});
