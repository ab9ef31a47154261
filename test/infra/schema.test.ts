import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { declarations, stackSchema } from '../../infra/configuration/schema.ts';
import { root } from './stacks.ts';

const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const documentation = textOf('docs/infrastructure.md');
const schema = stackSchema(documentation);
const stackFile = z.fromJSONSchema(schema as never);

describe('the schema of Pulumi.<stack>.yaml', () => {
  test('is that of the program’s own keys (npx vitest run test/infra/schema.test.ts -u writes it)', async () => {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(join(root, 'infra/configuration/stack.schema.json'));
  });

  test.each(['Pulumi.dev.yaml', 'Pulumi.prod.yaml.example'])(
    'accepts %s, which names it for editors',
    (file) => {
      expect(stackFile.safeParse(parse(textOf(file))).error).toBeUndefined();
      expect(textOf(file)).toMatch(
        /^# yaml-language-server: \$schema=infra\/configuration\/stack\.schema\.json\n/,
      );
    },
  );

  test.each([
    ['an unknown key', { 'sluice:ownr': 'me' }],
    ['an unknown key of a stage', { 'sluice:extraction': { memroy: 512 } }],
    ['a number out of range', { 'sluice:extraction': { memory: 64 } }],
    ['an unknown setting of the provider', { 'aws:assumeRole': {} }],
    ['another namespace', { 'slucie:mysql': true }],
  ])('refuses %s', (_what, config) => {
    expect(stackFile.safeParse({ config }).success).toBe(false);
  });

  test('describes every key', () => {
    const without: string[] = [];
    const visit = (name: string, value: unknown) => {
      const { properties, description } = value as { properties?: object; description?: string };
      if (properties === undefined && description === undefined) without.push(name);
      for (const [key, each] of Object.entries(properties ?? {})) visit(`${name}.${key}`, each);
    };
    const { config } = (schema as { properties: { config: { properties: object } } }).properties;
    for (const [name, value] of Object.entries(config.properties))
      if (name.startsWith('sluice:')) visit(name, value);
    expect(without).toEqual([]);
  });
});

test('Pulumi.yaml declares the plain keys, with the program’s defaults and the meanings of the documentation', () => {
  expect(parse(textOf('Pulumi.yaml')).config).toEqual(declarations(documentation));
});
