// Prepares the checkout: runs `npm ci` if node_modules differs from package-lock.json, and chooses a suitable
// Node. Then installs a MySQL server, as root; `--packages-only` leaves that out, `--mysql` requests one, and
// `--browser` requests Chromium instead. Plain JavaScript without dependencies, since it runs before any are
// installed, on Node 20 or later.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { chooseNode } from './node.mjs';
import { bringChromium } from './set-up-browser.mjs';
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
    end('npm ci failed; its output above says why. Nothing outside node_modules has changed.');
}

const noNode = chooseNode(root);
if (noNode !== undefined) end(noNode);

const asks = (option) => process.argv.includes(option);
if (asks('--browser')) {
  if (!bringChromium({ root })) process.exit(1);
} else if (!asks('--packages-only')) {
  const failedBefore = join(root, 'node_modules', '.sluice-no-mysql');
  if (!bringMysql({ failedBefore, asked: asks('--mysql') })) process.exit(1);
}

function end(why) {
  console.error(why);
  process.exit(1);
}

/**
 * Whether node_modules matches package-lock.json, by the list that npm writes there when it has installed
 * everything. An optional package may be missing, as those for other platforms are. A package that lies in
 * this repository must match its package.json.
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

/** Whether package-lock.json was made from this package.json. */
function isAsLocked(manifest, locked) {
  const kinds = ['dependencies', 'optionalDependencies', 'devDependencies', 'peerDependencies', 'workspaces'];
  return kinds.every((kind) => isDeepStrictEqual(manifest?.[kind], locked[kind]));
}

/** A JSON file of the project; undefined when it is missing. */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Waits for another run to end: two at once would remove each other's packages. Returns the function that
 * unlocks.
 */
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

/** Whether the process that holds the lock is running; an interrupted one leaves its lock behind. */
function isAlive(path) {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Installs the locked packages. None of them needs its install script. */
function install() {
  console.error('Installing the packages of package-lock.json (npm ci); this happens once …');
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
