// Makes the checkout ready to run: `npm ci` when node_modules is missing or not what package-lock.json says, and a Node
// that will do. Then a MySQL server, as root; `--packages-only` leaves that out, `--mysql` asks for one.
// Plain JavaScript without dependencies, since it runs before there are any, on Node 20 or later.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { chooseNode } from './node.mjs';
import { bringMysql } from './set-up-mysql.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  console.error(
    `Sluice needs Node 20 or later to set itself up; this is ${process.version}. See https://nodejs.org.`,
  );
  process.exit(1);
}

const isReady = () => isInstalled() && chooseNode(root) === undefined;

if (!isReady()) {
  const unlock = lock();
  const isInstalledNow = isReady() || install();
  unlock();
  if (!isInstalledNow)
    end('npm ci failed: what it printed above says why. Nothing outside of node_modules has changed.');
}

const noNode = chooseNode(root);
if (noNode !== undefined) end(noNode);

if (!process.argv.includes('--packages-only')) {
  const isThere = bringMysql({
    failedBefore: join(root, 'node_modules', '.sluice-no-mysql'),
    asked: process.argv.includes('--mysql'),
  });
  if (!isThere) process.exit(1);
}

function end(why) {
  console.error(why);
  process.exit(1);
}

/**
 * Whether node_modules is what package-lock.json says, by the list that npm leaves there when it has installed everything. A
 * package may lack where it is optional: those for other platforms do. Those that lie in this repository are what their
 * package.json says.
 */
function isInstalled() {
  const { packages: wanted } = readJson('package-lock.json');
  const { packages: found } = readJson(join('node_modules', '.package-lock.json')) ?? {};
  if (found === undefined) return false;
  return (
    Object.keys(found).every((path) => path in wanted) &&
    Object.entries(wanted).every(([path, locked]) => {
      if (!path.startsWith('node_modules/')) return isAsLocked(readJson(join(path, 'package.json')), locked);
      if (found[path] === undefined) return locked.optional;
      return ['version', 'integrity', 'resolved'].every((key) => found[path][key] === locked[key]);
    })
  );
}

/** Whether package-lock.json was made of this package.json. */
function isAsLocked(manifest, locked) {
  const kinds = ['dependencies', 'optionalDependencies', 'devDependencies', 'peerDependencies', 'workspaces'];
  return kinds.every((kind) => isDeepStrictEqual(manifest?.[kind], locked[kind]));
}

/** A file of the project; undefined when it is not there. */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
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

/** Installs what is locked; no package needs its install script. */
function install() {
  console.error('Installing what package-lock.json names (npm ci); this happens once …');
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const { status } = spawnSync(
    command,
    [
      ...prefix,
      'ci',
      '--ignore-scripts',
      '--include=dev',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ],
    { cwd: root, stdio: ['ignore', 2, 2], shell: npm === undefined && process.platform === 'win32' },
  );
  return status === 0;
}
