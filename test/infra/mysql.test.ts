import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findings } from '../../infra/compliance/check.ts';
import { checks } from '../../infra/compliance/checks.ts';
import { waitsFor } from '../../infra/compliance/resource.ts';
import { readConfiguration } from '../../infra/configuration/configuration.ts';
import {
  connectionBudget,
  connectionsPerEnvironment,
  instanceClasses,
  maximumConnections,
  usefulConcurrency,
} from '../../infra/configuration/instance-classes.ts';
import { readTopology } from '../../local-aws/program/topology.ts';
import { everything, program } from './the-program.ts';

const read = (all: Readonly<Record<string, string>>) =>
  readConfiguration(all, { project: 'sluice', stack: 'prod' });
const ofNetworkOrDatabase = /^aws:(ec2|vpc|rds)\//;

describe('a stack without MySQL', () => {
  test('has no network, no database, and no function with their variables', () => {
    expect(program.resources.filter(({ type }) => ofNetworkOrDatabase.test(type))).toEqual([]);
    for (const { environment, inNetwork } of readTopology(program).functions) {
      expect(inNetwork).toBe(false);
      expect(Object.keys(environment).filter((name) => name.startsWith('MYSQL'))).toEqual([]);
    }
    expect(program.outputs).not.toHaveProperty('mysql');
  });
});

describe('a stack with MySQL', () => {
  const { functions, roles } = readTopology(everything);
  const one = (name: string) => {
    const found = functions.find((each) => each.name === name);
    if (found === undefined) throw new Error(`There is no function ${name}.`);
    return found;
  };
  const statementsOf = (roleArn: string) =>
    roles
      .filter(({ arn }) => arn === roleArn)
      .flatMap(({ policies }) => policies.flatMap(({ document }) => JSON.parse(document).Statement));

  test('places only loading and the migration in the network', () => {
    expect(functions.filter(({ inNetwork }) => inNetwork).map(({ name }) => name)).toEqual([
      'sluice-dev-loading-local',
      'sluice-dev-mysql-migration-local',
    ]);
  });

  test('lets only loading connect, as its own user and through the proxy', () => {
    const loading = one('sluice-dev-loading-local');
    expect(loading.environment).toMatchObject({
      MYSQL_HOST: expect.stringMatching(/proxy/),
      MYSQL_PORT: '3306',
      MYSQL_USER: 'sluice_loading',
      MYSQL_DATABASE: 'sluice',
    });
    const connects = roles.flatMap(({ arn }) =>
      statementsOf(arn)
        .filter(({ Action }) => [Action].flat().includes('rds-db:connect'))
        .map(({ Resource }) => [arn.split('/').at(-1), Resource]),
    );
    expect(connects.sort()).toEqual([
      [
        'sluice-dev-loading-local',
        expect.stringMatching(/^arn:aws:rds-db:us-east-1:\d{12}:dbuser:prx-\w+\/sluice_loading$/),
      ],
      [
        'sluice-dev-mysql-database-proxy-local',
        expect.stringMatching(/^arn:aws:rds-db:us-east-1:\d{12}:dbuser:db-\w+\/sluice_loading$/),
      ],
    ]);
  });

  test('lets only the migration read the administrator’s secret', () => {
    const readers = functions.filter(({ roleArn }) =>
      statementsOf(roleArn).some(({ Action }) => [Action].flat().includes('secretsmanager:GetSecretValue')),
    );
    expect(readers.map(({ name }) => name)).toEqual(['sluice-dev-mysql-migration-local']);
    expect(readers[0]?.environment['MYSQL_SECRET_ARN']).toMatch(/^arn:aws:secretsmanager:/);
  });

  test('denies the functions’ code the network calls that Lambda makes with their role', () => {
    const denied = statementsOf(one('sluice-dev-loading-local').roleArn).find(
      ({ Effect }) => Effect === 'Deny',
    );
    expect(denied).toMatchObject({
      Action: expect.arrayContaining(['ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface']),
      Condition: {
        ArnLike: { 'lambda:SourceFunctionArn': 'arn:*:lambda:*:*:function:sluice-dev-loading-*' },
      },
    });
  });

  test('allows connections only from functions to the database, from loading to S3 and from the migration to secrets', () => {
    const named = new Map(
      everything.resources
        .filter(({ type }) => type === 'aws:ec2/securityGroup:SecurityGroup')
        .map(({ name, outputs }) => [outputs['id'], name.split('-').at(-1)]),
    );
    const rules = everything.resources.filter(({ type }) => type.startsWith('aws:vpc/securityGroup'));
    const ways = rules.map(({ type, inputs }) => {
      const [own, other] = [inputs['securityGroupId'], inputs['referencedSecurityGroupId']].map((id) =>
        named.get(id),
      );
      const [from, to] = type.includes('Ingress') ? [other, own] : [own, other ?? 's3'];
      return `${from} to ${to} on ${inputs['toPort']}`;
    });
    const both = [
      'loading to proxy on 3306',
      'migration to database on 3306',
      'migration to secrets on 443',
      'proxy to database on 3306',
    ];
    expect(ways.sort()).toEqual([...both, ...both, 'loading to s3 on 443'].sort());
  });
});

