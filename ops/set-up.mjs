// Makes the checkout ready to run: `npm ci` when node_modules is missing or not what package-lock.json says.
// Plain JavaScript without dependencies, since it runs before there are any, on Node 20 or later.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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

// What was installed is known by the files that decide it: a fresh pull that changes them installs again.
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(readFileSync(join(root, 'package.json')))
  .digest('hex');

if (!existsSync(node) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  console.error('Installing what package-lock.json names (npm ci); this happens once …');
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const { status } = spawnSync(command, [...prefix, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: npm === undefined && process.platform === 'win32',
  });
  if (status !== 0) {
    console.error(
      'npm ci failed: what it printed above says why. Nothing has been changed outside of node_modules.',
    );
    process.exit(1);
  }
  if (!existsSync(node)) {
    console.error(
      'npm ci did not install Node 24: the install script of the package "node" did not run. ' +
        'Allow it (npm config delete ignore-scripts) and run this again.',
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}
