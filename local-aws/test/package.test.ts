import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateRefused, startCloud } from '../cloud.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-package-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('the README shows the files of the example, which prints what the README says', async () => {
  const blocks = [...read('README.md').matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
  expect(blocks).toEqual(['Pulumi.yaml', 'infra.ts', 'start.ts'].map((file) => read(`example/${file}`)));
  const start = join(root, 'example/start.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [start, directory]);
  expect(read('README.md')).toContain(`\`node example/start.ts\` prints \`${stdout.trim()}\``);
});

test('the package exports existing files', () => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, string> };
  const missing = Object.values(exports).filter((file) => !existsSync(join(root, file)));
  expect(missing).toEqual([]);
});

test('a start that fails leaves the directory to the next one', async () => {
  const options = { project: join(root, 'example'), stack: 'dev', directory, port: 0 };
  writeFileSync(join(directory, 'events.journal'), 'no entry\n');
  await expect(startCloud(options)).rejects.toThrow(StateRefused);
  rmSync(join(directory, 'events.journal'));
  const cloud = await startCloud(options);
  expect(cloud.outputs).toEqual({ letters: expect.stringContaining(cloud.endpoint) });
  await cloud.close();
});
