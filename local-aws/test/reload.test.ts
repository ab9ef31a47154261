import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Cloud, ProgramRefused, startCloud } from '../cloud.ts';

const root = join(import.meta.dirname, '../..');
const client = (endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

let directory: string;
let cloud: Cloud;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-reload-'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  writeFileSync(join(directory, 'Pulumi.yaml'), 'name: greetings\nruntime: nodejs\nmain: infra.ts\n');
  mkdirSync(join(directory, 'code'));
  write('old', ['letters']);
  cloud = await startCloud({
    project: directory,
    stack: 'dev',
    directory: join(directory, 'state'),
    port: 0,
  });
});
afterEach(async () => {
  await cloud.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A program with these queues, and a function that says its word, a module of its own, after a moment. */
function write(word: string, queues: readonly string[]): void {
  const modules = {
    index: `export const handler = async (ms) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  const { word } = await import('./word.mjs');
  return word;
};\n`,
    word: `export const word = '${word}';\n`,
  };
  for (const [name, module] of Object.entries(modules)) {
    // As a build does it.
    rmSync(join(directory, 'code', `${name}.mjs`), { force: true });
    writeFileSync(join(directory, 'code', `${name}.mjs`), module);
  }
  writeFileSync(
    join(directory, 'infra.ts'),
    `import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';

export const urls = ${JSON.stringify(queues)}.map((name) => new aws.sqs.Queue(name).url);
const logs = new aws.cloudwatch.LogGroup('says', {});
const trust = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' };
const may = { Effect: 'Allow', Action: 'logs:*', Resource: '*' };
const policy = (each: object) => JSON.stringify({ Version: '2012-10-17', Statement: [each] });
const role = new aws.iam.Role('says', { assumeRolePolicy: policy(trust) });
new aws.iam.RolePolicy('says', { role: role.name, policy: policy(may) });
const lambda = new aws.lambda.Function('says', {
  runtime: 'nodejs24.x',
  handler: 'index.handler',
  code: new pulumi.asset.AssetArchive({
    'index.mjs': new pulumi.asset.FileAsset(${JSON.stringify(join(directory, 'code/index.mjs'))}),
    'word.mjs': new pulumi.asset.FileAsset(${JSON.stringify(join(directory, 'code/word.mjs'))}),
  }),
  role: role.arn,
  memorySize: 128,
  timeout: 30,
  loggingConfig: { logFormat: 'Text', logGroup: logs.name },
  environment: { variables: { WORD: '${word}' } },
});
export const says = lambda.name;
`,
  );
}

const outputs = () => cloud.outputs as { urls: string[]; says: string };
async function say(ms: number): Promise<unknown> {
  const { Payload } = await new LambdaClient(client(cloud.endpoint)).send(
    new InvokeCommand({ FunctionName: outputs().says, Payload: JSON.stringify(ms) }),
  );
  return JSON.parse(Buffer.from(Payload ?? []).toString());
}

test('a reload lets running invocations end by the old code, keeps messages, and adds what is new', async () => {
  const sqs = new SQSClient(client(cloud.endpoint));
  const [QueueUrl] = outputs().urls;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'Hello!' }));
  const running = say(1_500);
  await expect.poll(() => say(0)).toBe('old');
  write('new', ['letters', 'parcels']);
  const reloading = cloud.reload();
  expect(await running).toBe('old');
  expect(await reloading).toBe(true);
  expect(await say(0)).toBe('new');
  expect(outputs().urls).toHaveLength(2);
  await sqs.send(new SendMessageCommand({ QueueUrl: outputs().urls[1], MessageBody: 'A box.' }));
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(Messages.map(({ Body }) => Body)).toEqual(['Hello!']);
  expect(await cloud.reload()).toBe(false);
});

test('requests that come during a reload wait for it', async () => {
  write('new', ['letters']);
  const reloading = cloud.reload();
  const said = await Promise.all(Array.from({ length: 20 }, () => say(5)));
  await reloading;
  expect(new Set([...said, await say(0)])).toContain('new');
});

test('a program that is refused, and a reload whose preparation fails, leave the old code, also to new processes', async () => {
  write('new', ['letters']);
  const refuse = async () => {
    throw new Error('not now');
  };
  await expect(cloud.reload(refuse)).rejects.toThrow('not now');
  expect(await say(0)).toBe('old');
  writeFileSync(join(directory, 'infra.ts'), 'export const a: number = ;\n');
  await expect(cloud.reload()).rejects.toThrow(ProgramRefused);
  await expect(cloud.reload()).rejects.toThrow('infra.ts:1');
  expect(await say(0)).toBe('old');
});
