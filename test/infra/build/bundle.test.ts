import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { bundle } from '../../../infra/build/bundle.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-bundle-'));
afterAll(() => rmSync(directory, { recursive: true }));

const sources = join(directory, 'sources');
mkdirSync(sources);
writeFileSync(
  join(sources, 'entry.ts'),
  "import { word } from './word.ts';\nexport const handler = (): string => word;\nexport const later = () => import('./later.ts');\n",
);
writeFileSync(join(sources, 'later.ts'), "export const late = 'late';\n");
// A CommonJS module that needs `require`, which an ES module does not have by itself.
writeFileSync(
  join(sources, 'word.ts'),
  "import os from './os.cjs';\nexport const word = typeof os.hostname();\n",
);
writeFileSync(join(sources, 'os.cjs'), "module.exports = require('os');\n");

test('a bundle is an ES module that Node imports, with its CommonJS dependencies inside', async () => {
  const { entry } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'a') });
  const module: { handler(): string } = await import(pathToFileURL(entry.file).href);
  expect(module.handler()).toBe('string');
});

test('code that is imported later is in a module of its own, beside the first', async () => {
  const { entry } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'a') });
  expect(readFileSync(entry.file, 'utf8')).not.toContain('late"');
  const module: { later(): Promise<{ late: string }> } = await import(pathToFileURL(entry.file).href);
  expect(await module.later()).toHaveProperty('late', 'late');
  expect(entry.files.map((file) => dirname(file))).toEqual(entry.files.map(() => dirname(entry.file)));
  expect(entry.files).toContain(entry.file);
});

test('the modules of an earlier build are removed', async () => {
  const from = join(directory, 'earlier');
  cpSync(sources, from, { recursive: true });
  const to = join(directory, 'g');
  const { entry: before } = await bundle({ entry: 'entry.ts' }, { from, to });
  writeFileSync(join(from, 'later.ts'), "export const late = 'later still';\n");
  const { entry: after } = await bundle({ entry: 'entry.ts' }, { from, to });
  expect(after.version).not.toBe(before.version);
  expect(
    readdirSync(join(to, 'entry'))
      .filter((file) => file.endsWith('.mjs'))
      .sort(),
  ).toEqual(after.files.map((file) => basename(file)).sort());
  expect(before.files.filter((file) => !existsSync(file))).not.toEqual([]);
});

test('the same sources give the same bytes and version in any directory', async () => {
  const moved = join(directory, 'moved', 'deeper');
  cpSync(sources, moved, { recursive: true });
  const { entry: one } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'b') });
  const { entry: two } = await bundle({ entry: 'entry.ts' }, { from: moved, to: join(directory, 'c') });
  expect(two.files.map((file) => readFileSync(file))).toEqual(one.files.map((file) => readFileSync(file)));
  expect(two.version).toBe(one.version);
  expect(one.version).toMatch(/^[0-9a-f]{16}$/);
});

test('the source map is next to the module, and an unchanged module is not written again', async () => {
  const to = join(directory, 'd');
  const { entry } = await bundle({ entry: 'entry.ts' }, { from: sources, to });
  expect(existsSync(`${entry.file}.map`)).toBe(true);
  const { ino } = statSync(entry.file);
  await bundle({ entry: 'entry.ts' }, { from: sources, to });
  expect(statSync(entry.file).ino).toBe(ino);
});

test('a changed source gives a new version', async () => {
  const { entry: one } = await bundle({ entry: 'entry.ts' }, { from: sources, to: join(directory, 'e') });
  const { entry: other } = await bundle({ entry: 'word.ts' }, { from: sources, to: join(directory, 'e') });
  expect(other.version).not.toBe(one.version);
});

test('the error of an entry that does not compile names its file and line', async () => {
  writeFileSync(join(sources, 'broken.ts'), 'export const handler = ;\n');
  await expect(bundle({ broken: 'broken.ts' }, { from: sources, to: directory })).rejects.toThrow(
    /broken\.ts:1:/,
  );
});

describe('a recorded build', () => {
  const from = join(directory, 'remembered');
  const to = join(directory, 'f');
  const record = join(to, 'build.json');
  const build = async () => (await bundle({ entry: 'entry.ts' }, { from, to })).entry;
  /** Builds until it is kept, which it is not as long as the sources are only just written. */
  const settled = () =>
    vi.waitFor(
      async () => {
        const entry = await build();
        const { mtimeMs } = statSync(record);
        await build();
        expect(statSync(record).mtimeMs).toBe(mtimeMs);
        return entry;
      },
      { timeout: 60_000 },
    );
  cpSync(sources, from, { recursive: true });
  writeFileSync(
    join(from, 'entry.ts'),
    "import { word } from './word.ts';\nclass Kept { word = word; }\nexport const handler = () => new Kept().word;\n",
  );

  test('is reused while nothing changes', async () => {
    const { version } = await settled();
    expect((await build()).version).toBe(version);
  });

  test('is repeated when a source’s contents change, even at the same size and time', async () => {
    const { version } = await settled();
    const { atime, mtime } = statSync(join(from, 'word.ts'));
    writeFileSync(
      join(from, 'word.ts'),
      readFileSync(join(from, 'word.ts'), 'utf8').replace('hostname', 'homedir '),
    );
    utimesSync(join(from, 'word.ts'), atime, mtime);
    const { version: next, file } = await build();
    expect(next).not.toBe(version);
    expect(readFileSync(file, 'utf8')).toContain('homedir');
  });

  test('is repeated when settings that esbuild finds next to a source change', async () => {
    const { version } = await settled();
    writeFileSync(join(from, 'tsconfig.json'), '{"compilerOptions":{"useDefineForClassFields":false}}');
    expect((await build()).version).not.toBe(version);
  });

  test('is not reused in another directory', async () => {
    await settled();
    const moved = join(directory, 'elsewhere');
    cpSync(to, moved, { recursive: true });
    const { entry } = await bundle({ entry: 'entry.ts' }, { from, to: moved });
    expect(entry.file).toBe(join(moved, 'entry', 'index.mjs'));
    writeFileSync(entry.file, '');
    await bundle({ entry: 'entry.ts' }, { from, to: moved });
    expect(readFileSync(entry.file)).toEqual(readFileSync(join(to, 'entry', 'index.mjs')));
  });

  test('is repeated when one of its outputs was changed or removed', async () => {
    const { file } = await settled();
    const written = readFileSync(file);
    writeFileSync(file, 'throw new Error();');
    await build();
    expect(readFileSync(file)).toEqual(written);
    rmSync(`${file}.map`);
    await build();
    expect(existsSync(`${file}.map`)).toBe(true);
  });

  test('is repeated when its record is invalid', async () => {
    const { version } = await settled();
    writeFileSync(record, '{"inputs":');
    expect((await build()).version).toBe(version);
  });
});
