import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DeployedFunction, keepCode } from '../../lambda/code.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kept-code-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A function of one module, built into a directory of its own. */
function built(name: string, source: string): DeployedFunction {
  const modulePath = join(directory, name, 'index.mjs');
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(modulePath, source);
  const settings = { name: 'greeting', modulePath, files: { 'index.mjs': modulePath } };
  return settings as unknown as DeployedFunction;
}

const compiledOf = (of: DeployedFunction, kept: string) => {
  keepCode([of], join(directory, kept));
  return realpathSync(join(directory, kept, 'greeting', '.compiled'));
};

test('the same code finds in any directory what was compiled of it, and other code does not', () => {
  const [one, same] = [built('one', 'export const a = 1;'), built('same', 'export const a = 1;')];
  const first = compiledOf(one, 'first');
  expect(compiledOf(same, 'second')).toBe(first);
  expect(compiledOf(built('other', 'export const abc = 1;'), 'third')).not.toBe(first);
});

test('what was compiled outlives the code that is kept anew', () => {
  const of = built('one', 'export const a = 1;');
  const compiled = compiledOf(of, 'kept');
  writeFileSync(join(compiled, 'mark'), '');
  expect(compiledOf(of, 'kept')).toBe(compiled);
  expect(realpathSync(join(compiled, 'mark'))).toBe(join(compiled, 'mark'));
  rmSync(join(compiled, 'mark'));
});
