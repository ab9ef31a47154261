import type { Command } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import { type MaintainedTable, maintainedTables } from '../target/maintenance.ts';
import { bytes, integer, numberColumn, printable, printableJson, table } from '../terminal/terminal.ts';

export function maintain(program: Command): void {
  program
    .command('maintain')
    .description(
      'forget old snapshots of the lake’s tables, compact small files and remove garbage now, as the schedule does',
    )
    .option('--dry-run', 'only tell what would go')
    .option('--json', 'print a JSON document per table')
    .action(async ({ dryRun = false, json }: { dryRun?: boolean; json?: true }) => {
      const target = await chosenTarget(program);
      const tables = await maintainedTables(target, { dryRun });
      if (json) for (const each of tables) console.log(printableJson(each));
      else console.log(textOf(tables, dryRun));
    });
}

function textOf(tables: readonly MaintainedTable[], dryRun: boolean): string {
  const lines = table(tables, [
    { title: 'TABLE', value: (each) => printable(each.table) },
    numberColumn('SNAPSHOTS', ({ snapshots }) => integer(snapshots)),
    numberColumn('FILES', ({ files }) => integer(files)),
    numberColumn('SIZE', (each) => bytes(each.bytes)),
    numberColumn('COMPACTED', ({ compacted: { files, into } }) =>
      files === 0 ? '0' : `${integer(files)} into ${integer(into)}`,
    ),
  ]);
  const rest = tables.filter(({ finished }) => !finished).map((each) => printable(each.table));
  return [
    lines,
    dryRun ? 'That would go. Nothing was changed.' : 'That went.',
    ...(rest.length > 0
      ? [
          `The time was over before all files of ${rest.join(', ')} were looked at. To go on: npx sluice maintain`,
        ]
      : []),
  ].join('\n');
}
