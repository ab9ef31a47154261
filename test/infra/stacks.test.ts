import { describe, expect, test } from 'vitest';
import { deployedDatasets } from '../../datasets/index.ts';
import { isLedgerTable, ledgerTables } from '../../domain/tables/ledger-tables.ts';
import { findings } from '../../infra/compliance/check.ts';
import { checks } from '../../infra/compliance/checks.ts';
import { parseStatements } from '../../infra/iam/documents.ts';
import { stackOutputs } from '../../infra/outputs.ts';
import { readTopology } from '../../local-aws/program/topology.ts';
import { validate } from '../../local-aws/program/validation/validation.ts';
import { bare, forProduction, read } from './stacks.ts';
import { everything, program } from './the-program.ts';

const production = await read(forProduction);
const nothing = await read(bare);

describe.each([
  ['for development', program],
  ['for production, as the example has it', production],
  ['with everything', everything],
  ['with nothing that can be left out', nothing],
])('a stack %s', (_which, { resources, outputs }) => {
  const types = new Set(resources.map(({ type }) => type));

  test('passes every check, and is valid on AWS', () => {
    expect(findings(checks, resources)).toEqual([]);
    expect(validate(resources)).toEqual([]);
    expect(() => readTopology({ resources })).not.toThrow();
  });

  test('has outputs of the declared types', () => {
    expect(stackOutputs.parse(outputs).catalog.crawler).toMatch(/-catalog-/);
  });

  test('has a catalog, and a warehouse only if it is enabled', () => {
    expect(types).toContain('aws:glue/crawler:Crawler');
    expect(types.has('aws:redshiftserverless/workgroup:Workgroup')).toBe(
      [production.resources, everything.resources].includes(resources),
    );
  });
});

test('the crawler’s schedule is configured per stack, and can be disabled', () => {
  const schedule = ({ resources }: typeof program) =>
    resources.find(({ type }) => type === 'aws:scheduler/schedule:Schedule')?.inputs;
  expect(schedule(production)).toMatchObject({
    scheduleExpression: 'cron(0/15 * * * ? *)',
    state: 'ENABLED',
  });
  expect(schedule(nothing)).toMatchObject({ scheduleExpression: 'cron(0 * * * ? *)', state: 'DISABLED' });
});

