import { describe, expect, test } from 'vitest';
import { findings } from '../../../infra/compliance/check.ts';
import { checks } from '../../../infra/compliance/checks.ts';
import type { Resource } from '../../../local-aws/program/program.ts';
import { everything, program } from '../the-program.ts';
import { aliasType, Deployment, invocationType, mappingType } from './functions.ts';

const mappingsOf = (resources: readonly Resource[]) => resources.filter(({ type }) => type === mappingType);
const isMigration = ({ type }: Resource) => type === invocationType;
const never = () => false;

describe.each([
  ['without MySQL', program],
  ['with everything', everything],
])('a deployment of new code to a stack %s', (_which, { resources }) => {
  test('never runs code under another code’s version', () => {
    const deployment = new Deployment(resources);
    const seen = new Set<string>();
    for (const _ of deployment.update(never, never))
      for (const mapping of mappingsOf(resources)) {
        const running = deployment.runsBy(mapping);
        expect(running?.variables).toBe(running?.code);
        seen.add(`${mapping.name} ${running?.code}`);
      }
    expect(seen.size).toBe(6);
  });
});

describe('a deployment of new code and a new migration', () => {
  const { resources } = everything;
  const loading = mappingsOf(resources).find(({ name }) => name.endsWith('-loading'));
  const others = mappingsOf(resources).filter((each) => each !== loading);
  if (loading === undefined) throw new Error('There is no mapping of loading.');

  test('lets loading run the new code only once the tables are migrated', () => {
    const deployment = new Deployment(resources);
    let migrated = false;
    for (const updated of deployment.update(isMigration, never)) {
      migrated ||= isMigration(updated);
      if (!migrated) expect(deployment.runsBy(loading)?.code).toBe('former');
    }
    expect(deployment.runsBy(loading)?.code).toBe('new');
  });

  test('leaves loading on the former code if the migration fails', () => {
    const deployment = new Deployment(resources);
    for (const _ of deployment.update(never, isMigration));
    expect(deployment.runsBy(loading)?.code).toBe('former');
    expect(others.map((each) => deployment.runsBy(each)?.code)).toEqual(['new', 'new']);
  });

  test('breaks a rule if loading does not wait for the migration', () => {
    const broken = structuredClone(resources);
    for (const each of broken) {
      if (each.type === aliasType)
        each.dependencies = each.dependencies.filter((urn) => !urn.includes(`${invocationType}::`));
    }
    expect(findings(checks, broken).map(({ check }) => check)).toEqual(['migrated-before-loaded']);
  });
});
