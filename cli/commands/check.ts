import type { Command } from 'commander';
import { places, type Verdict } from '../../domain/operations/schema-changes.ts';
import { type Check, checkDatasets, type DatasetCheck } from '../check/check.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { printable, printableJson, styled, table } from '../terminal/terminal.ts';

export function check(program: Command): void {
  program
    .command('check')
    .description(
      'tell what the datasets of this checkout do to the stack before they are deployed; exit 1 if something is refused',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', explanation)
    .action(async (options: { json?: true }) => {
      const { stack } = program.opts<{ stack?: string }>();
      const found = await checkDatasets(await chosenTarget(program), stack);
      if (found.verdict === 'refused') process.exitCode = 1;
      console.log(options.json ? printableJson(found, 2) : checkText(found));
    });
}

const explanation = `
compatible: old and new rows are there side by side. needs a replay: the same, but old rows lack something until
their objects are reprocessed. refused: it can't be deployed. The command changes nothing.`;

const words: Readonly<Record<Verdict, string>> = {
  compatible: 'compatible',
  replay: 'needs a replay',
  refused: 'refused',
};
const colours = { compatible: 'green', replay: 'yellow', refused: 'red' } as const;

function checkText({ datasets, verdict, commands }: Check): string {
  const lines = datasets.flatMap((each) => [...datasetLines(each), '']);
  if (verdict === 'refused')
    return [
      ...lines,
      'Change what is refused. What can be done instead: docs/mysql.md, docs/queries.md',
    ].join('\n');
  if (commands.length === 0) return [...lines, 'The stack has what the datasets declare.'].join('\n');
  return [...lines, 'Then:', ...commands.map((command) => `  ${command}`)].join('\n');
}

function datasetLines(each: DatasetCheck): string[] {
  const title = `${styled('bold', printable(each.dataset))}: ${summary(each)}`;
  const reasons = each.reasons.map((reason) => `  ${styled('red', printable(reason))}`);
  const rows = each.columns.flatMap(({ column, change, places: of }) =>
    places.flatMap((place) => {
      const found = of[place];
      return found === undefined ? [] : [{ column, change, place, ...found }];
    }),
  );
  if (rows.length === 0) return [title, ...reasons];
  const isFirst = (row: (typeof rows)[number]) => rows.find(({ column }) => column === row.column) === row;
  return [
    title,
    ...reasons,
    table(rows, [
      { title: 'COLUMN', value: (row) => (isFirst(row) ? printable(row.column) : '') },
      { title: 'CHANGE', value: (row) => (isFirst(row) ? printable(row.change) : '') },
      { title: 'PLACE', value: ({ place }) => place },
      { title: 'VERDICT', value: (row) => words[row.verdict], style: (row) => colours[row.verdict] },
      { title: 'WHY', value: ({ why }) => printable(why) },
    ]),
  ];
}

function summary({ state, code, columns, verdict }: DatasetCheck): string {
  switch (state) {
    case 'new':
      return verdict === 'refused' ? 'new, refused' : 'new: the deploy makes its tables';
    case 'gone':
      return verdict === 'refused'
        ? 'gone, refused: docs/operations.md, “A dataset that is gone”'
        : 'gone: delete its objects before you deploy (docs/operations.md, “A dataset that is gone”)';
    case 'same':
      return code === 'unknown'
        ? 'no column changed; the stack is of an older program, which does not tell whether the code did'
        : 'no change';
    default:
      return columns.length === 0 && verdict === 'replay'
        ? 'its record, row or transform changed, so it needs a replay'
        : words[verdict];
  }
}
