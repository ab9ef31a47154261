import type { Command } from 'commander';
import { ICEBERG, readCatalog } from '../lake/catalog.ts';
import { type ListedSnapshot, listedSnapshots, openTable } from '../lake/tables/snapshots.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { chosenDataset, datasetNames, whole } from '../options/options.ts';
import { count, integer, numberColumn, printable, printableJson, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface Options {
  readonly newest: number;
  readonly json?: true;
}

export function snapshots(program: Command): void {
  program
    .command('snapshots')
    .description('list the snapshots of the lake’s Iceberg tables: what each commit added and removed')
    .argument('[dataset]', `only of one of ${datasetNames}`)
    .option('-n, --newest <count>', 'how many of each table to show', whole(0), 20)
    .option('--json', 'print every snapshot as a JSON document per line')
    .addHelpText('after', '\nTo read a table as it was in a snapshot: npx sluice query --at SNAPSHOT SQL')
    .action(async (name: string | undefined, { newest, json }: Options) => {
      const dataset = name === undefined ? undefined : chosenDataset(name);
      if (dataset?.processedAs === 'csv')
        throw new UserError(
          `${dataset.name} has no snapshots: it is processed as CSV, and its table shows the files of its folder.`,
        );
      const target = await chosenTarget(program);
      const tables = (await readCatalog(target, dataset !== undefined)).filter(
        (each) => each.format === ICEBERG && (dataset === undefined || each.name === dataset.name),
      );
      for (const each of tables) {
        const open = await openTable(target, each);
        const all = open === undefined ? [] : listedSnapshots(each.name, open.metadata);
        if (json) for (const snapshot of all) console.log(printableJson(snapshot));
        else console.log(textOf(each.name, all, newest));
      }
    });
}

function textOf(name: string, all: readonly ListedSnapshot[], newest: number): string {
  if (all.length === 0) return `${printable(name)}: no snapshot yet.\n`;
  const shown = all.slice(0, newest);
  const number = (title: string, value: (each: ListedSnapshot) => number) =>
    numberColumn<ListedSnapshot>(title, (each) => integer(value(each)));
  const lines = table(shown, [
    { title: 'SNAPSHOT', value: ({ snapshot, current }) => `${snapshot}${current ? ' (current)' : ''}` },
    { title: 'COMMITTED', value: ({ committedAt }) => committedAt },
    { title: 'OPERATION', value: ({ operation }) => printable(operation) },
    number('FILES +', ({ added }) => added.files),
    number('–', ({ removed }) => removed.files),
    number('IN ALL', ({ total }) => total.files),
    number('ROWS +', ({ added }) => added.rows),
    number('–', ({ removed }) => removed.rows),
    number('IN ALL', ({ total }) => total.rows),
  ]);
  const more = all.length - shown.length;
  return `${printable(name)}: ${count(all.length, 'snapshot')}\n${lines}\n${more > 0 ? `… and ${integer(more)} older (--newest ${all.length} shows all)\n` : ''}`;
}
