import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { maintainedTables } from '../target/maintenance.ts';
import { bytes, integer, numberColumn, printable, printableJson, table } from '../terminal/terminal.ts';

export function compact(program: Command): void {
  program
    .command('compact')
    .description(
      'make large files of the small ones of the lake’s tables now; the schedule does so when it is worth it',
    )
    .option('--dataset <name>', 'only the table of this dataset')
    .option('--dry-run', 'only tell what would be done')
    .option('--json', 'print a JSON document per table')
    .action(
      async ({ dataset, dryRun = false, json }: { dataset?: string; dryRun?: boolean; json?: true }) => {
        const target = await chosenTarget(program);
        const tables = await maintainedTables(target, { compact: true, dryRun, ...(dataset && { dataset }) });
        const compacted = tables.map(({ table: name, compacted: done, finished }) => ({
          table: name,
          ...done,
          finished,
        }));
        if (json) for (const each of compacted) console.log(printableJson(each));
        else console.log(textOf(compacted, dryRun));
      },
    );
}

interface CompactedTable {
  readonly table: string;
  readonly files: number;
  readonly into: number;
  readonly bytes: number;
  readonly finished: boolean;
}

function textOf(tables: readonly CompactedTable[], dryRun: boolean): string {
  const rest = tables.filter(({ finished }) => !finished).map((each) => printable(each.table));
  return [
    table(tables, [
      { title: 'TABLE', value: (each) => printable(each.table) },
      numberColumn('SMALL FILES', ({ files }) => integer(files)),
      numberColumn('BECAME', ({ into }) => integer(into)),
      numberColumn('SIZE', (each) => bytes(each.bytes)),
    ]),
    ...(dryRun ? ['That would be done. Nothing was changed.'] : []),
    ...(rest.length > 0
      ? [`The time was over before all of ${rest.join(', ')} was done. To go on: npx sluice compact`]
      : []),
  ].join('\n');
}
