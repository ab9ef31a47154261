import type { Command } from 'commander';
import { sumOf } from '../../domain/operations/reconciliation.ts';
import { type Tally, total } from '../../domain/versions/receipt.ts';
import { noSuchObject, unknownKeys } from '../ledger/known-keys.ts';
import { differenceText, unreadText } from '../ledger/reconcile/difference-text.ts';
import { type Orphan, reconcile as reconcileTarget } from '../ledger/reconcile/reconcile.ts';
import type { LookInTables, Reconciled } from '../ledger/reconcile/reconciled.ts';
import { withTables } from '../mysql/look-in-tables.ts';
import { mysqlUrl } from '../mysql/mysql.ts';
import { chosenTarget, type TargetOptions } from '../options/chosen-target.ts';
import type { Target } from '../target/target.ts';
import { folded } from '../terminal/fit.ts';
import {
  count,
  integer,
  lineWidth,
  Progress,
  printable,
  printableJson,
  type TableColumn,
  table,
} from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

export function reconcile(program: Command): void {
  program
    .command('reconcile')
    .description(
      'compare the receipts with the lake, the archive, the failed bucket and MySQL; exit 1 if they differ',
    )
    .argument('[key...]', 'keys in the raw bucket; by default all objects')
    .option(
      '--no-content',
      'only count the rows in MySQL, without comparing the content of the rows and their lists',
    )
    .option(
      '--json',
      'print each version and each orphaned file as a JSON document per line, then the totals',
    )
    .addHelpText('after', explanation)
    .action(async (keys: string[], options: { content: boolean; json?: boolean }) => {
      const target = await chosenTarget(program);
      const url = urlOf(program.opts<TargetOptions>());
      const work = (lookInTables: LookInTables | undefined) =>
        run(target, keys, lookInTables, options.json ?? false);
      const agrees = url === undefined ? await work(undefined) : await withTables(url, options.content, work);
      if (!agrees) process.exitCode = 1;
    });
}

const explanation = `
It checks each active version:
  records read = written + filtered + rejected, by its receipts
  the lake, the archive and MySQL (of MYSQL_URL or the local cloud) have as many rows as were written
  each row in MySQL, with its lists, still has the hash that loading stored
  the failed bucket has as many rejects of each code
It also checks that a receipt of an active version names each file of the buckets.`;

