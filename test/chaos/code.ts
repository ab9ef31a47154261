import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Edit, edited } from '../edit.ts';

const repository = join(import.meta.dirname, '../..');

/** Which of two codes is deployed: the repository's, and one that makes other rows of the same records. */
export type Code = 'old' | 'new';
export const codes: readonly Code[] = ['old', 'new'];

/**
 * Records of a part at the most, so that small objects have several. Two codes cut them in different places.
 */
export const partRecords: Readonly<Record<Code, number>> = { old: 4, new: 3 };

/** What the Pulumi program is made of. */
const sources = [
  'package.json',
  'tsconfig.json',
  'datasets',
  'domain',
  'store',
  'formats',
  'mysql',
  'lake',
  'handlers',
  'infra',
];

const smallParts = (code: Code): Edit => ({
  file: 'domain/records/part.ts',
  find: 'partRecords: 20_000,',
  replace: `partRecords: ${partRecords[code]},`,
});

const edits: Readonly<Record<Code, readonly Edit[]>> = {
  old: [smallParts('old')],
  new: [
    smallParts('new'),
    {
      file: 'datasets/recipes.ts',
      find: '      title: recipe.title,',
      replace: '      title: recipe.title.toUpperCase(),',
    },
    // Rows go to other partitions.
    { file: 'datasets/recipes.ts', find: 'if (score < 4)', replace: 'if (score < 5)' },
    { file: 'datasets/recipes.ts', find: 'return score < 8', replace: 'return score < 7' },
    {
      file: 'datasets/passengers.ts',
      find: 'name: passenger.Name,',
      replace: 'name: passenger.Name.toUpperCase(),',
    },
    // There are rows of other records.
    {
      file: 'datasets/passengers.ts',
      find: "if (!passenger.Survived) return filtered('did not survive');",
      replace: "if (passenger.Pclass === 3) return filtered('travelled third class');",
    },
  ],
};

/**
 * Copies the sources into a directory, as this code has them. @throws when they have changed, and an edit
 * with them must
 */
export function writeCode(code: Code, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const source of sources)
    cpSync(join(repository, source), join(directory, source), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
  for (const edit of edits[code]) writeFileSync(join(directory, edit.file), edited(edit, directory));
}
