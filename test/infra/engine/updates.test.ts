import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { stages } from '../../../domain/stage.ts';
import schema from '../../../infra/configuration/stack.schema.json' with { type: 'json' };
import { copyOfCheckout } from '../../cli/checkout.ts';
import { edited } from '../../edit.ts';
import { withEverything } from '../stacks.ts';
import { Account } from './account.ts';
import { Stack, type Step } from './stack.ts';

const directory = copyOfCheckout();
const account = new Account();
const stack = new Stack(account);
const options = { stack: 'dev', directory, configuration: withEverything.configuration ?? {} };
const up = (configuration: Record<string, string> = {}, fails?: Parameters<Stack['up']>[1]) =>
  stack.up({ ...options, configuration: { ...options.configuration, ...configuration } }, fails);

const typeOf = ({ urn }: { readonly urn: string }) => urn.split('::')[2]?.split(':').at(-1) ?? '';
const typesOf = (steps: readonly Step[], ...does: readonly Step['does'][]) =>
  [...new Set(steps.filter((each) => does.includes(each.does)).map(typeOf))].sort();
const layouts = 'mysql/migrations/lake.json';
const write = (file: string, content: string) => writeFileSync(join(directory, file), content);
const changeCode = () => {
  for (const each of ['loading', 'migration'])
    appendFileSync(join(directory, `handlers/${each}.ts`), `\nexport const changed = ${Date.now()};\n`);
};
/** What the calls of each function run, by the end of its name without the suffix. */
const running = () =>
  Object.fromEntries(
    [...account.running()].map(([name, run]) => [name.replace(/^sluice-dev-|-[^-]+$/g, ''), run]),
  );

/** Another value for every key that an existing stack may change. */
const everyKey = {
  'sluice:retain': 'true',
  'sluice:owner': 'another',
  'sluice:logLevel': 'DEBUG',
  'sluice:logRetention': '60',
  'sluice:tempExpiry': '30',
  'sluice:oldVersionExpiry': '60',
  'sluice:glacierAfter': '120',
  'sluice:alarmTopicArn': 'arn:aws:sns:eu-central-1:000000000000:others',
  'sluice:runbooks': 'https://example.com/runbooks',
  ...Object.fromEntries(
    stages.map((each) => [
      `sluice:${each}`,
      JSON.stringify({
        memory: 1024,
        timeout: 100,
        batchSize: 5,
        batchWindow: 2,
        maximumConcurrency: 3,
        maximumReceives: 6,
        alarmAge: 7200,
      }),
    ]),
  ),
  'sluice:database': JSON.stringify({
    instanceClass: 'db.m7g.large',
    storage: 40,
    maximumStorage: 300,
    multiAz: false,
    finalSnapshot: false,
    backupRetention: 14,
    proxy: true,
    insights: false,
    flowLogs: true,
  }),
  'sluice:permissionsBoundary': 'arn:aws:iam::000000000000:policy/other',
  'sluice:uploaders': '["arn:aws:iam::222222222222:role/exporter"]',
  'sluice:encryptLogs': 'false',
  'sluice:accessLogs': JSON.stringify({ enabled: true, expiry: 100 }),
  'sluice:dataEvents': JSON.stringify({ enabled: true, expiry: 100 }),
  'sluice:catalog': JSON.stringify({ schedule: 'cron(0 6 * * ? *)', scheduled: false, alarmAge: 100_000 }),
  'sluice:snapshotDays': '14',
  'sluice:maintenance': JSON.stringify({ schedule: 'rate(2 hours)', scheduled: false }),
  'sluice:warehouse': JSON.stringify({
    enabled: true,
    baseCapacity: 16,
    maxCapacity: 32,
    usageLimit: 16,
    usagePeriod: 'weekly',
    queryTimeout: 600,
    subnetIds: ['subnet-1', 'subnet-2', 'subnet-3'],
    securityGroupIds: ['sg-1'],
  }),
  'sluice:workflows': JSON.stringify({ queueDepth: 1000, concurrency: 2, drainTimeout: 7200 }),
};

/** Every pair of code and version that a call of an alias has met. */
const met = new Set<string>();
account.onCall = () => {
  for (const run of account.running().values()) met.add(`${run?.code} ${run?.variables}`);
};

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const first = await up();

