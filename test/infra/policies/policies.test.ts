import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deployPolicy } from '../../../infra/policies/deploy.ts';
import { type Policy, textOf } from '../../../infra/policies/document.ts';
import { needs } from '../../../infra/policies/needs.ts';
import { actionsOf, operatePolicy } from '../../../infra/policies/operate.ts';
import { uploadPolicy } from '../../../infra/policies/upload.ts';
import { parsePolicy } from '../../../local-aws/iam/policy.ts';
import type { Program } from '../../../local-aws/program/program.ts';
import { routes } from '../../../local-aws/s3/api/routes.ts';
import { read, root, withEverything } from '../stacks.ts';
import { everything } from '../the-program.ts';

const typesOf = ({ resources }: Program) =>
  new Set(resources.filter(({ component }) => !component).map(({ type }) => type));
const without = (key: string) => {
  const { [key]: _, ...configuration } = withEverything.configuration ?? {};
  return read({ stack: 'dev', configuration });
};
const all = typesOf(everything);
/** Those that only the part of a key needs. */
const only = async (key: string) => all.difference(typesOf(await without(key)));
const ofMysql = await only('sluice:mysql');
const ofWarehouse = await only('sluice:warehouse');
const ofEvery = all.difference(ofMysql).difference(ofWarehouse);
/** One managed policy is too small for all. */
const ofStorage = new Set([...ofEvery].filter((type) => /^aws:(s3|sqs|kms)\//.test(type)));

/** The calls of AWS that commands make: what they send, and what they ask for page by page. */
function calls(): readonly (readonly [client: string, call: string])[] {
  return globSync('{cli,lake,store}/**/*.ts', { cwd: root }).flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8');
    return [
      ...source.matchAll(/import (?:type )?\{([^}]*)\} from '@aws-sdk\/(?:client-)?([\w-]+)'/g),
    ].flatMap(([, names = '', client = '']) =>
      names
        .split(',')
        .map((name) => /^(?:paginate(\w+)|(\w+)Command|(Upload))$/.exec(name.trim())?.slice(1).find(Boolean))
        .filter((call) => call !== undefined)
        .map((call) => [client === 'lib-storage' ? 's3' : client, call] as const),
    );
  });
}

const policies: Readonly<Record<string, Policy>> = {
  deploy: deployPolicy(ofEvery.difference(ofStorage)),
  'deploy-storage': deployPolicy(ofStorage),
  'deploy-mysql': deployPolicy(ofMysql),
  'deploy-warehouse': deployPolicy(ofWarehouse),
  operate: operatePolicy(calls().flatMap(([client, call]) => actionsOf(client, call))),
  upload: uploadPolicy,
};

describe.each(Object.entries(policies))('the policy docs/policies/%s.json', (name, policy) => {
  test('is current (npx vitest run test/infra/policies -u writes it)', async () => {
    await expect(textOf(policy)).toMatchFileSnapshot(join(root, `docs/policies/${name}.json`));
  });

  test('is one that IAM accepts, and fits into a managed policy', () => {
    expect(() => parsePolicy(name, withoutConditions(policy), 'identity')).not.toThrow();
    // IAM guide, reference_iam-quotas: without white space.
    expect(JSON.stringify(policy).length).toBeLessThanOrEqual(6_144);
    const sids = policy.Statement.map(({ Sid }) => Sid);
    expect(new Set(sids).size).toBe(sids.length);
    for (const sid of sids) expect(sid).toMatch(/^[A-Za-z0-9]+$/);
  });

  test('names actions without wildcards, and a stack, tag or region wherever AWS lets it', () => {
    for (const { Action, Resource, Condition } of policy.Statement) {
      expect(Action.filter((action) => !/^[a-z0-9-]+:[A-Za-z0-9]+$/.test(action))).toEqual([]);
      if (Resource === '*' && Condition === undefined)
        expect(Action.filter((action) => !withoutResource.test(action))).toEqual([]);
    }
  });
});

/** Reading, and what "Service authorization reference" lists without a resource or a tag. */
const withoutResource =
  /:(Describe|Get|List|Test|Validate)\w+$|^(redshift-(serverless:\w+UsageLimit|data:CancelStatement)|glue:CreateCrawler|rds:CreateDBProxy)$/;

/** The conditions name keys that no resource of the local cloud has. */
const withoutConditions = ({ Statement, ...policy }: Policy) =>
  JSON.stringify({ ...policy, Statement: Statement.map(({ Condition: _, ...each }) => each) });

describe('who deploys', () => {
  test('has permissions for every type of every stack, and for no other', () => {
    expect(Object.keys(needs).filter((type) => !all.has(type))).toEqual([]);
    expect([...all].filter((type) => !(type in needs))).toEqual([]);
  });

  test('is told of a type that the table lacks', () => {
    expect(() => deployPolicy(['aws:sns/topic:Topic'])).toThrow('aws:sns/topic:Topic');
  });

  test('hands a role only to the services that the stack’s roles trust', () => {
    const trusted = everything.resources
      .filter(({ type }) => type === 'aws:iam/role:Role')
      .flatMap(({ inputs }) =>
        JSON.parse(String(inputs['assumeRolePolicy'])).Statement.flatMap(
          ({ Principal }: { Principal: { Service: string | string[] } }) => Principal.Service,
        ),
      );
    const passed = Object.values(policies)
      .flatMap(({ Statement }) => Statement)
      .flatMap(({ Condition }) => Condition?.['StringEquals']?.['iam:PassedToService'] ?? []);
    expect(new Set(passed)).toEqual(new Set(trusted));
  });
});

describe('who operates', () => {
  test('has the permission that S3 asks for each call', () => {
    const lacking = calls()
      .filter(([client, call]) => client === 's3' && call !== 'Upload')
      .flatMap(([client, call]) => {
        const route = routes.find(({ operation }) => operation === call);
        const wanted = [route?.action, route?.versionAction].filter((each) => typeof each === 'string');
        return wanted.filter((action) => !actionsOf(client, call).includes(action));
      });
    expect(lacking).toEqual([]);
    expect(calls().filter(([client]) => client === 's3').length).toBeGreaterThan(20);
  });

  test('has resources for every service', () => {
    expect(policies['operate']?.Statement.filter(({ Resource }) => Resource.length === 0)).toEqual([]);
  });

  test('is told of a client that the table lacks', () => {
    expect(() => actionsOf('sns', 'Publish')).toThrow('sns');
  });
});
