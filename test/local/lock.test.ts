import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCloud } from '../../local/cloud.ts';
import { DirectoryInUse, lockDirectory } from '../../local/lock.ts';
import { projectDirectory } from '../../ops/directories.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a directory is claimed by one process at a time', () => {
  const unlock = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(DirectoryInUse);
  expect(() => lockDirectory(directory)).toThrow(`as process ${process.pid}`);
  unlock();
  lockDirectory(directory)();
  expect(readdirSync(directory)).toEqual([]);
});

test('the claim of a process that was killed is taken over', async () => {
  const script = `import { lockDirectory } from ${JSON.stringify(join(projectDirectory, 'local/lock.ts'))};
    lockDirectory(${JSON.stringify(directory)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script]);
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  expect(() => lockDirectory(directory)).toThrow(`as process ${holder.pid}`);
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  holder.kill('SIGKILL');
  // Nobody has asked for its exit status yet: dead all the same.
  while (!isDead(holder.pid));
  lockDirectory(directory)();
  await ended;
});

function isDead(pid: number | undefined): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' });
  return stdout.trim() === '' || stdout.startsWith('Z');
}

test('a number that was given out again is not the process that claimed', () => {
  writeFileSync(join(directory, 'lock'), `${process.pid} another start\n`);
  lockDirectory(directory)();
});

test.each(['', 'nonsense', '12'])('a claim that says %j is nobody’s', (content) => {
  writeFileSync(join(directory, 'lock'), content);
  const unlock = lockDirectory(directory);
  expect(readFileSync(join(directory, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
  unlock();
});

test('an ephemeral run leaves what is in its directory alone, and nothing of its own', {
  timeout: 60_000,
}, async () => {
  writeFileSync(join(directory, 'thesis.txt'), 'years of work');
  const options = { project: projectDirectory, stack: 'dev', directory, ephemeral: true, port: 0 };
  const cloud = await startCloud(options);
  await expect(startCloud(options)).rejects.toThrow(DirectoryInUse);
  await cloud.close();
  expect(existsSync(join(directory, 'thesis.txt'))).toBe(true);
  expect(readdirSync(directory)).toEqual(['thesis.txt']);
});
