import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { edited } from '../edit.ts';
import { mutations } from './mutations.ts';

const repository = join(import.meta.dirname, '../..');

// `npm run test:mutations` shows that each of them is noticed.
describe('the list of mutations', () => {
  it('has each defect once', () => {
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  });

  it('names only tests that exist', () => {
    const tests = new Set(mutations.flatMap(({ caughtBy }) => caughtBy ?? []));
    expect([...tests].filter((file) => !existsSync(file))).toEqual([]);
  });

  it.each(mutations)('is in line with the code: $name', (mutation) => {
    expect(edited(mutation, repository)).toContain(mutation.replace);
  });
});
