import { describe, expect, it } from 'vitest';
import { mutated } from './mutated.ts';
import { mutations } from './mutations.ts';

// `npm run test:mutations` shows that the simulation notices each of them.
describe('the list of mutations', () => {
  it('has each defect once', () => {
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  });

  it.each(mutations)('is in line with the code: $name', (mutation) => {
    expect(mutated(mutation)).toContain(mutation.replace);
  });
});