// The tests are the life of one stack, one after the other.
describe('a stack with everything', () => {
  test('comes up without an error or a warning', () => {
    expect(first).toMatchObject({ errors: [], warnings: [] });
    expect(typesOf(first.steps, 'update', 'replace', 'delete', 'forget')).toEqual([]);
    expect(first.steps.length).toBeGreaterThan(200);
  });

  test('lets S3 write its logs before a bucket sends them', () => {
    const indexOf = (...ends: readonly string[]) =>
      first.steps.flatMap(({ urn }, index) => (ends.some((end) => urn.includes(end)) ? [index] : []));
    const [mayWrite = Number.POSITIVE_INFINITY] = indexOf(':BucketPolicy::sluice-dev-access');
    const sends = indexOf(':BucketLogging::');
    expect(sends.length).toBeGreaterThan(0);
    expect(Math.min(...sends)).toBeGreaterThan(mayWrite);
  });

  test('has no change after a refresh, though AWS tells more than it was given', async () => {
    stack.refresh();
    expect(await up()).toEqual({ steps: [], errors: [], warnings: [] });
  });

  test('leaves loading on its former code and variables if the migration of a deployment fails', async () => {
    const before = running();
    changeCode();
    const { errors, steps } = await up({}, ({ type }) => type === 'aws:lambda/invocation:Invocation');
    expect(errors[0]).toMatch(/Invocation::.*AWS refuses it/);
    const after = running();
    expect(after['loading']).toEqual(before['loading']);
    expect(after['mysql-migration']).not.toEqual(before['mysql-migration']);
    expect(typesOf(steps, 'delete', 'forget')).toEqual([]);
  });

  test('switches loading to its new code once the migration succeeds, and leaves the mappings alone', async () => {
    const before = running();
    const { steps, errors } = await up();
    expect(errors).toEqual([]);
    const order = steps.map((each) => `${each.does} ${typeOf(each)}`);
    expect(order.indexOf('replace Invocation')).toBeLessThan(
      steps.findIndex(({ urn }) => urn.endsWith(':Alias::sluice-dev-loading')),
    );
    expect(order).toContain('replace Invocation');
    expect(running()['loading']).not.toEqual(before['loading']);
    expect(typesOf(steps, 'create', 'update', 'replace')).not.toContain('EventSourceMapping');
  });

  test('never calls code under the version of another', () => {
    const codes = [...met].map((pair) => pair.split(' '));
    expect(codes.length).toBeGreaterThan(6);
    expect(new Set(codes.map(([code]) => code)).size).toBe(codes.length);
  });

  test('gets its tables and their views with a new dataset, and changes the table of the archive in place when the type of a column of a row changes', async () => {
    const dataset = edited(
      { file: 'datasets/passengers.ts', find: "name: 'passengers'", replace: "name: 'travellers'" },
      directory,
    );
    write('datasets/travellers.ts', dataset.replace("'passengers/'", "'travellers/'"));
    const list = edited(
      { file: 'datasets/index.ts', find: '[recipes,', replace: '[travellers, recipes,' },
      directory,
    );
    // What `npx sluice migrate --plan` records.
    const recorded = JSON.parse(readFileSync(join(directory, layouts), 'utf8')) as { table: string }[];
    const [own] = recorded.filter(({ table }) => table === 'passengers');
    write(layouts, JSON.stringify([...recorded, { ...own, table: 'travellers' }]));
    write('datasets/index.ts', `import { passengers as travellers } from './travellers.ts';\n${list}`);
    const row = { find: 'sib_sp: z.int32().nullable(),', replace: 'sib_sp: z.number().nullable(),' };
    write('datasets/passengers.ts', edited({ file: 'datasets/passengers.ts', ...row }, directory));
    const { steps, errors } = await up();
    expect(errors).toEqual([]);
    expect(
      steps
        .filter(({ does }) => does === 'create')
        .map(typeOf)
        .sort(),
    ).toEqual([...Array(2).fill('CatalogTable'), ...Array(6).fill('Statement')]);
    // A view over text files says the types of the columns.
    expect(typesOf(steps, 'replace', 'delete')).toEqual(['Statement']);
    const tables = steps.filter((each) => typeOf(each) === 'CatalogTable' && each.does === 'update');
    expect(tables.map(({ urn }) => urn.split('::').at(-1))).toEqual([
      'sluice-dev-catalog-passengers_archive',
    ]);
  });

  test('refuses to be destroyed while its data is protected', () => {
    const { steps, errors } = stack.destroy();
    expect(steps).toEqual([]);
    expect(errors.map((each) => /(\w+)::[^:]+$/.exec(each)?.[1]).sort()).toEqual([
      ...Array(8).fill('Bucket'),
      'Instance',
      'Key',
    ]);
  });

  test('has another value for every key but those that protect, add or remove parts, or can’t change', () => {
    const keys = Object.entries(schema.properties.config.properties).flatMap(([key, value]) =>
      'properties' in value ? Object.keys(value.properties).map((part) => `${key}.${part}`) : [key],
    );
    const changed = Object.entries(everyKey).flatMap(([key, text]) =>
      /^\{/.test(text) ? Object.keys(JSON.parse(text)).map((part) => `${key}.${part}`) : [key],
    );
    expect(keys.filter((key) => key.startsWith('sluice:') && !changed.includes(key))).toEqual([
      'sluice:forceDestroy',
      'sluice:accessLogs.bucket',
      'sluice:mysql',
      'sluice:database.deletionProtection',
      'sluice:database.network',
    ]);
  });

  test('changes in place with every key of its configuration, but for the period of the usage limit', async () => {
    const before = new Map(stack.state);
    const { steps, errors } = await up(everyKey);
    expect(errors).toEqual([]);
    expect(typesOf(steps, 'replace', 'delete')).toEqual(['UsageLimit']);
    expect(stack.state.size).toBeGreaterThanOrEqual(before.size);
    expect(typesOf(steps, 'update').length).toBeGreaterThan(10);
  });

  test('refuses another network, and leaves the network as it is', async () => {
    const { steps, errors } = await up({ ...everyKey, 'sluice:database': '{"network":"10.99.0.0/24"}' });
    expect(errors.join()).toMatch(/sluice:database\.network 10\.24\.0\.0\/24 --stack dev/);
    expect(typesOf(steps, 'create', 'replace', 'delete').filter((type) => /Vpc|Subnet/.test(type))).toEqual(
      [],
    );
  });

  test('deletes the catalog’s database with all that is in it before it makes one with another name', async () => {
    const name = { find: "name.replaceAll('-', '_')", replace: "name.replaceAll('-', '_').concat('_2')" };
    const file = 'infra/catalog/catalog.ts';
    write(file, edited({ file, ...name }, directory));
    const before = new Map(stack.state);
    const { steps, errors } = await up(everyKey);
    expect(errors).toEqual([]);
    const order = steps.map((each) => `${each.does} ${typeOf(each)}`);
    const last = (step: string) => order.lastIndexOf(step);
    const tables = [...before.keys()].filter((urn) => urn.includes(':CatalogTable::'));
    expect(order.filter((each) => each === 'delete CatalogTable')).toHaveLength(tables.length);
    expect(order.indexOf('delete Crawler')).toBeGreaterThanOrEqual(0);
    expect(last('delete CatalogTable')).toBeLessThan(last('delete CatalogDatabase'));
    expect(order.indexOf('delete Crawler')).toBeLessThan(last('delete CatalogDatabase'));
    expect(last('delete CatalogDatabase')).toBeLessThan(order.indexOf('replace CatalogDatabase'));
    expect(order.indexOf('replace CatalogDatabase')).toBeLessThan(order.indexOf('replace CatalogTable'));
    expect(order.filter((each) => each === 'replace CatalogTable')).toHaveLength(tables.length);
    expect([...stack.state.keys()]).toEqual(expect.arrayContaining(tables));
    expect(await up(everyKey)).toMatchObject({ steps: [], errors: [] });
  });

  test('has room beside it for a second stack', async () => {
    const second = await new Stack(account).up({ ...options, stack: 'a-stack-of-24-letters-ab' });
    expect(second.errors).toEqual([]);
    expect(second.steps.length).toBeGreaterThan(200);
  });

  test('is taken down in one go with retain, and leaves its buckets and its key', () => {
    const { steps, errors } = stack.destroy();
    expect(errors).toEqual([]);
    expect(steps.filter(({ does }) => does === 'forget').map(typeOf)).toContain('Key');
    expect(typesOf(steps, 'delete')).toEqual(expect.arrayContaining(['BucketNotification', 'Instance']));
    expect(typesOf(steps, 'delete')).not.toContain('Bucket');
    expect(stack.state.size).toBe(0);
  });
});
