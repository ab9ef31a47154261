import { archiveTableName, VERIFICATION } from '../../../domain/dataset.ts';
import { type CatalogTable, crawlAndWait, readCatalog } from '../../lake/catalog.ts';
import { queryLake } from '../../lake/lake.ts';
import type { QueryResult } from '../../lake/query-result.ts';
import { differenceText } from '../../ledger/reconcile/difference-text.ts';
import { reconcile } from '../../ledger/reconcile/reconcile.ts';
import type { LookInTables } from '../../ledger/reconcile/reconciled.ts';
import { withTables } from '../../mysql/look-in-tables.ts';
import { queryMysql } from '../../mysql/query-mysql.ts';
import type { Target } from '../../target/target.ts';
import { count } from '../../terminal/terminal.ts';
import type { ProbeObjects } from './objects.ts';
import { differs, type ProbeOptions, StepSkipped } from './step.ts';

/** Compares the receipts with the lake, the archive, the failed bucket and MySQL. */
export async function reconcileProbe(
  { keys, replacing }: ProbeObjects,
  { target, mysqlUrl }: ProbeOptions,
): Promise<string> {
  const problems: string[] = [];
  let found: { readonly lake: number; readonly archive: number; readonly tables?: number } | undefined;
  const compare = async (lookInTables: LookInTables | undefined) => {
    for await (const step of reconcile(target, keys, lookInTables)) {
      if ('orphan' in step)
        problems.push(`${step.orphan.file} in the ${step.orphan.place} bucket is orphaned`);
      if (!('version' in step)) continue;
      problems.push(...step.version.differences.map(differenceText));
      if (step.version.key === replacing.key) found = step.version.found;
    }
  };
  const url = mysqlUrl();
  await (url === undefined ? compare(undefined) : withTables(url, true, compare));
  const cure = `To compare again: npx sluice reconcile ${replacing.key}`;
  if (found === undefined) throw differs('sinks_differ', replacing.key, 'The ledger does not know it.', cure);
  for (const [sink, rows] of Object.entries(found))
    if (rows !== replacing.written)
      problems.push(
        `the ${sink === 'tables' ? 'MySQL table' : sink} has ${count(rows, 'row')}, and must have ${replacing.written}`,
      );
  if (problems.length > 0) throw differs('sinks_differ', replacing.key, `${problems.join('; ')}.`, cure);
  return `${count(replacing.written, 'row')} in the lake and the archive${found.tables === undefined ? '' : ' and MySQL'}, and nothing else`;
}

/** Crawls, after which the catalog must have the run's partition of the archive. */
export async function crawlForProbe(
  { run }: ProbeObjects,
  { target, timeoutMs, signal, progress }: ProbeOptions,
): Promise<string> {
  const { crawler } = target.outputs.catalog;
  const cure = 'To see the last crawls: npx sluice catalog. Their log is in the group /aws-glue/crawlers.';
  await crawlAndWait(target, timeoutMs / 1000, progress, signal).catch((error: Error) => {
    throw differs('crawl_failed', crawler, error.message, cure);
  });
  const { partitions = [] } = (await archiveTable(target)) ?? {};
  if (!partitions.some(({ values }) => values[0] === run))
    throw differs(
      'partition_missing',
      crawler,
      `The crawl ended, and did not register the archive's partition run=${run}: it was not told of the new files, or may not read them.`,
      cure,
    );
  return 'the crawl registered the new partition of the archive';
}

/** The table of the archive of the probe objects, with the partitions of runs that were not erased. */
export async function archiveTable(target: Target): Promise<CatalogTable | undefined> {
  const tables = await readCatalog(target, true);
  return tables.find(({ name }) => name === archiveTableName(VERIFICATION));
}

const sql = (run: string) => `select id, text from ${VERIFICATION} where run = '${run}' order by id`;

/** Queries the lake, by Redshift or DuckDB. */
export async function queryProbe(
  objects: ProbeObjects,
  { target, signal, progress }: ProbeOptions,
): Promise<string> {
  const statement = sql(objects.run);
  const result = await queryLake(target, statement, progress, { signal }).catch((error: Error) => {
    throw differs('query_failed', VERIFICATION, error.message, `To try it: npx sluice query "${statement}"`);
  });
  const by = target.control === undefined && target.outputs.warehouse !== undefined ? 'Redshift' : 'DuckDB';
  return compared(objects, result, by, `To try it: npx sluice query "${statement}"`);
}

export async function queryProbeInMysql(objects: ProbeObjects, { mysqlUrl }: ProbeOptions): Promise<string> {
  const url = mysqlUrl();
  if (url === undefined)
    throw new StepSkipped('this machine can’t reach MySQL: set MYSQL_URL, e.g. of a tunnel');
  const statement = sql(objects.run);
  const result = await queryMysql(url, statement);
  return compared(objects, result, 'MySQL', `To try it: npx sluice query --mysql "${statement}"`);
}

function compared({ rows }: ProbeObjects, result: QueryResult, by: string, cure: string): string {
  const found = JSON.stringify(result.rows.map(([id, text]) => ({ id, text })));
  if (found !== JSON.stringify(rows))
    throw differs(
      'rows_differ',
      VERIFICATION,
      `${by} answers ${found}, and must answer ${JSON.stringify(rows)}.`,
      cure,
    );
  return `${by} answers ${count(rows.length, 'row')}, each as it was sent`;
}
