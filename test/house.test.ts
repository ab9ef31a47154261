import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { projectDirectory } from '../cli/target/directories.ts';

const MOST_FILES = 15;
const WIDTH = 110;

/** Not ours, made by tools, or data. */
const skipped = new Set(['node_modules', 'dist', 'examples', '.git', '.local', '.pulumi']);
/** A folder of one kind of thing each, which a reader looks up by name. */
const ofOneKind = new Set(['', 'cli/commands', 'test/datasets/recipes', 'test/datasets/passengers']);

/** A line of a comment: of a block, whose asterisks stand in odd columns, or after two slashes. */
const comment = /^(?:(?: {2})* \* |\s*\/\/ (?!biome-ignore)|\s*\/\*\*)/;

function* folders(path = projectDirectory): Generator<{ readonly path: string; readonly files: string[] }> {
  const entries = readdirSync(path, { withFileTypes: true });
  yield { path, files: entries.filter((each) => each.isFile()).map(({ name }) => name) };
  for (const each of entries)
    if (each.isDirectory() && !skipped.has(each.name)) yield* folders(join(path, each.name));
}

test(`no folder has more than ${MOST_FILES} files beside its folders`, () => {
  const full = [...folders()]
    .map(({ path, files }) => ({ folder: relative(projectDirectory, path), files: files.length }))
    .filter(({ folder, files }) => files > MOST_FILES && !ofOneKind.has(folder));
  expect(full).toEqual([]);
});

test(`no comment is wider than ${WIDTH} columns, as code is for Biome`, () => {
  const wide: string[] = [];
  for (const { path, files } of folders())
    for (const name of files.filter((each) => /\.(ts|mts|mjs)$/.test(each))) {
      const file = join(path, name);
      for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries())
        if (line.length > WIDTH && comment.test(line))
          wide.push(`${relative(projectDirectory, file)}:${i + 1}`);
    }
  expect(wide).toEqual([]);
});
