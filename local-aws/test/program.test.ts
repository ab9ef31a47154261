import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readProgram } from '../program/program.ts';
import { readTopology } from '../program/topology.ts';

const scratch = mkdtempSync(join(tmpdir(), 'local-aws-program-'));
/** Where this package's Pulumi lies, which the program must share. */
const nodeModules = join(
  dirname(createRequire(import.meta.url).resolve('@pulumi/pulumi/package.json')),
  '../..',
);
afterAll(() => rmSync(scratch, { recursive: true }));

/** Writes a Pulumi project with one program file, and reads it. */
function readWritten(code: string, settings: Record<string, string> = {}, endpoint?: string) {
  const directory = mkdtempSync(join(scratch, 'p-'));
  mkdirSync(join(directory, 'infra'));
  symlinkSync(nodeModules, join(directory, 'node_modules'));
  const files = {
    'package.json': '{"type":"module"}',
    'Pulumi.yaml': 'name: small\nruntime: nodejs\nmain: infra/index.ts\n',
    'infra/index.ts': `${code.includes('aws.') ? "import * as aws from '@pulumi/aws';" : ''}\nimport * as pulumi from '@pulumi/pulumi';\n${code}`,
    ...settings,
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(join(directory, path), content);
  return readProgram({ stack: 'dev', directory, ...(endpoint !== undefined && { endpoint }) });
}

describe('reading a program', () => {
  test('returns Pulumi’s URNs, names with a suffix, and the requested endpoint', async () => {
    const { resources, outputs } = await readWritten(
      `const queue = new aws.sqs.Queue('q', { tags: { region: new pulumi.Config('aws').require('region') } });
       export const url = queue.url;
       export const word = new pulumi.Config().get('word');
       export const hidden = pulumi.secret('seen');`,
      { 'Pulumi.dev.yaml': 'config:\n  aws:region: eu-central-1\n  small:word: hello\n' },
      'http://127.0.0.1:4566',
    );
    expect(resources[0]?.urn).toBe('urn:pulumi:dev::small::aws:sqs/queue:Queue::q');
    expect(resources[0]?.outputs).toMatchObject({ arn: 'arn:aws:sqs:eu-central-1:000000000000:q-local' });
    expect(resources[0]?.inputs).toMatchObject({ tags: { region: 'eu-central-1' } });
    expect(outputs).toEqual({
      url: 'http://127.0.0.1:4566/000000000000/q-local',
      word: 'hello',
      hidden: 'seen',
    });
  });

  test('uses us-east-1 if the stack has no configuration', async () => {
    expect((await readWritten('export const none = 1;')).region).toBe('us-east-1');
  });

  test('keeps everything of Pulumi that a program may use', async () => {
    const { outputs } = await readWritten(
      `const { text } = await pulumi.runtime.serializeFunction(() => 'from the program');
       export const written = text.includes('from the program');
       export const packed = [...(await pulumi.runtime.computeCodePaths()).keys()].length > 0;
       export const known = ['Queue' in aws.sqs, 'Cue' in aws.sqs, aws.Region.USEast1];`,
      { 'package.json': '{"type":"module","dependencies":{"yaml":"*"}}' },
    );
    expect(outputs).toEqual({ written: true, packed: true, known: [true, false, 'us-east-1'] });
  });

  test.each([
    [
      'throws',
      "throw new Error('out of order');",
      /failed for stack "dev": out of order\n\s+at .*infra\/index\.ts:3/,
    ],
    [
      'fails in an apply',
      "export const x = pulumi.output(1).apply(() => { throw new Error('applied'); });",
      /applied/,
    ],
    ['ends by itself', 'console.error("last words"); process.exit(3);', /exit code 3.*\n[\s\S]*last words/],
    ['has an undefined output', 'export const none = undefined;', /The output none is undefined/],
    ['does not parse', 'const = 1;', /failed for stack/],
    ['asks AWS', 'await aws.getRegions();', /can't answer aws:index\/getRegions/],
    [
      'names two alike',
      "new aws.sqs.Queue('q', {}); new aws.sqs.Queue('q', {});",
      /type aws:sqs\/queue:Queue and named "q"/,
    ],
  ])('reports the cause if a program %s', async (_what, code, message) => {
    await expect(readWritten(code)).rejects.toThrow(message);
  });

  test.each([
    [
      'an encrypted value',
      'config:\n  small:word:\n    secure: AAAB\n',
      /small:word in .*Pulumi\.dev\.yaml is encrypted.*--plaintext/,
    ],
    ['no YAML', 'config: [', /Pulumi\.dev\.yaml can't be read/],
    ['something else', 'config: 3', /Pulumi\.dev\.yaml is not a valid Pulumi file/],
  ])('refuses settings that hold %s', async (_what, settings, message) => {
    await expect(readWritten('', { 'Pulumi.dev.yaml': settings })).rejects.toThrow(message);
  });

  test('makes up, the same each time, what the provider makes up', async () => {
    const code = `
      const rule = new aws.cloudwatch.EventRule('r', { eventPattern: '{"source":["a"]}' });
      const queue = new aws.sqs.Queue('q');
      for (const name of ['one', 'two']) new aws.cloudwatch.EventTarget(name, { rule: rule.name, arn: queue.arn });
      new aws.scheduler.Schedule('s', {
        scheduleExpression: 'rate(1 hour)',
        flexibleTimeWindow: { mode: 'OFF' },
        target: { arn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler', roleArn: 'r', input: '{}' },
      });`;
    const { rules, schedules } = readTopology(await readWritten(code));
    const ids = rules[0]?.targets.map(({ id }) => id) ?? [];
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[.\-_A-Za-z0-9]{1,64}$/);
    expect(schedules[0]?.groupArn).toBe('arn:aws:scheduler:us-east-1:000000000000:schedule-group/default');
    expect(readTopology(await readWritten(code)).rules).toEqual(rules);
  });

  test('says what to add where something is missing that the local cloud needs', async () => {
    const missing = await readWritten(`new aws.scheduler.Schedule('s', {
      scheduleExpression: 'rate(1 hour)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: { arn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler', roleArn: 'r' },
    });`);
    expect(() => readTopology(missing)).toThrow(
      /Schedule::s: target\.input: the local cloud needs this property; add it to the program/,
    );
  });

  test('refuses an unsupported resource by its URN', async () => {
    const unknown = await readWritten("new aws.sns.Topic('t');");
    expect(() => readTopology(unknown)).toThrow(
      /urn:pulumi:dev::small::aws:sns\/topic:Topic::t: .*does not support/,
    );
  });

  test('takes a component, whatever its type, since it only groups what it holds', async () => {
    const grouped = await readWritten(`
      class Group extends pulumi.ComponentResource {
        constructor(name) {
          super('anything:at:All', name);
          new aws.sqs.Queue('q', {}, { parent: this });
        }
      }
      new Group('g');`);
    expect(readTopology(grouped).queues.map(({ name }) => name)).toEqual(['q-local']);
  });
});
