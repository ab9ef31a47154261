import { PurgeQueueCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { datasets } from '../../datasets/index.ts';
import { archiveTableName } from '../../domain/dataset.ts';
import { unknownText } from '../../domain/records/contracts/unknown-tally.ts';
import { archiveGlueTable, glueTable, icebergColumns } from '../../domain/tables/glue.ts';
import { ledgerTables } from '../../domain/tables/ledger-tables.ts';
import {
  type CatalogTable,
  type Crawl,
  crawlerState,
  ICEBERG,
  lastCrawls,
  readCatalog,
} from '../lake/catalog.ts';
import { publish, publishedAt } from '../lake/publish.ts';
import { compareFiles } from '../lake/tables/lake-drift.ts';
import { registerMissing } from '../lake/tables/register.ts';
import { summaryOf, type TableSummary } from '../lake/tables/snapshots.ts';
import { unknownDrift } from '../lake/tables/unknown-drift.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { queueAttributes } from '../target/queue-state.ts';
import type { Target } from '../target/target.ts';
import {
  count,
  duration,
  integer,
  numberColumn,
  Progress,
  printable,
  printableJson,
  printableLines,
  styled,
  table,
} from '../terminal/terminal.ts';

const CRAWLS = 5;

interface Options {
  readonly json?: true;
  readonly register?: true;
  readonly clear?: true;
  readonly check?: true;
  readonly publish?: true;
}

export function catalog(program: Command): void {
  program
    .command('catalog')
    .description(
      'show the tables of the lake with their snapshots or partitions, the last crawls and their findings',
    )
    .option('--json', 'as JSON, with every partition')
    .option(
      '--register',
      'first add the partitions of the archive and of CSV tables that are missing in the catalog, without a crawl, and delete dead-lettered changes',
    )
    .option('--clear', 'delete the findings, which ends their alarm')
    .option(
      '--check',
      'instead: compare every file that the tables show with its table; exit 1 if any file differs',
    )
    .option(
      '--publish',
      'instead: copy rejects and objects into files of their tables, for Athena and Redshift; exit 1 if a document can’t be read',
    )
    .action(async (options: Options) => {
      const target = await chosenTarget(program);
      if (options.check) return checkLake(target, options.json ?? false);
      if (options.publish) return publishTables(target, options.json ?? false);
      if (options.register) {
        const added = await registerMissing(target);
        // Each of these changes has waited for hours, so the listing has seen its file.
        if ((await messagesIn(target, [deadChanges(target)])) > 0)
          await target.sqs.send(new PurgeQueueCommand({ QueueUrl: deadChanges(target) }));
        if (!options.json) console.log(`Added ${count(added, 'partition')}.\n`);
      }
      if (options.clear)
        for (const QueueUrl of findingsQueues(target))
          await target.sqs.send(new PurgeQueueCommand({ QueueUrl }));
      const [copies, tables, crawler, crawls, waiting, dead, findings] = await Promise.all([
        publishedCopies(target),
        summarized(target),
        crawlerState(target),
        lastCrawls(target, CRAWLS),
        messagesIn(target, [target.outputs.catalog.crawlQueue]),
        messagesIn(target, [deadChanges(target)]),
        messagesIn(target, findingsQueues(target)),
      ]);
      const drift = tables.flatMap(driftFromDataset);
      if (options.json) {
        console.log(printableJson({ tables, crawler, crawls, waiting, dead, findings, drift, copies }, 2));
        return;
      }
      console.log(tableOfTables(tables));
      console.log();
      for (const { table: name, copiedAt } of copies)
        console.log(
          `${name}: ${copiedAt === undefined ? 'not copied yet' : `copied at ${new Date(copiedAt).toISOString()}`}. To copy it for Athena and Redshift: npx sluice catalog --publish`,
        );
      console.log();
      console.log(
        crawls.length === 0
          ? 'There has been no crawl yet. To start one: npx sluice crawl --wait'
          : tableOfCrawls(crawls),
      );
      console.log(
        `\n${integer(waiting)} ${waiting === 1 ? 'change waits' : 'changes wait'} for the next crawl.${crawler.running ? ' A crawl is running.' : ''}`,
      );
      const complaints = [
        ...drift,
        ...(crawler.lastMessage === undefined ? [] : [`The last crawl reported: ${crawler.lastMessage}`]),
        ...(dead === 0
          ? []
          : [
              `${count(dead, 'change')} of the archive ${dead === 1 ? 'was' : 'were'} dead-lettered, so partitions may be missing. To add them: npx sluice catalog --register`,
            ]),
        ...(findings === 0
          ? []
          : [
              `${count(findings, 'crawl')} failed or found drift. To see the differences: npx sluice catalog --check. To delete the findings: npx sluice catalog --clear`,
            ]),
      ];
      for (const complaint of complaints) console.log(styled('yellow', printableLines(complaint)));
    });
}

/** When each table about the pipeline's own work was copied. */
function publishedCopies(target: Target) {
  return Promise.all(
    Object.values(ledgerTables).map(async (each) => ({
      table: each.name,
      copiedAt: await publishedAt(target, each),
    })),
  );
}

interface ShownTable extends CatalogTable {
  readonly summary?: TableSummary;
}

async function summarized(target: Target): Promise<ShownTable[]> {
  const tables = await readCatalog(target);
  return Promise.all(
    tables.map(async (each) =>
      each.format === ICEBERG ? { ...each, summary: await summaryOf(target, each) } : each,
    ),
  );
}

async function publishTables(target: Target, json: boolean): Promise<void> {
  const progress = new Progress();
  for (const each of Object.values(ledgerTables)) {
    const done = await publish(target, each, (text) => progress.show(text)).finally(() => progress.end());
    if (json) console.log(printableJson(done));
    else {
      console.log(`${done.table}: copied ${count(done.rows, 'row')}.`);
      for (const problem of done.problems) console.error(printable(problem));
    }
    if (done.problems.length > 0) process.exitCode = 1;
  }
}

/** How many files with the same difference are named. */
const NAMED = 3;

async function checkLake(target: Target, json: boolean): Promise<void> {
  const progress = new Progress();
  const found = new Map<string, string[]>();
  let compared = 0;
  let unread = 0;
  try {
    for await (const each of compareFiles(target)) {
      const { table: name = 'no table', bucket, file, differences } = each;
      if (differences === 'unread') {
        unread += 1;
        continue;
      }
      compared += 1;
      if (differences.length > 0) {
        if (json) console.log(printableJson({ table: name, bucket, file, differences }));
        const what = `${name}: ${differences.join('; ')}`;
        const uri = `s3://${bucket}/${file}`;
        const alike = found.get(what);
        if (alike === undefined) found.set(what, [uri]);
        else alike.push(uri);
      }
      if (compared % 100 === 0) progress.show(`Compared ${count(compared, 'file')}`);
    }
  } finally {
    progress.end();
  }
  const unknown = await unknownDrift(target);
  const differ = [...found.values()].reduce((sum, files) => sum + files.length, 0);
  if (differ > 0) process.exitCode = 1;
  if (json) return console.log(printableJson({ compared, differ, unread, unknown }));
  for (const each of unknown)
    console.log(
      `${printable(each.dataset)}: ${count(each.objects, 'object')} ${each.objects === 1 ? 'has' : 'have'} fields that the dataset does not name, each in so many records: ${printable(unknownText(each.unknown))}`,
    );
  for (const [what, files] of found) {
    console.log(printable(what));
    for (const file of files.slice(0, NAMED)) console.log(`  ${printable(file)}`);
    if (files.length > NAMED) console.log(`  and ${integer(files.length - NAMED)} more (--json lists all)`);
  }
  console.log(
    differ === 0
      ? `${count(compared, 'file')}: all match the catalog.`
      : `${integer(differ)} of ${count(compared, 'file')} differ. Rewrite the pipeline's files with npx sluice replay KEY --force. Delete foreign files yourself; npx sluice reconcile lists them.`,
  );
  if (unread > 0)
    console.log(
      `${count(unread, 'file')} of the archive ${unread === 1 ? 'is' : 'are'} in a class of S3 that must be restored before it can be read, so ${unread === 1 ? 'it was' : 'they were'} not compared.`,
    );
}

function tableOfTables(tables: readonly ShownTable[]): string {
  const number = (title: string, value: (each: ShownTable) => number | undefined) =>
    numberColumn<ShownTable>(title, (each) => {
      const found = value(each);
      return found === undefined ? '–' : integer(found);
    });
  const partitionedBy = ({ partitionKeys, summary }: ShownTable) =>
    summary?.partitionedBy ?? partitionKeys.map(({ name }) => name);
  return table(tables, [
    { title: 'TABLE', value: ({ name }) => printable(name) },
    { title: 'FORMAT', value: ({ format }) => printable(format) },
    number('COLUMNS', ({ columns }) => columns.length),
    { title: 'PARTITIONED BY', value: (each) => partitionedBy(each).map(printable).join(', ') || '–' },
    number('PARTITIONS', ({ partitions, partitionKeys }) =>
      partitionKeys.length === 0 ? undefined : partitions.length,
    ),
    number('SNAPSHOTS', ({ summary }) => summary?.snapshots),
    number('FILES', ({ summary }) => summary?.files),
    number('< 32 MiB', ({ summary }) => summary?.smallFiles),
    number('ROWS', ({ summary }) => summary?.rows),
    { title: 'LAST COMMIT', value: ({ summary }) => summary?.committedAt ?? '–' },
  ]);
}

function tableOfCrawls(crawls: readonly Crawl[]): string {
  return table(crawls, [
    { title: 'CRAWL', value: ({ startedAt }) => new Date(startedAt).toISOString() },
    {
      title: 'STATE',
      value: ({ state }) => state.toLowerCase(),
      style: ({ state }) => (state === 'FAILED' ? 'red' : undefined),
    },
    {
      title: 'TOOK',
      value: ({ startedAt, endedAt }) => (endedAt === undefined ? '–' : duration(endedAt - startedAt)),
      align: 'right',
    },
    { title: 'RESULT', value: ({ result }) => printable(result) },
  ]);
}

const deadChanges = ({ outputs: { catalog: of } }: Target) => of.crawlDeadLetterQueue;

const findingsQueues = ({ outputs: { catalog: of } }: Target) => [
  of.findingsQueue,
  of.findingsUndeliveredQueue,
];

async function messagesIn(target: Target, urls: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    urls.map(async (url) => {
      const attributes = await queueAttributes(target, url, ['ApproximateNumberOfMessages']);
      return Number(attributes.ApproximateNumberOfMessages ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The table as this checkout declares it. */
function declaredTable(
  table: string,
  isIceberg: boolean,
): Pick<CatalogTable, 'columns' | 'partitionKeys'> | undefined {
  for (const dataset of datasets) {
    if (table === archiveTableName(dataset.name)) return archiveGlueTable(dataset);
    if (table === dataset.name)
      return isIceberg ? { columns: icebergColumns(dataset), partitionKeys: [] } : glueTable(dataset);
  }
  return undefined;
}

/**
 * How the catalog's table differs from the dataset in this checkout: the dataset was changed and not
 * deployed, or the table was changed by hand.
 */
function driftFromDataset(inCatalog: CatalogTable): string[] {
  const isIceberg = inCatalog.format === ICEBERG;
  const wanted = declaredTable(inCatalog.name, isIceberg);
  if (wanted === undefined) return [`${inCatalog.name}: this program has no such dataset.`];
  const cure = `To deploy the program: pulumi up${isIceberg ? '; then the next commit changes the table' : ''}`;
  const differences = (what: string, actual: CatalogTable['columns'], declared: CatalogTable['columns']) => {
    const listed = (columns: CatalogTable['columns']) =>
      columns.map(({ name, type }) => `${name} ${type}`).join(', ');
    return listed(actual) === listed(declared)
      ? []
      : [
          `${inCatalog.name}: its ${what} are ${listed(actual)} in the catalog, but ${listed(declared)} in the program. ${cure}`,
        ];
  };
  return [
    ...differences('columns', inCatalog.columns, wanted.columns),
    ...differences('partition keys', inCatalog.partitionKeys, wanted.partitionKeys),
  ];
}
