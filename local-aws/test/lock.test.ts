import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCloud } from '../cloud.ts';
import { DirectoryInUse, lockDirectory } from '../core/lock.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-lock-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a directory is claimed by one process at a time', () => {
  const unlock = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(DirectoryInUse);
  expect(() => lockDirectory(directory)).toThrow(`(process ${process.pid}`);
  unlock();
  lockDirectory(directory)();
  expect(readdirSync(directory)).toEqual([]);
});

/** A process that claims the directory, says so, and lives until it is killed. */
async function startHolder() {
  const script = `import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, '../core/lock.ts'))};
    lockDirectory(${JSON.stringify(directory)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script]);
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return holder;
}

test('the claim of a killed process ends with it', async () => {
  const holder = await startHolder();
  expect(() => lockDirectory(directory)).toThrow(`(process ${holder.pid} on ${hostname()}`);
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  holder.kill('SIGKILL');
  await ended;
  lockDirectory(directory)();
});

test('a claim does not depend on process ids of other containers, or on reads of the lock’s files', async () => {
  const holder = await startHolder();
  // As a container sees it that has other process ids.
  writeFileSync(join(directory, 'lock'), 'process 1 on another-host');
  readFileSync(join(directory, 'lock.sqlite'));
  for (let attempt = 0; attempt < 3; attempt += 1)
    expect(() => lockDirectory(directory)).toThrow('(process 1 on another-host');
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  holder.kill('SIGKILL');
  await ended;
});

test('the lock file of another version is no claim', () => {
  writeFileSync(join(directory, 'lock'), `${process.pid} 12345\n`);
  writeFileSync(join(directory, 'lock.sqlite'), '');
  lockDirectory(directory)();
});

test('a directory that can’t be locked is refused with the cure', () => {
  mkdirSync(join(directory, 'lock.sqlite'));
  expect(() => lockDirectory(directory)).toThrow(
    /can't be locked: .* Choose another directory with --directory/,
  );
});

test('an ephemeral run does not touch its directory and leaves no files', async () => {
  writeFileSync(join(directory, 'thesis.txt'), 'years of work');
  const project = join(import.meta.dirname, '../example');
  const options = { project, stack: 'dev', directory, ephemeral: true, port: 0 };
  const cloud = await startCloud(options);
  await expect(startCloud(options)).rejects.toThrow(DirectoryInUse);
  await cloud.close();
  expect(existsSync(join(directory, 'thesis.txt'))).toBe(true);
  expect(readdirSync(directory)).toEqual(['thesis.txt']);
});
