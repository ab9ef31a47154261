import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { bundle } from '../../infra/bundle.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-bundle-'));
afterAll(() => rmSync(directory, { recursive: true }));

const sources = join(directory, 'sources');
mkdirSync(sources);
writeFileSync(
  join(sources, 'entry.ts'),
  "import { word } from './word.ts';\nexport const handler = (): string => word;\n",
);
// A CommonJS module that needs `require`, which an ES module does not have by itself.
writeFileSync(
  join(sources, 'word.ts'),
  "import os from './os.cjs';\nexport const word = typeof os.hostname();\n",
);
writeFileSync(join(sources, 'os.cjs'), "module.exports = require('os');\n");

it('a bundle is an ES module that Node imports, with its CommonJS dependencies inside', async () => {
  const { entry } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'a') });
  const module: { handler(): string } = await import(pathToFileURL(entry.file).href);
  expect(module.handler()).toBe('string');
});

it('the same sources give the same bytes and version wherever they lie', async () => {
  const moved = join(directory, 'moved', 'deeper');
  cpSync(sources, moved, { recursive: true });
  const { entry: one } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'b') });
  const { entry: two } = await bundle({ entry: 'entry.ts' }, { from: moved, to: join(directory, 'c') });
  expect(readFileSync(two.file)).toEqual(readFileSync(one.file));
  expect(two.version).toBe(one.version);
  expect(one.version).toMatch(/^[0-9a-f]{16}$/);
});

it('the source map lies beside the module, which is left alone when nothing changed', async () => {
  const to = join(directory, 'd');
  const { entry } = await bundle({ entry: 'entry.ts' }, { from: sources, to });
  expect(existsSync(`${entry.file}.map`)).toBe(true);
  const { ino } = statSync(entry.file);
  await bundle({ entry: 'entry.ts' }, { from: sources, to });
  expect(statSync(entry.file).ino).toBe(ino);
});

it('another source gives another version', async () => {
  const { entry: one } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'e') });
  const { entry: other } = await bundle({ entry: 'word.ts' }, { from: sources, to: join(directory, 'e') });
  expect(other.version).not.toBe(one.version);
});

it('an entry that does not compile is named with its line', async () => {
  writeFileSync(join(sources, 'broken.ts'), 'export const handler = ;\n');
  await expect(bundle({ broken: 'broken.ts' }, { from: sources, to: directory })).rejects.toThrow(
    /broken\.ts:1:/,
  );
});
