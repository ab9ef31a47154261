import type { Command } from 'commander';
import { type Tally, total } from '../../domain/versions/receipt.ts';
import { type Difference, sumOf } from '../../domain/versions/reconciliation.ts';
import {
  type LookInTables,
  type Orphan,
  type Reconciled,
  reconcile as reconcileTarget,
} from '../ledger/reconcile.ts';
import { withTables } from '../mysql/look-in-tables.ts';
import { mysqlUrl } from '../mysql/mysql.ts';
import { chosenTarget, type TargetOptions } from '../options/chosen-target.ts';
import type { Target } from '../target/target.ts';
import {
  count,
  integer,
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
      'hold what receipts say against what lies in the lake, the archive, the failed bucket and MySQL; exit 1 if they differ',
    )
    .argument('[key...]', 'keys in the raw bucket; by default all objects')
    .option('--no-content', 'count the rows of MySQL, without reading what is in them and their lists')
    .option('--json', 'each version and each stray file as a JSON document a line, and last the sums')
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
Of every version that stands: records read = written + filtered + rejected, as its receipts say; the same number of rows
in the lake's files, in the archive's and in MySQL (where MYSQL_URL or the local cloud tells of one); there also the
content of each row and its lists, against the hash that loading stored; as many rejects in the failed bucket, of each
code; and no file in any bucket that no receipt names.`;

/** Where no database is known, the tables are not compared. */
function urlOf(options: TargetOptions): string | undefined {
  try {
    return mysqlUrl(options, 'read');
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The sums of a dataset. */
interface Sums {
  objects: number;
  read: number;
  written: number;
  filtered: Tally;
  rejected: Tally;
  lake: number;
  archive: number;
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
          if (keys.length > 0) print(`${printable(version.key)}: ${tallies(version)}`);
          for (const each of version.differences) print(`${printable(version.key)}: ${describe(each)}`);
        }
        progress.show(`Reconciled ${count(versions, 'version')}`);
      } else if ('orphan' in step) {
        differences += 1;
        strays += 1;
        const { place, file } = step.orphan;
        if (json) print(printableJson(step));
        else print(orphanLine(target, { place, file }));
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
        datasets: Object.fromEntries(sums),
        unknown: [...unseen],
      }),
    );
  } else {
    if (sums.size > 0) console.log(sumsTable(sums));
    for (const key of unseen) console.log(`${printable(key)}: no version of it stands.`);
    console.log(
      differences === 0
        ? `${count(versions, 'version')}: everything agrees.`
        : `${count(versions, 'version')}: ${count(differences, 'difference')}.`,
    );
    if (differences > strays + gone) console.log('To do a version anew: npx sluice replay KEY --force');
    if (gone > 0)
      console.log(
        'How to remove what is left of a dataset that is gone: docs/operations.md, "A dataset that is gone".',
      );
    if (uncompared > 0)
      console.log(
        `${count(uncompared, 'row')} in MySQL, loaded under another schema or by older code, could only be counted. npx sluice replay KEY --force loads them anew.`,
      );
    if (strays > 0)
      console.log('Files that no version has are of no use: delete them by hand (docs/operations.md).');
  }
  return differences === 0 && unseen.size === 0;
}

function addTo(all: Map<string, Sums>, { dataset, standing, found, ...version }: Reconciled): void {
  const none = { objects: 0, read: 0, written: 0, filtered: {}, rejected: {}, lake: 0, archive: 0 };
  const sums = all.get(dataset) ?? { ...none, tables: undefined };
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
  const number = (title: string, value: (row: Sums) => number): TableColumn<[string, Sums]> => ({
    title,
    value: ([, row]) => integer(value(row)),
    align: 'right',
  });
  return table(
    [...sums],
    [
      { title: 'DATASET', value: ([name]) => name },
      number('OBJECTS', ({ objects }) => objects),
      number('READ', ({ read }) => read),
      number('WRITTEN', ({ written }) => written),
      number('FILTERED', ({ filtered }) => total(filtered)),
      number('REJECTED', ({ rejected }) => total(rejected)),
      number('LAKE', ({ lake }) => lake),
      number('ARCHIVE', ({ archive }) => archive),
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

const placeNames = {
  temp: 'temp',
  processed: 'lake',
  archive: 'archive',
  failed: 'failed bucket',
  ledger: 'ledger',
} as const;

function describe({
  kind,
  of,
  place,
  expected = 0,
  found = 0,
  records = [],
  reason = '',
}: Difference): string {
  const where = place === undefined ? '' : `the ${placeNames[place]}’s ${printable(of)}`;
  switch (kind) {
    case 'unfinished':
      return `${printable(of)}: ${integer(found)} of ${integer(expected)}. Is it under way? npx sluice sweep`;
    case 'missing':
      return `${where} is missing, with ${count(expected, 'record')}`;
    case 'interrupted':
      return `its extraction did not end, and what it had passed on is there: ${printable(reason)}. It goes on when its message comes back; if that was given up: npx sluice sweep --enqueue`;
    case 'unreadable':
      return `${where} can’t be read: ${printable(reason)}`;
    case 'rows':
      return `${where} has ${count(found, 'record')}; its receipt says ${integer(expected)}`;
    case 'altered':
      return `${where} is not the file that was written: its content has changed since`;
    case 'rejects':
      return `${count(found, 'reject')} of ${printable(of)} in the failed bucket; receipts say ${integer(expected)}`;
    case 'changed':
      return `rows in MySQL that were changed since loading, or their lists: ${integer(found)} (${recordNames(records, found)})`;
    case 'orphans':
      return `rows of ${printable(of)} in MySQL whose record has no row there: ${integer(found)}`;
    case 'stray':
      return `rows in MySQL of a version that does not stand: ${integer(found)}`;
    case 'dataset_gone':
      return `rows of ${printable(of)}, a dataset that this code does not have: ${integer(found)}`;
    case 'table':
    case 'counts':
      return `${printable(of)}: ${integer(found)}; it ought to be ${integer(expected)}`;
  }
}

function recordNames(records: readonly number[], all: number): string {
  const more = all > records.length ? ` and ${integer(all - records.length)} more` : '';
  return `${all === 1 ? 'record' : 'records'} ${records.join(', ')}${more}`;
}

function orphanLine({ outputs }: Target, { place, file }: Orphan): string {
  return `s3://${outputs.buckets[place]}/${printable(file)}: no version that stands has such a file`;
}
