import { describe, expect, it } from 'vitest';
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

  it('passes every check, and AWS would take it', () => {
    expect(findings(checks, resources)).toEqual([]);
    expect(validate(resources)).toEqual([]);
    expect(() => readTopology({ resources })).not.toThrow();
  });

  it('tells its users what its outputs are typed as', () => {
    expect(stackOutputs.parse(outputs).catalog.crawler).toMatch(/-catalog-/);
  });

  it('has a catalog, and a warehouse only where it is asked for', () => {
    expect(types).toContain('aws:glue/crawler:Crawler');
    expect(types.has('aws:redshiftserverless/workgroup:Workgroup')).toBe(
      [production.resources, everything.resources].includes(resources),
    );
  });
});

it('the schedule of the crawler is the stack’s, and can be switched off', () => {
  const schedule = ({ resources }: typeof program) =>
    resources.find(({ type }) => type === 'aws:scheduler/schedule:Schedule')?.inputs;
  expect(schedule(production)).toMatchObject({
    scheduleExpression: 'cron(0/15 * * * ? *)',
    state: 'ENABLED',
  });
  expect(schedule(nothing)).toMatchObject({ scheduleExpression: 'cron(0 * * * ? *)', state: 'DISABLED' });
});

it('a warehouse is shown the catalog before its views are made, each of which everybody may read', () => {
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
