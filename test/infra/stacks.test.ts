import { describe, expect, test } from 'vitest';
import { findings } from '../../infra/compliance/check.ts';
import { checks } from '../../infra/compliance/checks.ts';
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
