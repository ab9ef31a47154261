import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { writeFixture } from '../new/fixture.ts';
import { datasetOf, statFile } from '../options/files.ts';
import { datasetNames } from '../options/options.ts';
import { bytes, integer, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';
import { rejectedIn } from '../trial/trial.ts';

/** More than anybody looks through, or wants in a repository. */
const MOST_BYTES = 1024 * 1024;

interface FixtureOptions {
  readonly dataset?: string;
  readonly name?: string;
  readonly json?: true;
}

export function fixture(program: Command): void {
  program
    .command('fixture')
    .description('keep a file as a test of its dataset, beside what becomes of it now')
    .argument('<file>', 'a small file, which is copied as it is')
    .option(
      '-d, --dataset <name>',
      `the dataset of the file: ${datasetNames}; by default, the one that its folder is named after`,
    )
    .option('--name <name>', 'of the fixture; by default, of the file')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nWritten again after a change, the difference shows what the change does.')
    .action(async (file: string, options: FixtureOptions) => {
      const dataset = datasetOf(file, options.dataset);
      const { size } = await statFile(file);
      if (size > MOST_BYTES)
        throw new UserError(
          `${file} has ${bytes(size)}, and a fixture ${bytes(MOST_BYTES)} at most: cut a few records out of it.`,
        );
      // `soups.input.json` keeps its name: it is a fixture that is written again.
      const [stem = '', ...extensions] = basename(file).replace('.input.', '.').split('.');
      const name = options.name ?? stem;
      if (!/^[\w-]+$/.test(name))
        throw new UserError(`${JSON.stringify(name)} can't be a fixture's name: give one with --name.`);
      const extension = extensions.join('.') || 'txt';
      const { trial, ...made } = await writeFixture(dataset, name, extension, await readFile(file));
      const rejected = rejectedIn(trial);
      const { read, written } = trial;
      if (options.json) {
        console.log(printableJson({ dataset: dataset.name, ...made, read, written, rejected }, 2));
        return;
      }
      console.log(`Wrote ${made.input} and ${printable(basename(made.expected))}.`);
      console.log(
        `${integer(read)} read, ${integer(written)} written, ${integer(rejected)} rejected. Look through what is expected, and whether it has personal data; then commit both. Test: npx vitest run test/datasets`,
      );
    });
}