describe('a larger class', () => {
  test('is there before the calls that it is for', () => {
    const ofType = (type: string) => everything.resources.filter((each) => each.type === type);
    const [instance] = ofType('aws:rds/instance:Instance');
    const loading = ofType('aws:lambda/eventSourceMapping:EventSourceMapping').find(({ name }) =>
      name.endsWith('-loading'),
    );
    if (instance === undefined || loading === undefined) throw new Error('There is no database.');
    expect(instance.inputs['applyImmediately']).toBe(true);
    expect(waitsFor(loading, instance, everything.resources)).toBe(true);
  });
});

describe('loading', () => {
  test('runs only once each rule of its connections is there, and the proxy knows the database', () => {
    const alias = everything.resources.find(
      ({ type, name }) => type === 'aws:lambda/alias:Alias' && name.endsWith('-loading'),
    );
    if (alias === undefined) throw new Error('There is no alias of loading.');
    const needed = everything.resources.filter(
      ({ type, name }) =>
        /^aws:(vpc\/securityGroup|rds\/proxyTarget:)/.test(type) && !name.endsWith('-to-secrets'),
    );
    expect(needed).toHaveLength(8);
    expect(needed.filter((each) => !waitsFor(alias, each, everything.resources))).toEqual([]);
  });
});

describe('the connection budget', () => {
  const classes = fc.constantFrom(...Object.entries(instanceClasses));

  test('leaves connections for people in every class, and allows at least Lambda’s minimum concurrency', () => {
    fc.assert(
      fc.property(classes, ([, instance]) => {
        const taken = connectionBudget(instance) * connectionsPerEnvironment;
        expect(taken).toBeLessThanOrEqual(maximumConnections(instance) - 20);
        expect(usefulConcurrency(instance)).toBeGreaterThanOrEqual(2);
        expect(usefulConcurrency(instance)).toBeLessThanOrEqual(connectionBudget(instance));
      }),
    );
  });

  test('sets the default concurrency of loading, and a higher value is refused', () => {
    fc.assert(
      fc.property(classes, fc.integer({ min: 2, max: 1_000 }), ([instanceClass, instance], asked) => {
        const concurrencyOf = (loading: object) =>
          read({
            'aws:region': 'eu-central-1',
            'sluice:mysql': 'true',
            'sluice:database': JSON.stringify({ instanceClass }),
            'sluice:loading': JSON.stringify(loading),
          }).loading.maximumConcurrency;
        expect(concurrencyOf({})).toBe(usefulConcurrency(instance));
        if (asked <= connectionBudget(instance))
          expect(concurrencyOf({ maximumConcurrency: asked })).toBe(asked);
        else
          expect(() => concurrencyOf({ maximumConcurrency: asked })).toThrow(
            `sluice:loading.maximumConcurrency: must be at most ${connectionBudget(instance)}, the concurrent calls that a ${instanceClass}`,
          );
      }),
    );
  });

  test('does not apply without MySQL', () => {
    const { loading } = read({
      'aws:region': 'eu-central-1',
      'sluice:loading': '{"maximumConcurrency":900}',
    });
    expect(loading.maximumConcurrency).toBe(900);
  });
});

describe('the database', () => {
  const database = (settings: Record<string, string>) =>
    read({ 'aws:region': 'eu-central-1', ...settings }).database;

  test('has a standby, deletion protection and a final snapshot, unless the stack may be destroyed', () => {
    expect(database({})).toMatchObject({ multiAz: true, deletionProtection: true, finalSnapshot: true });
    const cheap = { multiAz: false, deletionProtection: false, finalSnapshot: false };
    expect(database({ 'sluice:forceDestroy': 'true' })).toMatchObject(cheap);
    expect(database({ 'sluice:database': JSON.stringify(cheap) })).toMatchObject(cheap);
  });

  test.each([
    '8.8.8.0/24',
    '172.200.1.0/24',
    '192.0.2.0/24',
    '10.300.0.0/24',
    '10.24.0.0/16',
    '10.24.0.1/24',
  ])('refuses %s, which is no private network', (network) => {
    expect(() => database({ 'sluice:database': JSON.stringify({ network }) })).toThrow(
      /database\.network: must be a \/24 in 10/,
    );
  });

  test.each(['10.0.0.0/24', '172.16.0.0/24', '172.31.255.0/24', '192.168.1.0/24'])(
    'takes the private network %s',
    (network) => {
      expect(database({ 'sluice:database': JSON.stringify({ network }) })).toMatchObject({ network });
    },
  );

  test.each([
    [
      'a class that has no MySQL 8.4',
      { instanceClass: 'db.t2.micro' },
      /instanceClass: must be one of db\.t4g\.micro/,
    ],
    ['too little storage', { storage: 19 }, /database\.storage: .*20/],
    [
      'storage that can’t grow',
      { storage: 100, maximumStorage: 105 },
      /maximumStorage: must be at least 10 % above storage/,
    ],
    ['no backups', { backupRetention: 0 }, /database\.backupRetention: .*1/],
    ['an unknown key', { multiAZ: true }, /pulumi config rm --path sluice:database\.multiAZ/],
  ])('%s is refused', (_what, wrong, message) => {
    expect(() => database({ 'sluice:database': JSON.stringify(wrong) })).toThrow(message);
  });
});

test('a stack whose loading does not wait for the migration breaks a rule', () => {
  const broken = structuredClone(everything.resources);
  for (const each of broken)
    if (each.type === 'aws:lambda/alias:Alias')
      each.dependencies = each.dependencies.filter(
        (urn) => !urn.includes('aws:lambda/invocation:Invocation::'),
      );
  expect(findings(checks, broken).map(({ check }) => check)).toEqual(['migrated-before-loaded']);
});