/** The URL of MySQL; `undefined` when there is none, and the tables are not compared. */
function urlOf(options: TargetOptions): string | undefined {
  try {
    return mysqlUrl(options, 'read');
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The totals of a dataset. */
interface Sums {
  objects: number;
  read: number;
  written: number;
  filtered: Tally;
  rejected: Tally;
  lake: number;
  archive: number;
  /** Files in an archive class of S3, which were not read, and the records of their receipts. */
  unread: { files: number; records: number };
  tables: number | undefined;
}

/** @returns whether everything agrees */
async function run(
  target: Target,
  keys: readonly string[],
  lookInTables: LookInTables | undefined,
  json: boolean,
): Promise<boolean> {
  const progress = new Progress();
  const print = (text: string) => {
    progress.end();
    console.log(text);
  };
  const unseen = new Set(keys);
  const sums = new Map<string, Sums>();
  let versions = 0;
  let differences = 0;
  let strays = 0;
  let shown = 0;
  let leftOver = 0;
  let gone = 0;
  let uncompared = 0;
  try {
    for await (const step of reconcileTarget(target, keys, lookInTables)) {
      if ('version' in step) {
        const { version } = step;
        versions += 1;
        unseen.delete(version.key);
        differences += version.differences.length;
        gone += version.differences.filter(({ kind }) => kind === 'dataset_gone').length;
        uncompared += version.uncompared;
        addTo(sums, version);
        if (json) print(printableJson(version));
        else {
          if (keys.length > 0) print(folded(`${printable(version.key)}: ${tallies(version)}`, lineWidth()));
          if (keys.length > 0)
            for (const each of version.unread) print(`${printable(version.key)}: ${unreadText(each)}`);
          for (const each of version.differences) print(`${printable(version.key)}: ${differenceText(each)}`);
        }
        progress.show(`Reconciled ${count(versions, 'version')}`);
      } else if ('orphan' in step) {
        differences += 1;
        strays += 1;
        if (step.orphan.shownBy !== undefined) shown += 1;
        if (json) print(printableJson(step));
        else print(orphanLine(target, step.orphan));
      } else if ('leftOver' in step) {
        leftOver += 1;
      } else if (step.compared % 100 === 0) {
        progress.show(`Compared ${count(step.compared, 'file')} of the ${step.place} bucket`);
      }
    }
  } finally {
    progress.end();
  }
  if (json) {
    console.log(
      printableJson({
        versions,
        differences,
        uncompared,
        leftOver,
        datasets: Object.fromEntries(sums),
        unknown: [...unseen],
      }),
    );
  } else {
    if (sums.size > 0) console.log(sumsTable(sums));
    const files = [...sums.values()].reduce((all, { unread }) => all + unread.files, 0);
    const records = [...sums.values()].reduce((all, { unread }) => all + unread.records, 0);
    if (files > 0)
      console.log(
        `${count(files, 'file')} with ${count(records, 'record')} ${files === 1 ? 'is' : 'are'} in an archive class of S3 and ${files === 1 ? 'was' : 'were'} not read; the columns above lack them. --json names each.`,
      );
    const unknown = await unknownKeys(target, [...unseen]);
    for (const key of unseen)
      console.log(
        printable(unknown.includes(key) ? noSuchObject(target, key) : `${key} has no active version.`),
      );
    if (differences > 0) console.log(`${count(versions, 'version')}: ${count(differences, 'difference')}.`);
    else if (versions > 0 || unseen.size === 0)
      console.log(`${count(versions, 'version')}: everything agrees.`);
    if (differences > strays + gone) console.log('To reprocess an object: npx sluice replay KEY --force');
    if (gone > 0)
      console.log(
        'To remove the rows and files of a dataset that is gone: docs/operations.md, "A dataset that is gone".',
      );
    if (uncompared > 0)
      console.log(
        `${count(uncompared, 'row')} in MySQL could only be counted: another schema or older code loaded them. To load them again: npx sluice replay KEY --force`,
      );
    if (shown > 0)
      console.log('To take out of a table what it should not show: npx sluice erase KEY --old-versions');
    if (leftOver > 0)
      console.log(
        `${count(leftOver, 'file')} ${leftOver === 1 ? 'is' : 'are'} left of what was replaced or given up; the hourly maintenance removes what is a day old.`,
      );
    if (strays > shown)
      console.log('Nothing uses the orphaned files. Delete them yourself: docs/operations.md.');
  }
  return differences === 0 && unseen.size === 0;
}

function addTo(all: Map<string, Sums>, { dataset, standing, found, ...version }: Reconciled): void {
  const none = { objects: 0, read: 0, written: 0, filtered: {}, rejected: {}, lake: 0, archive: 0 };
  const sums = all.get(dataset) ?? { ...none, unread: { files: 0, records: 0 }, tables: undefined };
  for (const { records } of version.unread) {
    sums.unread.files += 1;
    sums.unread.records += records;
  }
  if (standing === 'current') sums.objects += 1;
  sums.read += version.read;
  sums.written += version.written;
  sums.filtered = sumOf([sums.filtered, version.filtered]);
  sums.rejected = sumOf([sums.rejected, version.rejected]);
  sums.lake += found.lake;
  sums.archive += found.archive;
  if (found.tables !== undefined) sums.tables = (sums.tables ?? 0) + found.tables;
  all.set(dataset, sums);
}

function sumsTable(sums: ReadonlyMap<string, Sums>): string {
  const numberColumn = (title: string, value: (row: Sums) => number): TableColumn<[string, Sums]> => ({
    title,
    value: ([, row]) => integer(value(row)),
    align: 'right',
  });
  return table(
    [...sums],
    [
      { title: 'DATASET', value: ([name]) => name },
      numberColumn('OBJECTS', ({ objects }) => objects),
      numberColumn('READ', ({ read }) => read),
      numberColumn('WRITTEN', ({ written }) => written),
      numberColumn('FILTERED', ({ filtered }) => total(filtered)),
      numberColumn('REJECTED', ({ rejected }) => total(rejected)),
      numberColumn('LAKE', ({ lake }) => lake),
      numberColumn('ARCHIVE', ({ archive }) => archive),
      {
        title: 'MYSQL',
        value: ([, { tables }]) => (tables === undefined ? '–' : integer(tables)),
        align: 'right',
      },
      { title: 'WHY', value: ([, { filtered, rejected }]) => reasons(sumOf([filtered, rejected])) },
    ],
  );
}

function tallies({ standing, read, written, filtered, rejected, found }: Reconciled): string {
  const sides = [`${integer(read)} read`, `${integer(written)} written`];
  for (const [name, tally] of Object.entries({ filtered, rejected }))
    sides.push(`${integer(total(tally))} ${name}${total(tally) > 0 ? ` (${reasons(tally)})` : ''}`);
  const tables = found.tables === undefined ? '' : `, ${integer(found.tables)} in MySQL`;
  const sinks = `${integer(found.lake)} in the lake, ${integer(found.archive)} in the archive${tables}`;
  return `${standing === 'current' ? '' : `${standing}; `}${sides.join(', ')}; ${sinks}`;
}

function reasons(tally: Readonly<Tally>): string {
  return Object.entries(tally)
    .map(([name, n]) => `${name} ${integer(n)}`)
    .join(', ');
}

function orphanLine({ outputs }: Target, { place, file, shownBy }: Orphan): string {
  if (shownBy !== undefined)
    return `s3://${outputs.buckets[place]}/${printable(file)}: table ${shownBy} shows it, though its version is not active`;
  return `s3://${outputs.buckets[place]}/${printable(file)}: orphaned file, no active version references it`;
}
