import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FunctionName, functionVariables } from '../../../domain/environment.ts';
import { type Bundle, bundle } from '../../../infra/build/bundle.ts';
import { jsonOf } from '../../bench/children/child.ts';
import { importedAtStart } from '../../bench/children/imports.ts';

const names = Object.keys(functionVariables) as FunctionName[];
const directory = mkdtempSync(join(tmpdir(), 'sluice-start-up-'));
let bundles: Record<FunctionName, Bundle>;
beforeAll(async () => {
  const entries = names.map((name) => [name, `handlers/${name}.ts`] as const);
  bundles = await bundle(Object.fromEntries(entries) as Record<FunctionName, string>, { to: directory });
}, 60_000);
afterAll(() => rmSync(directory, { recursive: true }));

/** The sources of modules, by their source maps. */
const sourcesOf = (modules: readonly string[]): readonly string[] =>
  modules.flatMap((module) => JSON.parse(readFileSync(`${module}.map`, 'utf8')).sources as string[]);

/** What a function needs in some invocations only, and what of it each function imports at its start. */
const seldom = {
  'the readers of Parquet': /\/(hyparquet|decoding\/parquet)\//,
  'the reader of Avro': /\/decoding\/avro\/avro\.ts$/,
  'the readers of zip and bzip2': /\/compressed\/(zip|bzip2)\//,
  'the MySQL client': /\/node_modules\/(mysql2|iconv-lite)\//,
  'the client of queues': /\/client-sqs\//,
  'the client of the event bus': /\/client-eventbridge\//,
};
const atEachStart: Partial<Record<FunctionName, readonly (keyof typeof seldom)[]>> = {
  migration: ['the MySQL client'],
  'backfill-sending': ['the client of queues'],
};

describe.each(names)('%s', (name) => {
  test('imports at its start nothing that only some invocations need', async () => {
    const sources = sourcesOf(await importedAtStart(name, bundles[name].file));
    expect(sources.length).toBeGreaterThan(100);
    const found = Object.entries(seldom).filter(([, kind]) => sources.some((source) => kind.test(source)));
    expect(found.map(([what]) => what)).toEqual(atEachStart[name] ?? []);
  });

  test('is deployed with every module that one of its modules imports', () => {
    const { files, file } = bundles[name];
    const deployed = files.map((each) => basename(each));
    const imported = files.flatMap((each) =>
      [...readFileSync(each, 'utf8').matchAll(/(?:from|import)\s*\(?"\.\/([^"]+\.mjs)"/g)].map(
        ([, module]) => module,
      ),
    );
    expect(imported.length).toBeGreaterThan(1);
    expect(deployed).toContain(basename(file));
    expect(imported.filter((module) => !deployed.includes(`${module}`))).toEqual([]);
  });

  test('has no clients for credentials that Lambda does not give', () => {
    const providers = sourcesOf(bundles[name].files).filter((source) =>
      /credential-provider-node\//.test(source),
    );
    expect(providers.filter((source) => !source.startsWith('environment-credentials:'))).toEqual([]);
  });
});

test('a bundle signs with the credentials in the environment, and finds none elsewhere', async () => {
  const { child } = await bundle(
    { child: 'test/infra/build/signing-child.ts' },
    { to: join(directory, 'signing') },
  );
  const region = { AWS_REGION: 'us-east-1' };
  const role = {
    AWS_ACCESS_KEY_ID: 'ASIAROLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'session',
  };
  const signed = await jsonOf(process.execPath, [child.file], { ...region, ...role });
  expect(signed).toEqual({
    password: expect.stringMatching(/Credential=ASIAROLE.*Security-Token=session/),
    accessKeyId: 'ASIAROLE',
    sessionToken: 'session',
  });
  const web = { AWS_ROLE_ARN: 'arn:aws:iam::1:role/other', AWS_WEB_IDENTITY_TOKEN_FILE: '/dev/null' };
  await expect(jsonOf(process.execPath, [child.file], { ...region, ...web })).rejects.toThrow(
    'Unable to find environment variable credentials',
  );
});

test('the readers of Parquet and Avro, and MySQL, are among what a function can import later', () => {
  const extraction = sourcesOf(bundles.extraction.files);
  expect(extraction.some((source) => seldom['the readers of Parquet'].test(source))).toBe(true);
  expect(extraction.some((source) => seldom['the reader of Avro'].test(source))).toBe(true);
  expect(sourcesOf(bundles.loading.files).some((source) => seldom['the MySQL client'].test(source))).toBe(
    true,
  );
});
