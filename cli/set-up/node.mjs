// Which Node runs Sluice: the machine's own where it will do, else the one that package-lock.json names for the platform.
// Plain JavaScript without dependencies, since whatever Node there is asks it first.
import { spawnSync } from 'node:child_process';
import { existsSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';

/** Of Lambda's line. Node 24.0 to 24.2 print a warning wherever they strip types. */
const OLDEST = [24, 3];

/** Whether a Node of this version, e.g. `v24.3.0`, can run Sluice. */
export function suffices(version = 'v0.0') {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** The program in the platform's package, an optional dependency; undefined where npm installed none. */
export function packagedNode(root, { platform, arch } = process) {
  const prefix = platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node';
  const system = platform === 'win32' ? 'win' : platform;
  const program = platform === 'win32' ? 'node.exe' : 'node';
  const file = join(root, 'node_modules', `${prefix}-${system}-${arch}`, 'bin', program);
  return existsSync(file) ? file : undefined;
}

/**
 * Decides which Node npm's scripts and `npx` find. They look into node_modules/.bin first, where npm has put the packaged
 * one's link: it goes where the machine's own Node will do, and comes back when that one has become too old.
 *
 * @returns what is wrong, as a sentence, when neither will do
 */
export function chooseNode(root, { environment = process.env, platform = process } = {}) {
  const packaged = packagedNode(root, platform);
  const own = versionOf('node', withoutPackages(environment));
  // npm on Windows makes programs of its own in place of links: they stay.
  if (platform.platform !== 'win32')
    setLink(join(root, 'node_modules', '.bin', 'node'), suffices(own) ? undefined : packaged);
  if (suffices(own) || suffices(versionOf(packaged, environment))) return undefined;
  const why =
    packaged === undefined
      ? `npm installed none for ${platform.platform}-${platform.arch}`
      : `the one that npm installed for ${platform.platform}-${platform.arch} does not run here`;
  return `Sluice needs Node ${OLDEST.join('.')} or later. This machine has ${own ?? 'none'}, and ${why}. Install it (https://nodejs.org), then: npm run setup`;
}

/** Makes a link lead to a file, or removes it; one that is right is left alone, since others may be starting programs by it. */
function setLink(link, file) {
  const wanted = file === undefined ? undefined : relative(dirname(link), file);
  let found;
  try {
    found = readlinkSync(link);
  } catch {
    // There is none.
  }
  if (found === wanted) return;
  rmSync(link, { force: true });
  if (wanted !== undefined) symlinkSync(wanted, link);
}

/** npm puts the folders of packages' programs before the rest of the PATH. */
function withoutPackages(environment) {
  const path = (environment.PATH ?? '')
    .split(delimiter)
    .filter((directory) => !/node_modules[\\/]\.bin[\\/]?$/.test(directory));
  return { ...environment, PATH: path.join(delimiter) };
}

/** Undefined when there is no such program, or it does not run. */
function versionOf(program, environment) {
  if (program === undefined) return undefined;
  const { status, stdout } = spawnSync(program, ['--version'], { env: environment, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
