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
      const rows = Object.entries(all).flatMap(([name, value]) =>
        typeof value === 'string'
          ? [{ name, value }]
          : Object.entries(value ?? {}).map(([part, text]) => ({ name: `${name}.${part}`, value: text })),
      );
      console.log(
        table(rows, [
          { title: 'OUTPUT', value: ({ name }) => name },
          { title: 'VALUE', value: ({ value }) => value },
        ]),
      );
    });
}
