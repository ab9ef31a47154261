import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { migrationIndex } from '../../../cli/mysql/migration-files.ts';
import { projectDirectory } from '../../../cli/target/directories.ts';

const biome = join(projectDirectory, 'node_modules/.bin/biome');

/** What Biome's formatter makes of a file of the migrations. */
const formatted = (text: string) =>
  execFileSync(biome, ['format', '--stdin-file-path=mysql/migrations/index.ts'], {
    cwd: projectDirectory,
    input: text,
    encoding: 'utf8',
  });

test.each([1, 4, 5, 40])('The list of %i migrations is written as Biome formats it', (count) => {
  const name = 'a name as long as a name of a file can be that is read by people';
  const all = Array.from({ length: count }, (_, i) => ({ number: i + 1, name, statements: [] }));
  const text = migrationIndex(all);
  expect(text).toContain(`migration${String(count).padStart(4, '0')}`);
  expect(formatted(text)).toBe(text);
});
