// Chooses the Node that runs Sluice: the machine's own if it is suitable, else the package for the platform
// in package-lock.json. Plain JavaScript without dependencies, since any Node may run it, before anything is
// installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';

/** Lambda's major version. Node 24.0 to 24.2 print a warning whenever they strip types. */
const OLDEST = [24, 3];

/** Whether a Node of this version, e.g. `v24.3.0`, can run Sluice. */
export function suffices(version = 'v0.0') {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** The program in the platform's package, an optional dependency; undefined when npm installed none. */
export function packagedNode(root, { platform, arch } = process) {
  const prefix = platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node';
  const system = platform === 'win32' ? 'win' : platform;
  const program = platform === 'win32' ? 'node.exe' : 'node';
  const file = join(root, 'node_modules', `${prefix}-${system}-${arch}`, 'bin', program);
  return existsSync(file) ? file : undefined;
}

/**
 * Chooses the Node that npm's scripts and `npx` find. They look in node_modules/.bin first, where npm has put
 * a link to the packaged Node. This removes the link if the machine's own Node is suitable, and restores it
 * if that has become too old.
 *
 * @returns an error message when neither is suitable
 */
export function chooseNode(root, { environment = process.env, platform = process } = {}) {
  const packaged = packagedNode(root, platform);
  const own = versionOf('node', withoutPackages(environment));
  // On Windows npm writes programs instead of links: they stay.
  if (platform.platform !== 'win32')
    setLink(join(root, 'node_modules', '.bin', 'node'), suffices(own) ? undefined : packaged);
  if (suffices(own) || suffices(versionOf(packaged, environment))) return undefined;
  const why =
    packaged === undefined
      ? `npm installed none for ${platform.platform}-${platform.arch}`
      : `the one that npm installed for ${platform.platform}-${platform.arch} does not run here`;
  return `Sluice needs Node ${OLDEST.join('.')} or later. This machine has ${own ?? 'none'}, and ${why}. Install it (https://nodejs.org), then: npm run setup`;
}

/**
 * Points a link to a file, or removes it. A correct link is left alone, since other processes may be using
 * it.
 */
function setLink(link, file) {
  const wanted = file === undefined ? undefined : relative(dirname(link), file);
  let found;
  try {
    found = readlinkSync(link);
  } catch {
    // There is no link.
  }
  if (found === wanted) return;
  rmSync(link, { force: true });
  if (wanted !== undefined) symlinkSync(wanted, link);
}

/** The environment without the folders of packages' programs, which npm puts first on the PATH. */
function withoutPackages(environment) {
  const path = (environment.PATH ?? '')
    .split(delimiter)
    .filter((directory) => !/node_modules[\\/]\.bin[\\/]?$/.test(directory));
  return { ...environment, PATH: path.join(delimiter) };
}

/** Undefined when the program is missing or does not run. */
function versionOf(program, environment) {
  if (program === undefined) return undefined;
  const { status, stdout } = spawnSync(program, ['--version'], { env: environment, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
