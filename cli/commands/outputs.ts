import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { table } from '../terminal/terminal.ts';

export function outputs(program: Command): void {
  program
    .command('outputs')
    .description('print the names and addresses of the pipeline, as `pulumi stack output` does on AWS')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const { outputs: all } = await chosenTarget(program);
      if (options.json) {
        console.log(JSON.stringify(all, null, 2));
        return;
      }
      const rows = Object.entries(all).flatMap(([name, value]) => rowsOf(name, value));
      console.log(
        table(rows, [
          { title: 'OUTPUT', value: ({ name }) => name },
          { title: 'VALUE', value: ({ value }) => value },
        ]),
      );
    });
}

/** An output's values, each by its path: `queues.loading`. */
function rowsOf(name: string, value: unknown): { readonly name: string; readonly value: string }[] {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([part, inner]) => rowsOf(`${name}.${part}`, inner))
    : [{ name, value: `${value}` }];
}