test('a warehouse gets the catalog’s schema before its views, and everybody may read each view', () => {
  const statements = everything.resources.filter(
    ({ type }) => type === 'aws:redshiftdata/statement:Statement',
  );
  const sql = statements.map(({ inputs }) => String(inputs['sql']));
  expect(sql).toContainEqual(
    expect.stringMatching(/^CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG DATABASE '/),
  );
  expect(sql).toContain('GRANT USAGE ON SCHEMA lake TO PUBLIC');
  for (const { name } of readTopology(everything).catalog.tables) {
    const ofView = statements.filter(({ inputs }) => String(inputs['sql']).includes(`public."${name}"`));
    // Behind the comment that makes them run again together.
    expect(ofView.map(({ inputs }) => String(inputs['sql']).slice(19)).sort()).toEqual([
      expect.stringMatching(`^CREATE VIEW public."${name}" AS SELECT `),
      `DROP VIEW IF EXISTS public."${name}"`,
      `GRANT SELECT ON public."${name}" TO PUBLIC`,
    ]);
  }
  expect(statements.every(({ inputs }) => String(inputs['secretArn']).includes(':secretsmanager:'))).toBe(
    true,
  );
});

test('a warehouse’s views do not wait for one another', () => {
  const waits = (name: string) =>
    everything.resources
      .find((each) => each.type === 'aws:redshiftdata/statement:Statement' && each.name.endsWith(name))
      ?.dependencies.flatMap((urn) => /:Statement::sluice-dev-warehouse-(.+)$/.exec(urn)?.[1] ?? []);
  for (const name of [...deployedDatasets.map((each) => each.name), ...Object.keys(ledgerTables)]) {
    expect(waits(`-${name}-drop`)).toEqual(['schema-grant']);
    expect(waits(`-${name}-view`)).toEqual([`${name}-drop`]);
    expect(waits(`-${name}-grant`)).toEqual([`${name}-view`]);
  }
});

test('a start of the crawler is tried for as long as a crawl may take without an alarm', () => {
  const retries = ({ resources }: typeof program) =>
    resources.find(({ type }) => type === 'aws:scheduler/schedule:Schedule')?.inputs['target'];
  const of = (maximumEventAgeInSeconds: number) => ({
    retryPolicy: { maximumEventAgeInSeconds, maximumRetryAttempts: 185 },
  });
  expect(retries(production)).toMatchObject(of(7_200));
  expect(retries(program)).toMatchObject(of(14_400));
});

test('the tables about the pipeline’s own work are in the catalog, and no crawler knows them', () => {
  const { tables, crawlers } = readTopology(program).catalog;
  const own = tables.filter(({ name }) => isLedgerTable(name));
  expect(own.map(({ name, location }) => [name, location])).toEqual([
    ['objects', 's3://sluice-dev-ledger-local/tables/objects/'],
    ['rejects', 's3://sluice-dev-failed-local/tables/rejects/'],
  ]);
  for (const { partitionKeys, serde, columns } of own) {
    expect(partitionKeys).toEqual([{ name: 'dataset', type: 'string' }]);
    expect(serde.serializationLibrary).toBe('org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe');
    expect(columns).toContainEqual({ name: 'as_of', type: 'timestamp' });
  }
  const crawled = deployedDatasets.map(({ name }) => `${name}_archive`);
  expect(crawlers.flatMap((crawler) => crawler.tables)).toEqual(crawled);
});

test('each dataset’s archive has a table of Parquet with the types of its rows, in the folder of the archive bucket', () => {
  const { tables } = readTopology(program).catalog;
  const found = (name: string) => tables.find((table) => table.name === name);
  expect(found('recipes_archive')).toMatchObject({
    location: 's3://sluice-dev-archive-local/recipes/',
    partitionKeys: [{ name: 'difficulty', type: 'string' }],
    parameters: { classification: 'parquet' },
  });
  expect(found('recipes_archive')?.columns).toContainEqual({ name: 'ingredients', type: 'array<string>' });
  // Its files in the lake are text; those in the archive have types.
  expect(found('passengers_archive')?.columns).toContainEqual({ name: 'passenger_id', type: 'int' });
  expect(found('passengers')?.columns).toContainEqual({ name: 'passenger_id', type: 'string' });
});

test('the crawler may read the archive alone', () => {
  const { crawlers } = readTopology(program).catalog;
  const { roles } = readTopology(program);
  const [crawler] = crawlers;
  const statements = roles
    .find(({ arn }) => arn === crawler?.roleArn)
    ?.policies.flatMap(({ document }) => parseStatements(JSON.parse(document)) ?? []);
  const buckets = statements?.flatMap(({ Action, Resource }) =>
    Action.some((action) => action.startsWith('s3:')) ? Resource.map((arn) => arn.replace(/\/\*$/, '')) : [],
  );
  expect([...new Set(buckets)]).toEqual(['arn:aws:s3:::sluice-dev-archive-local']);
});

test('commits may register partitions only of CSV tables that have some', () => {
  const { roles } = readTopology(program);
  const may = roles.filter(({ policies }) =>
    policies.some(({ document }) => document.includes('glue:BatchCreatePartition')),
  );
  expect(may.map(({ name }) => name)).toEqual(['sluice-dev-catalog-local']);
});

test('the warehouse reads the lake and the archive, and of the failed bucket and the ledger the files of its tables alone', () => {
  const role = everything.resources.find(({ type }) => type === 'aws:redshiftserverless/namespace:Namespace')
    ?.inputs['iamRoles'] as string[];
  const { roles } = readTopology(everything);
  const allowed = roles
    .find(({ arn }) => role.includes(arn))
    ?.policies.flatMap(({ document }) => parseStatements(JSON.parse(String(document))) ?? []);
  const about = (bucket: string) =>
    allowed
      ?.filter(({ Resource }) => Resource.some((arn) => arn.startsWith(`arn:aws:s3:::sluice-dev-${bucket}-`)))
      .map(({ Action, Resource, Condition }) => [Action.join(), Resource.join(), Condition]);
  for (const bucket of ['processed', 'archive']) {
    const arn = `arn:aws:s3:::sluice-dev-${bucket}-local`;
    expect(about(bucket)).toEqual([
      ['s3:GetObject', `${arn}/*`, {}],
      ['s3:ListBucket', arn, {}],
    ]);
  }
  for (const { name, bucket } of Object.values(ledgerTables)) {
    const arn = `arn:aws:s3:::sluice-dev-${bucket}-local`;
    expect(about(bucket)).toEqual([
      ['s3:GetObject', `${arn}/tables/${name}/*`, {}],
      ['s3:ListBucket', arn, { StringLike: { 's3:prefix': `tables/${name}/*` } }],
    ]);
  }
});
