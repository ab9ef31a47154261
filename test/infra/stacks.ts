import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type ProgramOptions, readProgram } from '../../local-aws/program/program.ts';

/** The repository. */
export const root = new URL('../..', import.meta.url).pathname;

type StackOptions = Pick<ProgramOptions, 'stack' | 'configuration'>;

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
const example = parse(readFileSync(join(root, 'Pulumi.prod.yaml.example'), 'utf8')) as {
  config: Record<string, unknown>;
};

export const development: StackOptions = { stack: 'dev' };

/** Has all there is, and is to be kept. */
export const withEverything: StackOptions = {
  stack: 'dev',
  configuration: {
    'sluice:forceDestroy': 'false',
    'sluice:mysql': 'true',
    'sluice:database': '{"proxy":true,"insights":true,"flowLogs":true}',
    'sluice:permissionsBoundary': 'arn:aws:iam::000000000000:policy/boundary',
    'sluice:encryptLogs': 'true',
    'sluice:accessLogs': '{"enabled":true}',
    'sluice:dataEvents': '{"enabled":true}',
    'sluice:uploaders': '["arn:aws:iam::111111111111:role/exporter"]',
    'sluice:warehouse': '{"enabled":true}',
    'sluice:alarmTopicArn': 'arn:aws:sns:us-east-1:000000000000:alarms',
  },
};

/** The same under the longest name that a stack may have. */
export const longNamed: StackOptions = { ...withEverything, stack: 'a-stack-of-24-letters-ab' };

/** As `Pulumi.prod.yaml.example` has it. */
export const forProduction: StackOptions = {
  stack: 'prod',
  configuration: Object.fromEntries(Object.entries(example.config).map(([key, value]) => [key, text(value)])),
};

/** Has nothing that can be left out. */
export const bare: StackOptions = {
  stack: 'bare',
  configuration: {
    'aws:region': 'eu-central-1',
    'sluice:catalog': '{"scheduled":false}',
    'sluice:maintenance': '{"scheduled":false}',
    'sluice:warehouse': '{"enabled":false}',
    'sluice:mysql': 'false',
  },
};

/** The stacks that have a file `Pulumi.<stack>.yaml` here. */
export const configured = (): readonly StackOptions[] =>
  readdirSync(root).flatMap((file) => {
    const [, stack] = /^Pulumi\.([a-z0-9-]+)\.yaml$/.exec(file) ?? [];
    return stack === undefined ? [] : [{ stack }];
  });

/** What the real program registers for a stack. */
export const read = (options: StackOptions) => readProgram({ directory: root, ...options });
