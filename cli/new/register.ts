import { UserError } from '../terminal/user-error.ts';

const IMPORT = /^import \{ \w+ \} from '\.\/([\w-]+)\.ts';$/;
const LIST = /^export const datasets = \[([^\]]*)\];$/m;
/** As Biome formats it (biome.json, `lineWidth`). */
const MOST_COLUMNS = 110;

/**
 * The text of `datasets/index.ts` with one more dataset: its import in alphabetical order, its name at the
 * end of the list.
 *
 * @throws {UserError} if the list is not written as it came with the project
 */
export function withDataset(index: string, file: string, variable: string): string {
  const line = `import { ${variable} } from './${file}.ts';`;
  const lines = index.split('\n');
  const before = lines.findIndex((each) => (IMPORT.exec(each)?.[1] ?? '') > file);
  const lastImport = lines.findLastIndex((each) => each.startsWith('import '));
  lines.splice(before < 0 ? lastImport + 1 : before, 0, line);
  const [, list] = LIST.exec(index) ?? [];
  if (list === undefined)
    throw new UserError(
      `datasets/index.ts has no line “export const datasets = […];”, so the dataset can't be added to it: add ${line} and ${variable} yourself.`,
    );
  const names = [...list.split(',').map((name) => name.trim()), variable].filter((name) => name !== '');
  const inLine = `export const datasets = [${names.join(', ')}];`;
  const inLines = `export const datasets = [\n${names.map((name) => `  ${name},\n`).join('')}];`;
  return lines.join('\n').replace(LIST, () => (inLine.length > MOST_COLUMNS ? inLines : inLine));
}
