// Makes the checkout ready to run: `npm ci` when node_modules is missing or not what package-lock.json says.
// Then a MySQL server, where it may; `--packages-only` leaves that out.
// Plain JavaScript without dependencies, since it runs before there are any, on Node 20 or later.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bringMysql } from './set-up-mysql.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.sluice-set-up');
const node = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  console.error(
    `Sluice needs Node 20 or later to set itself up; this is ${process.version}. See https://nodejs.org.`,
  );
  process.exit(1);
}

// What was installed is known by what decides it: a fresh pull that changes it installs again, one of a script does not.
const { dependencies, devDependencies, allowScripts } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(JSON.stringify([dependencies, devDependencies, allowScripts]))
  .digest('hex');
const isDone = () => existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;

if (!isDone()) {
  const unlock = lock();
  const failure = isDone() ? undefined : install();
  unlock();
  if (failure !== undefined) {
    console.error(failure);
    process.exit(1);
  }
}

if (!process.argv.includes('--packages-only')) {
  bringMysql({
    failedBefore: join(root, 'node_modules', '.sluice-no-mysql'),
    again: process.env.npm_lifecycle_event === 'setup',
  });
}

/** Two runs at once would take the packages from under each other: the second waits for the first. */
function lock() {
  const path = join(root, '.set-up.lock');
  for (let waited = 0; ; waited += 1) {
    try {
      writeFileSync(path, `${process.pid}`, { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isAlive(path)) {
      rmSync(path, { force: true });
      continue;
    }
    if (waited === 0) console.error('Another run is installing; waiting for it …');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  }
}

/** Whether the process that holds the lock is there; one that was interrupted has left it behind. */
function isAlive(path) {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Installs, and returns what went wrong, if anything did. */
function install() {
  console.error('Installing what package-lock.json names (npm ci); this happens once …');
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const { status } = spawnSync(
    command,
    [...prefix, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 2, 2], shell: npm === undefined && process.platform === 'win32' },
  );
  if (status !== 0)
    return 'npm ci failed: what it printed above says why. Nothing outside of node_modules has changed.';
  if (!existsSync(node)) {
    return (
      'npm ci did not install Node 24: the install script of the package "node" did not run. ' +
      'Allow it (npm config delete ignore-scripts) and run this again.'
    );
  }
  writeFileSync(stamp, wanted);
  return undefined;
}
